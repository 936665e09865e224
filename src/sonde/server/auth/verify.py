"""A strict verifier for GitHub's OIDC tokens: keys only from the pinned issuer, every claim that we need accounted for.

Source of the rules: RFC 7519 §4.1, RFC 8725, reliability.md T1-T4. How a token is signed is `jws`.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from sonde.server.auth import jws
from sonde.server.auth.jws import TokenRefusedError
from sonde.server.auth.model import SignedClaims, UnverifiedJwt

LEEWAY = 30  # seconds
MAX_LIFE = 3600  # seconds from `iat` to `exp`; GitHub gives 5 minutes. It bounds how long a used `jti` is kept
MAX_ID = 18  # digits, which every database holds

KeyOf = Callable[[str, str], RSAPublicKey]  # (issuer, kid) -> key


def verify(
    unverified: UnverifiedJwt, *, issuers: Sequence[str], audiences: Sequence[str], key_of: KeyOf, now: int
) -> SignedClaims:
    """The claims of a genuine token. `now` is epoch milliseconds.

    `key_of(issuer, kid)` is asked only for an issuer that is listed; it may raise TokenRefusedError for an unknown kid.
    Raises TokenRefusedError for everything that is not a live RS256 token of a listed issuer for a listed audience.
    """
    token = jws.parse(unverified)
    payload = jws.json_object(token.payload)
    _check_text(token.payload, payload)
    unverified_issuer = payload.get("iss")
    if not isinstance(unverified_issuer, str) or unverified_issuer.rstrip("/") not in issuers:
        raise TokenRefusedError(
            f"its issuer {str(unverified_issuer)[:200]!r} is not one this server trusts (SONDE_OIDC_ISSUERS)"
        )
    jws.check(token, key_of(unverified_issuer.rstrip("/"), token.kid))
    _check_audience(payload, audiences)
    _check_times(payload, now // 1000)
    return _claims(payload)


def _check_text(raw: bytes, payload: Mapping[str, Any]) -> None:
    """Refuse what no database stores: the character NUL, and half of a surrogate pair. Only an escape can bring either."""
    if b"\\u" not in raw:
        return
    try:
        stored = json.dumps(payload, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise TokenRefusedError("a text in it is not Unicode") from error
    if b"\\u0000" in stored and b"\\u0000" in raw:
        raise TokenRefusedError("a text in it holds the character NUL")


def _check_audience(payload: Mapping[str, Any], audiences: Sequence[str]) -> None:
    audience = payload.get("aud")
    listed = audience if isinstance(audience, list) else [audience]
    if len(listed) != 1 or listed[0] not in audiences:
        raise TokenRefusedError(f"its audience {str(audience)[:200]!r} is not one of {', '.join(audiences)}")


def _check_times(payload: Mapping[str, Any], now: int) -> None:
    times = {name: payload.get(name) for name in ("exp", "iat", "nbf")}
    for name, value in times.items():
        if value is None and name == "nbf":
            continue
        if not isinstance(value, int) or isinstance(value, bool):
            raise TokenRefusedError(f"its {name} is not a time")
    if not 0 < payload["exp"] - payload["iat"] <= MAX_LIFE:
        raise TokenRefusedError("it lives longer than an hour, or ends before it begins")
    if now >= payload["exp"] + LEEWAY:
        late = now - payload["exp"]
        raise TokenRefusedError(
            f"it expired {late} s ago by this server's clock; the job must ask GitHub for a new one, "
            "and if it just did, that clock is fast"
        )
    if max(payload["iat"], payload.get("nbf") or 0) > now + LEEWAY:
        raise TokenRefusedError("it is not valid yet: compare this server's clock with GitHub's")


def _claims(payload: Mapping[str, Any]) -> SignedClaims:
    jti = payload.get("jti")
    if not isinstance(jti, str) or not jti:
        raise TokenRefusedError("it has no id (jti), so it could be used twice")
    ids = {}
    for name in ("repository_id", "repository_owner_id"):
        value = payload.get(name)
        if not isinstance(value, str) or not value.isascii() or not value.isdigit() or len(value) > MAX_ID:
            raise TokenRefusedError(f"it has no claim {name}, which binds it to a repository")
        ids[name] = int(value)
    repository = payload.get("repository")
    return SignedClaims(
        issuer=payload["iss"].rstrip("/"),
        jti=jti,
        expires_at=payload["exp"] * 1000,
        repository_id=ids["repository_id"],
        owner_id=ids["repository_owner_id"],
        repository=repository if isinstance(repository, str) else "",
        raw=payload,
    )
