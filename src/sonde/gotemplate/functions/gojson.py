"""encoding/json: what Go writes and reads."""

import json
import math
from collections.abc import Mapping
from typing import Any

from sonde.gotemplate.errors import FunctionError
from sonde.gotemplate.strconv import format_float, quote
from sonde.gotemplate.values import sorted_items, to_bytes, type_name

_ALWAYS = {
    '"': '\\"',
    "\\": "\\\\",
    "\b": "\\b",
    "\f": "\\f",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    "\u2028": "\\u2028",
    "\u2029": "\\u2029",
}
_ESCAPES = {ord(char): text for char, text in _ALWAYS.items()}
_ESCAPES |= {code: f"\\u{code:04x}" for code in range(0x20) if chr(code) not in _ALWAYS}
_ESCAPES |= dict.fromkeys(range(56448, 56576), "\\ufffd")
_HTML_ESCAPES = _ESCAPES | {ord(char): f"\\u{ord(char):04x}" for char in "<>&"}


def encode(value: Any, *, html: bool = True, indent: str = "") -> str:
    """json.Marshal, or MarshalIndent; `html` false is an encoder with SetEscapeHTML(false)."""
    escapes = _HTML_ESCAPES if html else _ESCAPES
    try:
        return "".join(_pieces(value, escapes, indent, "\n" if indent else ""))
    except RecursionError:
        raise FunctionError("json: unsupported value: encountered a cycle") from None


def _pieces(value: Any, escapes: dict[int, str], indent: str, line: str) -> Any:
    if isinstance(value, str):
        yield f'"{value.translate(escapes)}"'
    elif isinstance(value, Mapping) and not getattr(value, "nil", False):
        items: list[tuple[str | None, Any]] = [
            (f'"{str(key).translate(escapes)}"', item) for key, item in sorted_items(value)
        ]
        yield from _members("{}", items, (escapes, indent, line))
    elif isinstance(value, bytes):
        from base64 import b64encode

        yield f'"{b64encode(value).decode()}"'
    elif isinstance(value, (list, tuple)) and not getattr(value, "nil", False):
        yield from _members("[]", [(None, item) for item in value], (escapes, indent, line))
    else:
        yield _scalar(value, escapes)


def _members(marks: str, items: list[tuple[str | None, Any]], style: tuple[dict[int, str], str, str]) -> Any:
    escapes, indent, line = style
    if not items:
        yield marks
        return
    inner = line + indent if indent else ""
    yield marks[0]
    for number, (key, item) in enumerate(items):
        yield ("," if number else "") + inner
        if key is not None:
            yield key + (": " if indent else ":")
        yield from _pieces(item, escapes, indent, inner)
    yield line + marks[1]


def _scalar(value: Any, escapes: dict[int, str]) -> str:
    if value is None or getattr(value, "nil", False):
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(int(value))
    if isinstance(value, float):
        return float_text(value)
    fields = getattr(value, "gofields", None)
    if fields is not None:
        return "{" + ",".join(f'"{name}":{"".join(_pieces(item, escapes, "", ""))}' for name, item in fields()) + "}"
    text = getattr(type(value), "gojson", None)
    if text is not None:
        return f'"{text(value).translate(escapes)}"'
    raise FunctionError(f"json: unsupported type: {type_name(value)}")


def float_text(value: float) -> str:
    """A float as encoding/json writes it: positional between 1e-6 and 1e21."""
    if math.isnan(value) or math.isinf(value):
        raise FunctionError(f"json: unsupported value: {format_float(value)}")
    size = abs(value)
    if size == 0 or 1e-6 <= size < 1e21:
        return format_float(value, "f")
    text = format_float(value, "e")
    return text[:-2] + text[-1] if text[-4:-1] == "e-0" else text


def decode(text: str) -> Any:
    """json.Unmarshal into interface {}: every number is a float64. FunctionError with Go's text."""
    try:
        return json.loads(text, parse_int=_number, parse_float=_number, parse_constant=_refuse, strict=True)
    except json.JSONDecodeError as error:
        raise FunctionError(_message(text, error.pos)) from None
    except RecursionError:
        raise FunctionError("exceeded max depth") from None


def _number(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise FunctionError(f"json: cannot unmarshal number {text} into Go value of type float64")
    return number


def _refuse(name: str) -> Any:
    raise FunctionError(f"invalid character {quote(name[0], chr(39))} looking for beginning of value")


def _message(text: str, pos: int) -> str:
    """Go's complaint about malformed JSON, as far as the place tells it. Go shows a byte, not a character."""
    rest = text[pos:].lstrip(" \t\r\n")
    if not rest or (rest[0] == '"' and '"' not in rest[1:]):
        return "unexpected end of JSON input"
    if rest[0] == "-":
        return f"invalid character {_shown(rest[1:] or ' ')} in numeric literal"
    before = text[:pos].rstrip(" \t\r\n")
    shown = f"invalid character {_shown(rest)}"
    if before.endswith("{"):
        return f"{shown} looking for beginning of object key string"
    if not before or before[-1] in ":[,":
        return f"{shown} looking for beginning of value"
    return f"{shown} after top-level value"


def _shown(rest: str) -> str:
    char = chr(to_bytes(rest)[0])
    return "'\"'" if char == '"' else quote(char, "'")
