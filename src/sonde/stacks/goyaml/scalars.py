"""What a scalar means: the resolution rules of yaml.v3 (stacks.md §6), with dates as `Timestamp`.

Only `true`/`false` in three spellings are booleans; `0777`, `0o777`, `0b11`, `0x1f` and `1_000` are integers; integers
beyond 64 bits become floats; `1e400` stays a string, as Go's parser refuses it; an unquoted date is a time.
"""

import math
import re
from dataclasses import dataclass
from typing import Any

LONG_PREFIX = "tag:yaml.org,2002:"
NULL, BOOL, STR, INT, FLOAT, TIMESTAMP = "!!null", "!!bool", "!!str", "!!int", "!!float", "!!timestamp"
SEQ, MAP, BINARY, MERGE = "!!seq", "!!map", "!!binary", "!!merge"
RESOLVABLE = frozenset({"", STR, BOOL, INT, FLOAT, NULL, TIMESTAMP})

# The first characters that can begin anything but a string.
HINTS = frozenset("+-0123456789nNtTfF~.")

WORDS: dict[str, tuple[str, Any]] = {
    **dict.fromkeys(("true", "True", "TRUE"), (BOOL, True)),
    **dict.fromkeys(("false", "False", "FALSE"), (BOOL, False)),
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), (NULL, None)),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), (FLOAT, math.nan)),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), (FLOAT, math.inf)),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), (FLOAT, -math.inf)),
    "<<": (MERGE, "<<"),
}

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


@dataclass(frozen=True, slots=True)
class Timestamp:
    """An unquoted date. `text` is what Go's `%v` prints for it, e.g. `2001-12-14 00:00:00 +0000 UTC`."""

    text: str


class ScalarError(ValueError):
    """A scalar that its own tag contradicts, in yaml.v3's words."""


def short_tag(tag: str) -> str:
    return "!!" + tag[len(LONG_PREFIX) :] if tag.startswith(LONG_PREFIX) else tag


def resolve(tag: str, text: str) -> tuple[str, Any]:
    """Give the tag and the value of a scalar; `tag` is short, or empty for a plain scalar without a tag.

    Raises `ScalarError` where the text does not fit the tag (`!!int x`).
    """
    if tag not in RESOLVABLE:
        return tag, text
    if tag == STR:
        return STR, text
    found, value = _resolve_untagged(text, dates=tag in ("", TIMESTAMP))
    if tag in ("", found):
        return found, value
    if tag == FLOAT and found == INT and value <= INT64_MAX:
        return FLOAT, float(value)
    raise ScalarError(f"yaml: cannot decode {found} `{text}` as a {tag}")


def _resolve_untagged(text: str, *, dates: bool) -> tuple[str, Any]:
    if word := WORDS.get(text):
        return word
    first = text[0]
    if first == ".":
        return _finite(text) if _DOT_FLOAT.fullmatch(text) else (STR, text)
    if first not in "+-0123456789":
        return STR, text
    if dates and (stamp := _timestamp(text)):
        return TIMESTAMP, stamp
    return _number(text)


def _number(text: str) -> tuple[str, Any]:
    digits = text.replace("_", "")
    if (number := _integer(digits)) is not None:
        return INT, number
    if _FLOAT.fullmatch(digits):
        tag, value = _finite(digits)
        return (tag, value) if tag == FLOAT else (STR, text)
    # Go strips the base and parses the rest with its own sign: 0b-11 is -3.
    if (match := _SIGN_INSIDE.fullmatch(digits)) and len(digits) < _LONGEST_INTEGER:
        try:
            number = int(match["digits"], 2 if match["base"] == "b" else 8)
        except ValueError:
            return STR, text
        if INT64_MIN <= number <= INT64_MAX:
            return INT, number
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


def _timestamp(text: str) -> Timestamp | None:
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
    fraction = (match["fraction"] or "")[:9].rstrip("0")
    offset = "+0000" if zone in (None, "Z") else zone.replace(":", "")
    named = "UTC" if offset in ("+0000", "-0000") else offset
    return Timestamp(
        f"{date} {hour:02}:{minute:02}:{second:02}{'.' + fraction if fraction else ''} {offset.replace('-0000', '+0000')} {named}"
    )
