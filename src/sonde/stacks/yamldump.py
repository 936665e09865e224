"""Write values as yaml.v3's encoder does: the text that component templates are rendered from, and `--format yaml`.

The style of every scalar matters (stacks.md §5.2): a template inside a quoted scalar stays a string after rendering,
and the line numbers in template errors are those of this text.
"""

import math
import re
import unicodedata
from collections.abc import Callable
from functools import cmp_to_key, lru_cache
from typing import Any

from sonde.stacks.goyaml.scalars import STR, resolve

_OLD_BOOLEANS = frozenset(
    ["y", "Y", "yes", "Yes", "YES", "on", "On", "ON", "n", "N", "no", "No", "NO", "off", "Off", "OFF"]
)
_BASE60 = re.compile(r"[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?")
_SAFE = re.compile(r"[A-Za-z_/][A-Za-z0-9_/.+@()$=\\^~<>|;-]*")  # never special in YAML, inside or outside flows
_LOWER_NAMES = re.compile(r"[a-z_]+( [a-z_]+)*")
_FLOW_FIRST = frozenset("#,[]{}&*!|>'\"%@`")


class Struct(dict[str, Any]):
    """A map whose keys are written in their own order, as Go writes a struct's fields. Others are sorted."""


def dump(value: Any, indent: int = 2, *, quotes_matter: bool = False) -> str:
    """The document, ending in a newline. With `quotes_matter`, no scalar is in single quotes (templates may hold them)."""
    if quotes_matter:
        return dump(_no_single_quotes(value), indent)
    if isinstance(value, dict | list) and value:
        lines: list[str] = []
        _block(value, 0, indent, lines)
        return "\n".join(lines) + "\n"
    return scalar(value, 0, indent) + "\n"


class _DoubleQuoted(str):
    """A string that is written in double quotes."""

    __slots__ = ()


def _no_single_quotes(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _no_single_quotes(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_no_single_quotes(item) for item in value]
    return _DoubleQuoted(value) if isinstance(value, str) and "'" in value else value


def _block(value: Any, depth: int, indent: int, lines: list[str]) -> None:
    if isinstance(value, dict):
        _mapping(value, depth, indent, lines)
    else:
        _sequence(value, depth, indent, lines)


def _mapping(value: dict[str, Any], depth: int, indent: int, lines: list[str]) -> None:
    pad = " " * depth
    for key in sorted_keys(value):
        item = value[key]
        head = f"{pad}{key_text(key)}:"
        if isinstance(item, dict | list) and item:
            lines.append(head)
            _block(item, (depth // indent + 1) * indent, indent, lines)
        else:
            lines.append(f"{head} {scalar(item, (depth // indent + 1) * indent, indent)}")


def _sequence(value: list[Any], depth: int, indent: int, lines: list[str]) -> None:
    pad = " " * depth
    for item in value:
        if isinstance(item, dict | list) and item:
            start = len(lines)
            _block(item, depth + 2, indent, lines)
            lines[start] = f"{pad}- {lines[start][depth + 2 :]}"
        else:
            lines.append(f"{pad}- {scalar(item, depth + 2, indent)}")


def key_text(key: Any) -> str:
    """A key as it stands before its colon."""
    if not isinstance(key, str):
        return scalar(key, 0, 2)
    return _quoted(key) if "\n" in key else _line(key)


def scalar(value: Any, depth: int, indent: int = 2) -> str:
    """One scalar or empty collection as it stands behind `key: ` or `- `; block text is indented by `depth`."""
    if isinstance(value, _DoubleQuoted):
        return _quoted(value)
    if isinstance(value, str):
        return _literal(value, depth, indent) if "\n" in value else _line(value)
    return _PLAIN.get(type(value), str)(value)


def _float(value: float) -> str:
    if math.isnan(value):
        return ".nan"
    if math.isinf(value):
        return ".inf" if value > 0 else "-.inf"
    return go_float(value)


_PLAIN: dict[type, Callable[[Any], str]] = {
    type(None): lambda _: "null",
    bool: lambda value: "true" if value else "false",
    float: _float,
    dict: lambda _: "{}",
    list: lambda _: "[]",
}


def go_float(value: float, least: int = -4, most: int = 6) -> str:
    """The shortest digits that give the float back, in Go's form: with an exponent outside `least` ≤ exponent < `most`."""
    mantissa, _, exponent = f"{value!r}".partition("e")
    digits, power = _decimal(mantissa, int(exponent or 0))
    sign = "-" if math.copysign(1, value) < 0 else ""
    if digits == "0":
        return sign + "0"
    point = power + len(digits)  # the value is 0.digits * 10**point
    if not least <= point - 1 < most:
        tail = f".{digits[1:]}" if len(digits) > 1 else ""
        return f"{sign}{digits[0]}{tail}e{'-' if point < 1 else '+'}{abs(point - 1):02d}"
    if point <= 0:
        return f"{sign}0.{'0' * -point}{digits}"
    if point >= len(digits):
        return sign + digits + "0" * (point - len(digits))
    return f"{sign}{digits[:point]}.{digits[point:]}"


def _decimal(mantissa: str, exponent: int) -> tuple[str, int]:
    whole, _, fraction = mantissa.lstrip("-").partition(".")
    digits = (whole + fraction).lstrip("0") or "0"
    power = exponent - len(fraction)
    stripped = digits.rstrip("0") or "0"
    return stripped, power + len(digits) - len(stripped)


@lru_cache(maxsize=65536)
def _line(text: str) -> str:
    """A string without line breaks, as a block-context scalar."""
    if not text or not _stays_string(text):
        return _quoted(text)
    if _SAFE.fullmatch(text) or plain_allowed(text):
        return text
    return _quoted(text) if _special(text) else "'" + text.replace("'", "''") + "'"


def style_of(text: str) -> str:
    """Which quotes the encoder puts around the string: `plain`, `single`, `double` or `literal`."""
    if "\n" in text:
        return "literal" if _literal(text, 0, 2)[0] == "|" else "double"
    return {"'": "single", '"': "double"}.get(_line(text)[:1], "plain")


def _stays_string(text: str) -> bool:
    if text in _OLD_BOOLEANS or _BASE60.fullmatch(text):
        return False
    return resolve("", text)[0] == STR


def plain_allowed(text: str) -> bool:
    """Whether the text, whatever it means, can stand in a block context without quotes."""
    first, second = text[0], text[1:2]
    if first in _FLOW_FIRST or (first in "?:-" and second in ("", " ", "\t")):
        return False
    if text[0] == " " or text[-1] == " " or text.startswith(("---", "...")):
        return False
    if ": " in text or text.endswith(":") or " #" in text:
        return False
    return not _special(text)


def _special(text: str) -> bool:
    """Whether the text holds a tab or something that is not printable, so that only double quotes can carry it."""
    return not text.isprintable() and not all(map(_printable, text))


def _printable(char: str) -> bool:
    code = ord(char)
    if code <= 0x7E:
        return code >= 0x20
    return 0xA0 <= code <= 0xD7FF or (0xE000 <= code <= 0xFFFD and code != 0xFEFF) or code >= 0x10000


_ESCAPES = {0: "\\0", 7: "\\a", 8: "\\b", 9: "\\t", 10: "\\n", 11: "\\v", 12: "\\f", 13: "\\r", 27: "\\e"} | {
    34: '\\"',
    92: "\\\\",
    0x85: "\\N",
    0x2028: "\\L",
    0x2029: "\\P",
}


def _quoted(text: str) -> str:
    return '"' + "".join(map(_escape, text)) + '"'


def _escape(char: str) -> str:
    code = ord(char)
    if code in _ESCAPES:
        return _ESCAPES[code]
    if _printable(char):
        return char
    if code <= 0xFF:
        return f"\\x{code:02X}"
    return f"\\u{code:04X}" if code <= 0xFFFF else f"\\U{code:08X}"


def _literal(text: str, depth: int, indent: int) -> str:
    """`|` with the text below it, or double quotes where a block cannot carry it."""
    lines = text.split("\n")
    if text.endswith(" ") or any(line.endswith(" ") for line in lines[:-1]) or _unblockable(text):
        return _quoted(text)
    hint = str(indent) if text[0] in " \n" else ""
    chomp = "-" if not text.endswith("\n") else "+" if text == "\n" or text.endswith("\n\n") else ""
    pad = " " * (depth or indent)
    body = lines[:-1] if text.endswith("\n") else lines
    return "\n".join([f"|{hint}{chomp}", *(pad + line if line else "" for line in body)])


def _unblockable(text: str) -> bool:
    return any(not _printable(char) and char not in "\n\t" for char in text)


def sorted_keys(value: dict[str, Any]) -> list[str]:
    """Keys in yaml.v3's order: digits inside a name count as a number, other signs before letters."""
    keys = list(value)
    if len(keys) < 2 or type(value) is Struct:
        return keys
    if _LOWER_NAMES.fullmatch(" ".join(keys)):
        return sorted(keys)  # "_" sorts before the lower-case letters, as the encoder wants
    return sorted(keys, key=_natural)


def _compare(a: str, b: str) -> int:
    if a == b:
        return 0
    return -1 if _less(str(a), str(b)) else 1


_natural: Callable[[str], Any] = cmp_to_key(_compare)


def _less(a: str, b: str) -> bool:
    digits = False
    for index, (left, right) in enumerate(zip(a, b, strict=False)):
        if left == right:
            digits = _is_digit(left)
            continue
        if left.isalpha() and right.isalpha():
            return left < right
        if left.isalpha() or right.isalpha():
            return left.isalpha() if digits else right.isalpha()
        return _less_digits(a, b, index)
    return len(a) < len(b)


def _less_digits(a: str, b: str, index: int) -> bool:
    start = 0
    if "0" in (a[index], b[index]):
        back = index - 1
        while back >= 0 and _is_digit(a[back]):
            if a[back] != "0":
                start = 1
                break
            back -= 1
    (a_number, a_end), (b_number, b_end) = _run(a, index, start), _run(b, index, start)
    if a_number != b_number:
        return a_number < b_number
    return a_end < b_end if a_end != b_end else a[index] < b[index]


def _run(text: str, index: int, number: int) -> tuple[int, int]:
    while index < len(text) and _is_digit(text[index]):
        number = number * 10 + unicodedata.digit(text[index], 0)
        index += 1
    return number, index


def _is_digit(char: str) -> bool:
    return char.isdecimal()
