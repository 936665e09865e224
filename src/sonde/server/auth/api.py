"""`POST /api/v1/auth/github-oidc`."""

from anyio import to_thread

from sonde.server.auth import service
from sonde.server.auth.model import SignedClaims, UnverifiedJwt
from sonde.server.kernel.http import Call, Reply, decode
from sonde.wire.codec import to_json
from sonde.wire.exchange import ExchangeAnswer, ExchangeRequest


async def exchange(trust: service.Trust, call: Call) -> Reply:
    """A GitHub OIDC token for a session token."""
    request = decode(ExchangeRequest, call.body)
    unverified = UnverifiedJwt(request.token)
    now = trust.db.recently()
    if now is None:
        now = await to_thread.run_sync(trust.db.clock)
    claims = await _verified(trust, unverified, now)
    if trust.live_runs:
        await to_thread.run_sync(trust.live_runs.check, claims, request.workspace_id)
    key = trust.ring.ready(now)
    if key is None:
        key = await to_thread.run_sync(trust.ring.current, now)
    opened = await trust.db.grouped(service.OPEN, (claims, request.workspace_id))
    return Reply(to_json(ExchangeAnswer(service.granted(claims, opened, key))))


async def _verified(trust: service.Trust, unverified: UnverifiedJwt, now: int) -> SignedClaims:
    """On the loop as long as the issuer's key is at hand; who must fetch it waits on a thread."""
    try:
        return service.verified(trust, unverified, trust.jwks.known, now)
    except KeyError:
        return await to_thread.run_sync(service.verified, trust, unverified, trust.jwks.key_of, now)
