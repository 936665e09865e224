"""Signed tokens in compact form, and keys that may check them: RS256 and nothing else.

Source of the rules: RFC 7515 §5.2, RFC 7517 §4, RFC 8725 §3, reliability.md T1. What is not listed is refused.
"""

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey, RSAPublicNumbers
from cryptography.hazmat.primitives.hashes import SHA256

MAX_TOKEN = 8 * 1024  # characters
HEADER_FIELDS = frozenset({"alg", "kid", "typ", "x5t"})
TYPES = frozenset({"JWT", "jwt"})
MIN_BITS, MAX_BITS = 2048, 8192
EXPONENT = 65_537  # what every issuer uses; 1 would make each message its own signature


class TokenRefusedError(Exception):
    """The token proves nothing. The text says why, in words for the person who reads the CLI's output."""


@dataclass(frozen=True)
class Jws:
    """A token taken apart; nothing in it is believed before `check`. `kid` names the key that its sender claims."""

    kid: str
    payload: bytes
    signed: bytes
    signature: bytes


def parse(compact: str) -> Jws:
    """A compact JWS with a header of ours. Raises TokenRefusedError for anything else."""
    if len(compact) > MAX_TOKEN:
        raise TokenRefusedError("it is longer than 8 KiB")
    parts = compact.split(".")
    if len(parts) != 3:
        raise TokenRefusedError("it is not a signed JWT of three parts")
    return Jws(_kid(parts[0]), _decode(parts[1]), f"{parts[0]}.{parts[1]}".encode(), _decode(parts[2]))


def check(jws: Jws, key: RSAPublicKey) -> None:
    """Whether the key's owner signed it. Raises TokenRefusedError."""
    try:
        key.verify(jws.signature, jws.signed, PKCS1v15(), SHA256())
    except InvalidSignature as error:
        raise TokenRefusedError("its signature does not fit the issuer's key") from error


@lru_cache(256)  # an issuer's tokens begin alike, all that one key signed
def _kid(part: str) -> str:
    header = json_object(_decode(part))
    if header.get("alg") != "RS256":
        raise TokenRefusedError("its algorithm is not RS256")
    if unknown := set(header) - HEADER_FIELDS:
        raise TokenRefusedError(f"its header has fields that are not allowed: {', '.join(sorted(unknown))}")
    if header.get("typ", "JWT") not in TYPES:
        raise TokenRefusedError("its type (typ) is not JWT")
    kid = header.get("kid")
    if not isinstance(kid, str) or not kid:
        raise TokenRefusedError("its header names no key (kid)")
    return kid


def _decode(part: str) -> bytes:
    try:
        raw = base64.b64decode(part.encode("ascii") + b"=" * (-len(part) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise TokenRefusedError("a part of it is not base64url") from error
    if base64.urlsafe_b64encode(raw).rstrip(b"=").decode() != part:  # one token, one spelling (RFC 7515 §2: no padding)
        raise TokenRefusedError("a part of it is not canonical base64url")
    return raw


def json_object(raw: bytes) -> Mapping[str, Any]:
    """Bytes of a token as a JSON object without a name that occurs twice. Raises TokenRefusedError."""
    try:
        value = _STRICT.decode(raw.decode("utf-8"))
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


_STRICT = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_no_constant)


def rsa_keys(entries: Sequence[Any]) -> Mapping[str, RSAPublicKey]:
    """The keys of a JWK set that may check RS256, by id. One that may not is left out; of two with one id both are."""
    found: dict[str, list[RSAPublicKey]] = {}
    for entry in entries:
        if isinstance(entry, dict) and isinstance(entry.get("kid"), str) and entry["kid"]:
            found.setdefault(entry["kid"], []).extend(_rsa_key(entry))
    return {kid: keys[0] for kid, keys in found.items() if len(keys) == 1}


def _rsa_key(entry: Mapping[str, Any]) -> list[RSAPublicKey]:
    operations = entry.get("key_ops", ["verify"])
    meant = entry.get("use", "sig") == "sig" and isinstance(operations, list) and "verify" in operations
    if entry.get("kty") != "RSA" or entry.get("alg", "RS256") != "RS256" or not meant:
        return []
    try:
        modulus, exponent = (int.from_bytes(_decode(str(entry.get(name, "")))) for name in ("n", "e"))
        if exponent != EXPONENT or not MIN_BITS <= modulus.bit_length() <= MAX_BITS:
            return []
        return [] if _roca(modulus) else [RSAPublicNumbers(exponent, modulus).public_key()]
    except (TokenRefusedError, ValueError):
        return []


PRIMES = (
    3,
    5,
    7,
    11,
    13,
    17,
    19,
    23,
    29,
    31,
    37,
    41,
    43,
    47,
    53,
    59,
    61,
    67,
    71,
    73,
    79,
    83,
    89,
    97,
    101,
    103,
    107,
    109,
)


def _roca(modulus: int) -> bool:
    """Whether a key was made by the chips whose keys can be factored: modulo each prime it is a power of 65537 (CVE-2017-15361)."""
    return all(modulus % prime in {pow(EXPONENT, power, prime) for power in range(prime)} for prime in PRIMES)
