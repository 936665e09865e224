"""Loose conversions: spf13/cast, as sprig uses it, and gomplate's conv."""

import math
import re
from collections.abc import Mapping
from typing import Any, Final

from sonde.gotemplate.fmt import show
from sonde.gotemplate.strconv import parse_float, parse_int
from sonde.gotemplate.values import INT_MAX, INT_MIN, MISSING, from_bytes, wrap64

_DECIMAL: Final = re.compile(r"([-+]?[0-9]*)\.[0-9]*")


def float_to_int(number: float) -> int:
    """Go's int64(float64): truncation; what does not fit becomes the smallest integer (amd64)."""
    if math.isnan(number) or math.isinf(number) or not INT_MIN <= int(number) <= INT_MAX:
        return INT_MIN
    return int(number)


def bounded_int(text: str) -> int | None:
    """strconv.ParseInt(text, 0, 64)."""
    number = parse_int(text)
    return number if number is not None and INT_MIN <= number <= INT_MAX else None


def _whole_part(text: str) -> str:
    """Cast's trimDecimal: a plain decimal number loses its fraction, everything else stays."""
    found = _DECIMAL.fullmatch(text)
    if not found:
        return text
    return found[1] if found[1] not in ("", "+", "-") else found[1] + "0"


def cast_int(value: Any) -> int:
    """cast.ToInt64: what cannot be converted is 0."""
    if isinstance(value, int):
        return wrap64(int(value))
    if isinstance(value, float):
        return float_to_int(value)
    return bounded_int(_whole_part(value)) or 0 if isinstance(value, str) else 0


def cast_float(value: Any) -> float:
    """cast.ToFloat64: what cannot be converted is 0."""
    if isinstance(value, (int, float)):
        return float(value)
    return parse_float(value) or 0.0 if isinstance(value, str) else 0.0


def conv_int(value: Any) -> int:
    """Gomplate's conv.ToInt64: commas in strings are ignored, floats are cut."""
    if isinstance(value, str):
        text = value.replace(",", "")
        whole = bounded_int(text)
        return whole if whole is not None else float_to_int(parse_float(text) or 0.0)
    return cast_int(value)


def conv_float(value: Any) -> float:
    """Gomplate's conv.ToFloat64."""
    if isinstance(value, str):
        text = value.replace(",", "")
        whole = bounded_int(text)
        return float(whole) if whole is not None else parse_float(text) or 0.0
    return cast_float(value)


def conv_bool(value: Any) -> bool:
    """Gomplate's conv.ToBool: true, "yes", "t", and everything that is the number 1."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        return value.lower() in ("1", "t", "true", "yes") or conv_float(value) == 1
    return isinstance(value, (int, float)) and value == 1


def strval(value: Any) -> str:
    """Sprig's strval: text of anything, nil as <nil>."""
    if isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return from_bytes(value)
    return show(None if value is MISSING else value)


def conv_string(value: Any) -> str:
    """Gomplate's conv.ToString: as strval, but nil is "nil"."""
    return "nil" if value is None else strval(value)


def is_empty(value: Any) -> bool:
    """Sprig's empty."""
    if value is None or value is MISSING:
        return True
    if isinstance(value, (str, int, float, complex, bytes, Mapping, list, tuple)):
        return not value
    return False
