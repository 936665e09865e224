"""JSON as gomplate writes it, through ugorji/go/codec: like encoding/json, but whole floats keep their point (2.0)."""

import math
from typing import Any

from sonde.gotemplate.errors import FunctionError
from sonde.gotemplate.functions import gojson
from sonde.gotemplate.strconv import format_float
from sonde.gotemplate.values import sorted_items


def encode(value: Any, *, indent: str = "", pretty: bool = False) -> str:
    """data.ToJSON; with `pretty`, each item on a line of its own, as json.Indent does even for an empty indent."""
    pieces: list[str] = []
    _write(value, pieces, ("\n", indent) if pretty else None, "\n")
    return "".join(pieces)


def _write(value: Any, out: list[str], style: tuple[str, str] | None, line: str) -> None:
    if isinstance(value, dict):
        items = [(gojson.encode(str(key)) + (": " if style else ":"), item) for key, item in sorted_items(value)]
        _members("{}", items, (out, style, line))
    elif isinstance(value, (list, tuple)) and not getattr(value, "nil", False):
        _members("[]", [("", item) for item in value], (out, style, line))
    elif isinstance(value, float):
        out.append(_float(value))
    elif (fields := getattr(value, "gofields", None)) is not None:
        _write(dict(fields()), out, style, line)
    else:
        out.append(gojson.encode(value))


def _members(marks: str, items: list[tuple[str, Any]], place: tuple[list[str], tuple[str, str] | None, str]) -> None:
    out, style, line = place
    if not items:
        out.append(marks)
        return
    inner = line + style[1] if style else ""
    out.append(marks[0])
    for number, (key, item) in enumerate(items):
        out.append(("," if number else "") + inner + key)
        _write(item, out, style, inner)
    out.append((line if style else "") + marks[1])


def _float(value: float) -> str:
    if math.isnan(value) or math.isinf(value):
        raise FunctionError(f"json: unsupported value: {format_float(value)}")
    size = abs(value)
    if size and (size < 1e-6 or size >= 1e21):
        return format_float(value, "e")
    return format_float(value, "f", 1) if value == int(value) else format_float(value, "f")
