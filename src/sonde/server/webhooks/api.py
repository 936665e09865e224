"""`POST /webhooks/github`."""

from functools import partial

from sonde.server.kernel.door import Ask, MustWaitError
from sonde.server.kernel.http import Call, Reply
from sonde.server.kernel.log import log
from sonde.server.webhooks import service

LARGE = 256 * 1024  # bytes of a body over which the event loop leaves the work to a thread


def github(secret: str, call: Call, *, may_wait: bool) -> Ask:
    """Store a delivery, then answer 202; a known delivery id is acknowledged and changes nothing."""
    if len(call.body) > LARGE and not may_wait:
        raise MustWaitError
    arrived = service.accepted(secret, call.headers, call.body)
    if may_wait:
        arrived.pack()
    return Ask(service.RECEIVE, arrived, partial(_stored, arrived.guid, str(arrived.filed["event"])))


def _stored(guid: str, kind: str, new: bool) -> Reply:  # noqa: FBT001 - the answer of the write
    log.debug("delivery.received", guid=guid, kind=kind, new=new)
    return Reply({"delivery": guid, "new": new}, status=202)
