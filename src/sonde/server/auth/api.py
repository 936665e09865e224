"""`POST /api/v1/auth/github-oidc`."""

from functools import partial

from sonde.server.auth import service
from sonde.server.auth.model import SignedClaims, UnverifiedJwt
from sonde.server.kernel.decode import decode
from sonde.server.kernel.door import Ask, MustWaitError
from sonde.server.kernel.http import Call, Reply
from sonde.wire.codec import to_json
from sonde.wire.exchange import ExchangeAnswer, ExchangeRequest


def exchange(trust: service.Trust, call: Call, *, may_wait: bool) -> Ask:
    """A GitHub OIDC token for a session token.

    Who may not wait is answered as long as the issuer's key, our own, and a recent look at the clock are at hand.
    """
    request = decode(ExchangeRequest, call.body)
    now = trust.db.recently()
    if now is None and may_wait:
        now = trust.db.clock()
    key = (trust.ring.current(now) if may_wait else trust.ring.ready(now)) if now else None
    if now is None or key is None or (trust.live_runs and not may_wait):
        raise MustWaitError
    try:
        key_of = trust.jwks.key_of if may_wait else partial(trust.jwks.known, now=now)
        claims = service.verified(trust, UnverifiedJwt(request.token), key_of, now)
    except KeyError as error:
        raise MustWaitError from error
    if trust.live_runs:
        trust.live_runs.check(claims, request.workspace_id)
    return Ask(service.OPEN, (claims, request.workspace_id), partial(_granted, claims, key))


def _granted(claims: SignedClaims, key: tuple[str, str], opened: service.Opened) -> Reply:
    return Reply(to_json(ExchangeAnswer(service.granted(claims, opened, key))))
