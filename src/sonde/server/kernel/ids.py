"""Ids and randomness. The only place in the server that makes either."""

import secrets

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford base 32: sorts as it counts
_PAIRS = [first + second for first in _ALPHABET for second in _ALPHABET]  # ten bits each
_drawn: list[
    int
] = []  # numbers of 128 bits; the system is asked for many at a time, since asking costs more than they do


def _chance() -> int:
    while True:
        try:
            return _drawn.pop()
        except IndexError:
            many = secrets.token_bytes(16 * 256)
            _drawn.extend(int.from_bytes(many[at : at + 16]) for at in range(0, len(many), 16))


def new_id(prefix: str, now: int) -> str:
    """`prefix_` plus 26 characters that sort by `now` (epoch milliseconds): 48 bits of time, 80 of chance (a ULID)."""
    number = (now << 80) | (_chance() >> 48)
    return f"{prefix}_{''.join([_PAIRS[number >> bits & 1023] for bits in range(120, -1, -10)])}"


def new_secret() -> str:
    """256 bits for a bearer token or a key, safe in a URL."""
    return secrets.token_urlsafe(32)


def new_trace_id() -> str:
    """The id that a log line, an answer's `traceId` and a page share: 32 hex digits, as in W3C trace context."""
    return f"{_chance():032x}"
