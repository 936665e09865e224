"""Values as JSON or YAML, in the shape that Go's encoders give them (stacks.md §8)."""

import json
import math
from collections.abc import Callable, Iterator
from json.encoder import encode_basestring
from typing import Any

from sonde.cli.errors import CliError
from sonde.stacks import yamldump

FORMATS = ("yaml", "json")


def render(value: Any, form: str) -> str:
    """The text in the format. Raises CliError for an unknown one."""
    if form == "json":
        return to_json(value) + "\n"
    if form == "yaml":
        return yamldump.dump(value)
    raise CliError(f"invalid format '{form}'", hints=[f"Supported formats: {', '.join(FORMATS)}."])


def to_json(value: Any) -> str:
    """Indented by two spaces, keys sorted; numbers as Go prints them. Raises CliError for infinities."""
    return "".join(_encode(value, "\n"))


def _encode(value: Any, newline: str) -> Iterator[str]:
    kind = type(value)
    if kind is dict:
        yield from _object(value, newline)
    elif kind is list or kind is tuple:
        yield from _array(value, newline)
    else:
        yield _SCALARS.get(kind, _other)(value)


def _object(value: dict[str, Any], newline: str) -> Iterator[str]:
    if not value:
        yield "{}"
        return
    inner, separator = newline + "  ", "{"
    for key in sorted(value):
        item = value[key]
        encoder = _SCALARS.get(type(item))
        if encoder:
            yield f"{separator}{inner}{encode_basestring(key)}: {encoder(item)}"
        else:
            yield f"{separator}{inner}{encode_basestring(key)}: "
            yield from _encode(item, inner)
        separator = ","
    yield newline + "}"


def _array(value: Any, newline: str) -> Iterator[str]:
    if not value:
        yield "[]"
        return
    inner, separator = newline + "  ", "["
    for item in value:
        yield separator + inner
        yield from _encode(item, inner)
        separator = ","
    yield newline + "]"


def _float(value: float) -> str:
    if not math.isfinite(value):
        raise CliError(f"json: unsupported value: {'NaN' if math.isnan(value) else '+Inf' if value > 0 else '-Inf'}")
    text = yamldump.go_float(value, -6, 21)
    mantissa, e, exponent = text.partition("e")
    return f"{mantissa}e{exponent[0]}{exponent[1:].lstrip('0')}" if e and exponent[0] == "-" else text


def _other(value: Any) -> str:
    return json.dumps(value)


_SCALARS: dict[type, Callable[[Any], str]] = {
    str: encode_basestring,
    int: str,
    bool: lambda value: "true" if value else "false",
    type(None): lambda _: "null",
    float: _float,
}
