"""Numbers and dates in scalars, by Go's rules (stacks.md §6). Imported when the first one is met that is not plain digits."""

import math
import re
from typing import Any

from sonde.stacks.goyaml.scalars import FLOAT, INT, STR, Timestamp

INT64_MIN, INT64_MAX, UINT64_MAX = -(2**63), 2**63 - 1, 2**64 - 1

_INTEGER = re.compile(
    r"(?P<sign>[-+]?)(?:0[xX](?P<hex>[0-9a-fA-F]+)|0[bB](?P<bin>[01]+)|0[oO](?P<oct>[0-7]+)|0(?P<old>[0-7]+)|(?P<dec>0|[1-9][0-9]*))"
)
_SIGN_INSIDE = re.compile(r"0(?P<base>[bo])(?P<digits>[-+][0-9]+)")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_DOT_FLOAT = re.compile(r"\.[0-9]+(_[0-9]+)*([eE][-+]?[0-9]+(_[0-9]+)*)?")
_BASES = {"hex": 16, "bin": 2, "oct": 8, "old": 8, "dec": 10}
_LONGEST_INTEGER = 70  # characters; a longer number is a float or a string, and `int()` must not be fed with it

_DATE = re.compile(
    r"(?P<year>[0-9]{4})-(?P<month>[0-9]{1,2})-(?P<day>[0-9]{1,2})"
    r"(?:(?P<sep>[Tt]| +)(?P<hour>[0-9]{1,2}):(?P<minute>[0-9]{1,2}):(?P<second>[0-9]{1,2})(?:[.,](?P<fraction>[0-9]+))?"
    r"(?P<zone>Z|[-+][0-9]{2}:[0-9]{2})?)?"
)
_DAYS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def fraction(text: str) -> tuple[str, Any]:
    """Resolve a text that begins with a point."""
    return _finite(text) if _DOT_FLOAT.fullmatch(text) else (STR, text)


def number(text: str) -> tuple[str, Any]:
    """Resolve a text that begins with a digit or a sign."""
    digits = text.replace("_", "")
    if (whole := _integer(digits)) is not None:
        return INT, whole
    if _FLOAT.fullmatch(digits):
        tag, value = _finite(digits)
        return (tag, value) if tag == FLOAT else (STR, text)
    # Go strips the base and parses the rest with its own sign: 0b-11 is -3.
    if (match := _SIGN_INSIDE.fullmatch(digits)) and len(digits) < _LONGEST_INTEGER:
        try:
            whole = int(match["digits"], 2 if match["base"] == "b" else 8)
        except ValueError:
            return STR, text
        if INT64_MIN <= whole <= INT64_MAX:
            return INT, whole
    return STR, text


def _integer(digits: str) -> int | None:
    match = _INTEGER.fullmatch(digits)
    if not match or (len(digits) > _LONGEST_INTEGER and digits.strip("-+0") == digits):
        return None
    kind = match.lastgroup or "dec"
    body = match[kind].lstrip("0") or "0"
    if len(body) > _LONGEST_INTEGER:
        return None
    number = int(match["sign"] + body, _BASES[kind])
    # A sign is no part of an unsigned integer: +18446744073709551615 is a float.
    highest = INT64_MAX if match["sign"] else UINT64_MAX
    return number if INT64_MIN <= number <= highest else None


def _finite(text: str) -> tuple[str, Any]:
    value = float(text)
    return (STR, text) if math.isinf(value) else (FLOAT, value)


def timestamp(text: str) -> Timestamp | None:
    """Resolve a text to a date, None if it is none in one of yaml.v3's four formats."""
    match = _DATE.fullmatch(text)
    if not match:
        return None
    year, month, day = int(match["year"]), int(match["month"]), int(match["day"])
    leap = month == 2 and year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    if not 1 <= month <= 12 or not 1 <= day <= _DAYS[month - 1] + leap:
        return None
    date = f"{year:04}-{month:02}-{day:02}"
    if match["sep"] is None:
        return Timestamp(f"{date} 00:00:00 +0000 UTC")
    hour, minute, second = int(match["hour"]), int(match["minute"]), int(match["second"])
    zone = match["zone"]
    # `T` wants a zone, a space forbids one (yaml.v3's four formats).
    if hour > 23 or minute > 59 or second > 59 or (zone is None) != match["sep"].startswith(" "):
        return None
    if zone not in (None, "Z") and (int(zone[1:3]) > 24 or int(zone[4:6]) > 60):
        return None
    parts = (match["fraction"] or "")[:9].rstrip("0")
    offset = "+0000" if zone in (None, "Z") else zone.replace(":", "")
    named = "UTC" if offset in ("+0000", "-0000") else offset
    return Timestamp(
        f"{date} {hour:02}:{minute:02}:{second:02}{'.' + parts if parts else ''} {offset.replace('-0000', '+0000')} {named}"
    )
