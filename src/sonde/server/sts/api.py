"""`POST /api/v1/sts`."""

from sonde.server.auth.model import Actor
from sonde.server.github.client import GitHub
from sonde.server.github.refusals import needs_github, refusing
from sonde.server.kernel.db import Database
from sonde.server.kernel.decode import decode
from sonde.server.kernel.http import Call, Reply
from sonde.server.sts import service
from sonde.wire.codec import to_json
from sonde.wire.sts import StsRequest


def tokens(github: GitHub | None, db: Database, actor: Actor, call: Call) -> Reply:
    """Tokens for private sources. None at all is an answer: `tokens` is a list, never null."""
    request = decode(StsRequest, call.body)
    policy_name = service.checked(actor, request)
    with refusing("minted"):
        answer = service.tokens(db, needs_github(github), actor, request, policy_name)
    return Reply(to_json(answer), headers={"Cache-Control": "no-store"})
