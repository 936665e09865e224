"""What a scalar means: the resolution rules of yaml.v3 (stacks.md §6), with dates as `Timestamp`.

Only `true`/`false` in three spellings are booleans; `0777`, `0o777`, `0b11`, `0x1f` and `1_000` are integers; integers
beyond 64 bits become floats; `1e400` stays a string, as Go's parser refuses it; an unquoted date is a time.
"""

import math
from typing import Any, NamedTuple

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

MOST_PLAIN_DIGITS = 19  # fewer digits are an int64 in any case


class Timestamp(NamedTuple):
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
    if tag == FLOAT and found == INT and value < 2**63:
        return FLOAT, float(value)
    raise ScalarError(f"yaml: cannot decode {found} `{text}` as a {tag}")


def _resolve_untagged(text: str, *, dates: bool) -> tuple[str, Any]:
    if word := WORDS.get(text):
        return word
    if text[0] not in "+-.0123456789":
        return STR, text
    if text.isdigit() and text.isascii() and text[0] != "0" and len(text) < MOST_PLAIN_DIGITS:
        return INT, int(text)
    from sonde.stacks.goyaml import numbers

    if text[0] == ".":
        return numbers.fraction(text)
    stamp = numbers.timestamp(text) if dates else None
    return (TIMESTAMP, stamp) if stamp else numbers.number(text)
