"""YAML as yaml.v3 writes it with an indent of two."""

import math
import re
from collections.abc import Iterator, Mapping
from functools import cmp_to_key
from typing import Any, Final

from sonde.gotemplate.fmt import show
from sonde.gotemplate.functions.yamlread import resolve
from sonde.gotemplate.strconv import format_float

_OLD_BOOL: Final = frozenset(
    ["y", "Y", "yes", "Yes", "YES", "on", "On", "ON", "n", "N", "no", "No", "NO", "off", "Off", "OFF"]
)
_BASE60: Final = re.compile(r"[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?")
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt ].*)?")
_ESCAPES: Final = {
    "\0": "0", "\a": "a", "\b": "b", "\t": "t", "\n": "n", "\v": "v", "\f": "f", "\r": "r", "\x1b": "e",
    '"': '"', "\\": "\\", "\x85": "N", "\xa0": "_", "\u2028": "L", "\u2029": "P", "\ufeff": "uFEFF",
}  # fmt: skip


def dump(value: Any) -> str:
    """The document, with a new line at its end."""
    return "".join(_node(value, 0)) + "\n"


def _node(value: Any, indent: int) -> Iterator[str]:
    value = _plain(value)
    if isinstance(value, Mapping) and value:
        yield from _block((_entry(key, item, indent) for key, item in _sorted(value)), indent)
    elif isinstance(value, (list, tuple)) and value:
        yield from _block((_item(item, indent) for item in value), indent)
    else:
        yield scalar(value, indent)


def _block(parts: Iterator[Iterator[str]], indent: int) -> Iterator[str]:
    for number, part in enumerate(parts):
        if number:
            yield "\n" + " " * indent
        yield from part


def _plain(value: Any) -> Any:
    """Bytes as a list of numbers, structures as maps, and what has a text of its own as that."""
    if isinstance(value, bytes):
        return list(value)
    fields = getattr(value, "gofields", None)
    if fields is not None:
        return {name.lower(): item for name, item in fields()}
    return show(value) if hasattr(type(value), "gostring") else value


def _entry(key: Any, value: Any, indent: int) -> Iterator[str]:
    value = _plain(value)
    yield scalar(str(key) if not isinstance(key, (int, float, bool)) else key, indent, key=True) + ":"
    if isinstance(value, (Mapping, list, tuple)) and value:
        yield "\n" + " " * (indent + 2)
        yield from _node(value, indent + 2)
    else:
        yield " " + scalar(value, indent)


def _item(value: Any, indent: int) -> Iterator[str]:
    yield "- "
    yield from _node(value, indent + 2)


def scalar(value: Any, indent: int, *, key: bool = False) -> str:
    if value is None:
        return "null"
    if isinstance(value, (bool, int)):
        return str(int(value)) if not isinstance(value, bool) else "true" if value else "false"
    if isinstance(value, float):
        return _float(value)
    if isinstance(value, (Mapping, list, tuple)):
        return "{}" if isinstance(value, Mapping) else "[]"
    return _text(value if isinstance(value, str) else show(value), indent, key=key)


def _float(value: float) -> str:
    if math.isnan(value):
        return ".nan"
    if math.isinf(value):
        return ".inf" if value > 0 else "-.inf"
    return format_float(value)


def _text(text: str, indent: int, *, key: bool) -> str:
    if "\n" in text:
        return _literal(text, indent) if not key and _block_allowed(text) else _double(text)
    if (
        not text
        or resolve(text) != text
        or text in _OLD_BOOL
        or text == "<<"
        or _BASE60.fullmatch(text)
        or _DATE.fullmatch(text)
    ):
        return _double(text)
    if _plain_allowed(text):
        return text
    return _double(text) if _special(text) or "\t" in text else "'" + text.replace("'", "''") + "'"


def _special(text: str) -> bool:
    return any(not (char.isprintable() or char in "\n\t") or char in "\x85\xa0\ufeff" for char in text)


def _block_allowed(text: str) -> bool:
    return not (_special(text) or text.endswith(" ") or " \n" in text)


def _plain_allowed(text: str) -> bool:
    if text[0] in "#,[]{}&*!|>'\"%@`" or text[0] == " " or text[-1] == " " or text.startswith(("---", "...")):
        return False
    if text[0] in "-?:" and (len(text) == 1 or text[1] in " \t"):
        return False
    if ": " in text or " #" in text or text.endswith(":") or "\t" in text or _special(text):
        return False
    return not (text[0] == "=" and len(text) == 1)


def _literal(text: str, indent: int) -> str:
    mark = "|" + ("2" if text[0] in " \n" else "")
    body = text.rstrip("\n")
    mark += "-" if body == text else "+" if text.endswith("\n\n") or not body else ""
    pad = " " * (indent + 2)
    lines = text[:-1].split("\n") if text.endswith("\n") else text.split("\n")
    return mark + "".join("\n" + (pad + line if line else "") for line in lines)


def _double(text: str) -> str:
    return '"' + "".join(_escaped(char) for char in text) + '"'


def _escaped(char: str) -> str:
    if char in _ESCAPES:
        return "\\" + _ESCAPES[char]
    if char.isprintable():
        return char
    code = ord(char)
    return f"\\x{code:02X}" if code < 0x100 else f"\\u{code:04X}" if code < 0x10000 else f"\\U{code:08X}"


def _sorted(mapping: Mapping[Any, Any]) -> list[tuple[Any, Any]]:
    return sorted(mapping.items(), key=cmp_to_key(_by_key))


def _by_key(one: tuple[Any, Any], two: tuple[Any, Any]) -> int:
    return _natural(str(one[0]), str(two[0]))


def _natural(one: str, two: str) -> int:
    """yaml.v3's order of keys: letters after other characters, runs of digits by their number."""
    digits = False
    for at, (left, right) in enumerate(zip(one, two, strict=False)):
        if left == right:
            digits = left.isdigit()
            continue
        if left.isalpha() != right.isalpha():
            return _mixed(digits, left, right)
        return (
            _by_number(one[at:], two[at:], digits=digits) if left.isdigit() or right.isdigit() else _sign(left < right)
        )
    return len(one) - len(two)


def _mixed(digits: bool, left: str, right: str) -> int:  # noqa: FBT001  a flag of the walk
    return _sign(left.isalpha()) if digits else _sign(right.isalpha())


def _sign(less: bool) -> int:  # noqa: FBT001  the comparison itself
    return -1 if less else 1


def _leading(text: str) -> str:
    return text[: len(text) - len(text.lstrip("0123456789"))]


def _by_number(one: str, two: str, *, digits: bool) -> int:
    first, second = _leading(one), _leading(two)
    if not digits and "0" in (first[:1], second[:1]) and first and second:
        stripped = len(first.lstrip("0")) - len(second.lstrip("0"))
        if stripped:
            return stripped
    number = int(first or "0") - int(second or "0")
    if number:
        return number
    return len(first) - len(second) if len(first) != len(second) else _sign(one < two)
