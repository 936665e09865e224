"""A strict verifier for GitHub's OIDC tokens: RS256 only, keys only from the pinned issuer, every claim accounted for.

Source of the rules: RFC 7515 §5.2, RFC 7519 §4.1, RFC 8725, reliability.md T1-T4. What is not listed is refused.
"""

import base64
import binascii
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256

from sonde.server.auth.model import SignedClaims, UnverifiedJwt

MAX_TOKEN = 8 * 1024
LEEWAY = 30  # seconds
HEADER_FIELDS = frozenset({"alg", "kid", "typ", "x5t"})

KeyOf = Callable[[str, str], RSAPublicKey]  # (issuer, kid) -> key


class TokenRefusedError(Exception):
    """The token proves nothing. The text says why, in words for the person who reads the CLI's output."""


def verify(
    unverified: UnverifiedJwt, *, issuers: Sequence[str], audiences: Sequence[str], key_of: KeyOf, now: int
) -> SignedClaims:
    """The claims of a genuine token. `now` is epoch milliseconds.

    `key_of(issuer, kid)` is asked only for an issuer that is listed; it may raise TokenRefusedError for an unknown kid.
    Raises TokenRefusedError for everything that is not a live RS256 token of a listed issuer for a listed audience.
    """
    header, payload, signed, signature = _segments(unverified)
    if header.get("alg") != "RS256":
        raise TokenRefusedError("its algorithm is not RS256")
    if unknown := set(header) - HEADER_FIELDS:
        raise TokenRefusedError(f"its header has fields that are not allowed: {', '.join(sorted(unknown))}")
    kid = header.get("kid")
    if not isinstance(kid, str) or not kid:
        raise TokenRefusedError("its header names no key (kid)")
    unverified_issuer = payload.get("iss")
    if not isinstance(unverified_issuer, str) or unverified_issuer.rstrip("/") not in issuers:
        raise TokenRefusedError(f"its issuer {unverified_issuer!r} is not one this server trusts (SONDE_OIDC_ISSUERS)")
    try:
        key_of(unverified_issuer.rstrip("/"), kid).verify(signature, signed, PKCS1v15(), SHA256())
    except InvalidSignature as error:
        raise TokenRefusedError("its signature does not fit the issuer's key") from error
    _check_audience(payload, audiences)
    _check_times(payload, now // 1000)
    return _claims(payload)


def _segments(unverified: UnverifiedJwt) -> tuple[Mapping[str, Any], Mapping[str, Any], bytes, bytes]:
    if len(unverified) > MAX_TOKEN:
        raise TokenRefusedError("it is longer than 8 KiB")
    parts = unverified.split(".")
    if len(parts) != 3:
        raise TokenRefusedError("it is not a signed JWT of three parts")
    header, payload, signature = (_decode(part) for part in parts)
    return _object(header), _object(payload), f"{parts[0]}.{parts[1]}".encode(), signature


def _decode(part: str) -> bytes:
    try:
        raw = base64.b64decode(part.encode("ascii") + b"=" * (-len(part) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise TokenRefusedError("a part of it is not base64url") from error
    if base64.urlsafe_b64encode(raw).rstrip(b"=").decode() != part:  # one token, one spelling (RFC 7515 §2: no padding)
        raise TokenRefusedError("a part of it is not canonical base64url")
    return raw


def _object(raw: bytes) -> Mapping[str, Any]:
    try:
        value = json.loads(raw.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise TokenRefusedError("a part of it is not a JSON object") from error
    if not isinstance(value, dict):
        raise TokenRefusedError("a part of it is not a JSON object")
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a name occurs twice")
    return value


def _no_constant(name: str) -> None:
    raise ValueError(name)


def _check_audience(payload: Mapping[str, Any], audiences: Sequence[str]) -> None:
    audience = payload.get("aud")
    listed = audience if isinstance(audience, list) else [audience]
    if len(listed) != 1 or listed[0] not in audiences:
        raise TokenRefusedError(f"its audience {audience!r} is not one of {', '.join(audiences)}")


def _check_times(payload: Mapping[str, Any], now: int) -> None:
    times = {name: payload.get(name) for name in ("exp", "iat", "nbf")}
    for name, value in times.items():
        if value is None and name == "nbf":
            continue
        if not isinstance(value, int) or isinstance(value, bool):
            raise TokenRefusedError(f"its {name} is not a time")
    if now >= payload["exp"] + LEEWAY:
        raise TokenRefusedError("it has expired; the job must ask GitHub for a new one")
    if max(payload["iat"], payload.get("nbf") or 0) > now + LEEWAY:
        raise TokenRefusedError("it is not valid yet: compare this server's clock with GitHub's")


def _claims(payload: Mapping[str, Any]) -> SignedClaims:
    jti = payload.get("jti")
    if not isinstance(jti, str) or not jti:
        raise TokenRefusedError("it has no id (jti), so it could be used twice")
    ids = {}
    for name in ("repository_id", "repository_owner_id"):
        value = payload.get(name)
        if not isinstance(value, str) or not value.isascii() or not value.isdigit():
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
