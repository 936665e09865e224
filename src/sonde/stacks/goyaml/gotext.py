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
    """Print a float as Go's `%v` (shortest digits; an exponent below 1e-4 and from 1e21 on)."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    mantissa, _, exponent = f"{value!r}".partition("e")
    if exponent and -4 <= int(exponent) < 21:
        return (
            f"{value:.0f}"
            if float(f"{value:.0f}") == value and int(exponent) < 16
            else _plain_digits(mantissa, int(exponent))
        )
    if exponent:
        sign, digits = exponent[0] if exponent[0] in "+-" else "+", exponent.lstrip("+-")
        return f"{mantissa.removesuffix('.0')}e{sign}{digits:0>2}"
    return mantissa.removesuffix(".0")


def _plain_digits(mantissa: str, exponent: int) -> str:
    """Write shortest digits with a positive exponent out: 1.8446744073709552e+19 is 18446744073709552000."""
    sign = "-" if mantissa.startswith("-") else ""
    whole, _, fraction = mantissa.lstrip("-").partition(".")
    digits = whole + fraction
    return sign + digits.ljust(exponent + len(whole), "0")
