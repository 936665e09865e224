"""time.Duration: nanoseconds, read and written as Go does (1h2m3.5s)."""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import ClassVar, Final

from sonde.gotemplate.errors import FunctionError
from sonde.gotemplate.values import INT_MAX, INT_MIN, GoFunc, Int64, to_bytes, wrap64

UNITS: Final = {
    "ns": 1,
    "us": 1000,
    "\u00b5s": 1000,
    "\u03bcs": 1000,
    "ms": 10**6,
    "s": 10**9,
    "m": 60 * 10**9,
    "h": 3600 * 10**9,
}
_PART: Final = re.compile(r"([0-9]*)(\.[0-9]*)?([^0-9.]*)")


def quote(text: str) -> str:
    """How package time quotes: every byte that is not printable ASCII in hex."""
    return '"' + "".join(map(_quoted, to_bytes(text))) + '"'


def _quoted(byte: int) -> str:
    if byte in b'"\\':
        return "\\" + chr(byte)
    return chr(byte) if 0x20 <= byte < 0x7F else f"\\x{byte:02x}"


class Duration(int):
    gotype: ClassVar[str] = "time.Duration"
    kind: ClassVar[str] = "int64"
    gomethods: ClassVar[Mapping[str, GoFunc]]

    def gostring(self) -> str:
        """The shortest of h, m, s, ms, µs, ns that keeps all digits."""
        size = abs(int(self))
        sign = "-" if self < 0 else ""
        if size < 10**9:
            if size == 0:
                return "0s"
            unit = "ns" if size < 1000 else "\u00b5s" if size < 10**6 else "ms"
            return f"{sign}{_decimal(size, UNITS[unit])}{unit}"
        minutes, rest = divmod(size, UNITS["m"])
        hours, minutes = divmod(minutes, 60)
        text = f"{_decimal(rest, UNITS['s'])}s"
        if hours:
            return f"{sign}{hours}h{minutes}m{text}"
        return f"{sign}{minutes}m{text}" if minutes else sign + text


def _decimal(number: int, unit: int) -> str:
    whole, rest = divmod(number, unit)
    if not rest:
        return str(whole)
    return f"{whole}.{str(rest).rjust(len(str(unit)) - 1, '0').rstrip('0')}"


def parse(text: str) -> Duration:
    """time.ParseDuration; FunctionError with Go's text."""
    body = text[1:] if text[:1] in ("+", "-") else text
    if body == "0":
        return Duration(0)
    if not body:
        raise FunctionError(f"time: invalid duration {quote(text)}")
    total = Decimal(0)
    at = 0
    while at < len(body):
        found = _PART.match(body, at)
        if not found or not (found[1] or (found[2] and len(found[2]) > 1)):
            raise FunctionError(f"time: invalid duration {quote(text)}")
        if not found[3]:
            raise FunctionError(f"time: missing unit in duration {quote(text)}")
        if found[3] not in UNITS:
            raise FunctionError(f"time: unknown unit {quote(found[3])} in duration {quote(text)}")
        total += int(Decimal((found[1] or "0") + (found[2] or "")) * UNITS[found[3]])
        at = found.end()
    number = -int(total) if text.startswith("-") else int(total)
    if not INT_MIN <= number <= INT_MAX:
        raise FunctionError(f"time: invalid duration {quote(text)}")
    return Duration(number)


def truncated(number: int, unit: int) -> int:
    return number if unit <= 0 else number - (abs(number) % unit) * (1 if number >= 0 else -1)


def rounded(number: int, unit: int) -> int:
    """To the nearest multiple, half away from zero."""
    if unit <= 0:
        return number
    sign = 1 if number >= 0 else -1
    size = abs(number)
    rest = size % unit
    return wrap64(sign * (size - rest if rest + rest < unit else size + unit - rest))


_SELF: Final = "time.Duration"
Duration.gomethods = {
    "String": GoFunc(Duration.gostring),
    "Nanoseconds": GoFunc(Int64),
    "Microseconds": GoFunc(lambda d: Int64(truncated(d, 1000) // 1000)),
    "Milliseconds": GoFunc(lambda d: Int64(truncated(d, 10**6) // 10**6)),
    "Seconds": GoFunc(lambda d: int(d) / 1e9),
    "Minutes": GoFunc(lambda d: int(d) / 60e9),
    "Hours": GoFunc(lambda d: int(d) / 3600e9),
    "Round": GoFunc(lambda d, unit: Duration(rounded(d, unit)), _SELF),
    "Truncate": GoFunc(lambda d, unit: Duration(truncated(d, unit)), _SELF),
    "Abs": GoFunc(lambda d: Duration(abs(d))),
}
