"""`POST /webhooks/github`."""

from sonde.server.kernel.db import Database
from sonde.server.kernel.http import Call, Reply
from sonde.server.kernel.log import log
from sonde.server.webhooks import service


async def github(db: Database, secret: str, call: Call) -> Reply:
    """Store a delivery, then answer 202; a known delivery id is acknowledged and changes nothing."""
    new = await service.receive(db, secret, call.headers, call.body)
    guid = call.headers.get("x-github-delivery", "")
    log.debug("delivery.received", guid=guid, kind=call.headers.get("x-github-event", ""), new=new)
    return Reply({"delivery": guid, "new": new}, status=202)
