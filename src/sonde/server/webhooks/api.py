"""`POST /webhooks/github`."""

import time
from collections.abc import Callable
from functools import partial

from sonde.server.kernel.door import Ask, MustWaitError
from sonde.server.kernel.http import Call, Reply
from sonde.server.kernel.log import log
from sonde.server.webhooks import service
from sonde.server.webhooks.store import Arrived

LARGE = 256 * 1024  # bytes of a body over which the event loop leaves the work to a thread


def github(secrets: service.Secrets, stored: Callable[[], None], call: Call, *, may_wait: bool) -> Ask:
    """Store a delivery, call `stored`, answer 202; a known delivery id is acknowledged and changes nothing."""
    if len(call.body) > LARGE and not may_wait:
        raise MustWaitError
    arrived = service.accepted(secrets, call.headers, call.body, time.monotonic())
    if may_wait:
        arrived.pack()
    return Ask(service.RECEIVE, arrived, partial(_answered, stored, arrived))


def _answered(stored: Callable[[], None], arrived: Arrived, new: bool) -> Reply:  # noqa: FBT001 - the answer of the write
    stored()
    guid, kind = arrived.filed["guid"], arrived.filed["event"]
    log.debug("delivery.received", guid=guid, kind=kind, new=new)
    return Reply({"delivery": guid, "new": new}, status=202)
