"""Scalars as Go prints them: `%v` and `%q`, for keys, error texts and string fields."""

import math
from typing import Any

from sonde.stacks.goyaml.scalars import Timestamp


def go_quote(text: str) -> str:
    """Quote as Go's `%q` does for the texts that keys are made of."""
    escaped = (
        text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t").replace("\r", "\\r")
    )
    return f'"{escaped}"'


def go_text(value: Any) -> str:
    """Print a scalar as Go's `%v` does: `<nil>`, `true`, `+Inf`, `1e+21`, whole floats without a point."""
    if value is None:
        return "<nil>"
    if value is True or value is False:
        return "true" if value else "false"
    if isinstance(value, Timestamp):
        return value.text
    if isinstance(value, float):
        return go_float(value)
    return str(value)


def go_float(value: float) -> str:
    """Print a float as Go's `%v`: shortest digits, an exponent below 1e-4 and from 1e6 on (`1e+06`)."""
    return _unusual(value) or _formatted(value, low=-4, high=6)


def json_float(value: float) -> str:
    """Print a finite float as Go's JSON does: an exponent below 1e-6 and from 1e21 on."""
    text = _formatted(value, low=-6, high=21)
    # 1e-07 is written 1e-7 there.
    return text[:-2] + text[-1] if text[-4:-1] == "e-0" else text


def _unusual(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return ""


def _formatted(value: float, *, low: int, high: int) -> str:
    """Write shortest digits out, or with an exponent where it is below `low` or not below `high`."""
    sign = "-" if math.copysign(1, value) < 0 else ""
    mantissa, _, power = repr(abs(value)).partition("e")
    whole, _, fraction = mantissa.partition(".")
    fraction = "" if fraction == "0" else fraction
    digits = (whole + fraction).lstrip("0")
    if not digits:
        return sign + "0"
    leading = len(whole + fraction) - len(digits)
    exponent = int(power or 0) + len(whole) - leading - 1
    digits = digits.rstrip("0") or "0"
    if exponent < low or exponent >= high:
        point = "." + digits[1:] if len(digits) > 1 else ""
        return f"{sign}{digits[0]}{point}e{'-' if exponent < 0 else '+'}{abs(exponent):02}"
    if exponent < 0:
        return f"{sign}0.{'0' * (-exponent - 1)}{digits}"
    padded = digits.ljust(exponent + 1, "0")
    return sign + padded[: exponent + 1] + ("." + padded[exponent + 1 :] if padded[exponent + 1 :] else "")
