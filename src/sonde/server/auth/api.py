"""`POST /api/v1/auth/github-oidc`."""

from sonde.server.auth import service
from sonde.server.auth.model import UnverifiedJwt
from sonde.server.kernel.http import Call, Reply, decode
from sonde.wire.codec import to_json
from sonde.wire.exchange import ExchangeAnswer, ExchangeRequest


def exchange(trust: service.Trust, call: Call) -> Reply:
    """A GitHub OIDC token for a session token."""
    request = decode(ExchangeRequest, call.body)
    with trust.db.read() as tx:
        now = tx.now
    token = service.exchange(trust, UnverifiedJwt(request.token), request.workspace_id, now=now)
    return Reply(to_json(ExchangeAnswer(token)))
