"""Values as JSON or YAML, in the shape that Go's encoders give them (stacks.md §8)."""

import json
import math
from collections.abc import Callable
from json.encoder import encode_basestring
from typing import Any

from sonde.cli.errors import CliError
from sonde.stacks import marks, yamldump
from sonde.stacks.yamldump import Struct

FORMATS = ("yaml", "json")


def render(value: Any, form: str) -> str:
    """The text in the format. Raises CliError for an unknown one."""
    if form == "json":
        return to_json(value) + "\n"
    if form == "yaml":
        return yamldump.dump(value)
    raise CliError(f"invalid format '{form}'", hints=[f"Supported formats: {', '.join(FORMATS)}."])


def pieces(value: Any, form: str) -> list[bytes]:
    """The text in pieces, all made before the first is written: an error must leave the output empty.

    A big answer is encoded entry by entry, so that its text is in memory once and not three times.
    """
    if form != "json" or type(value) is not dict or not value:
        return [_encoded(render(value, form))]
    known: dict[tuple[int, int], str] = {}
    found, separator = [], "{"
    for key in sorted(value):
        out = [f"{separator}\n  {encode_basestring(key)}: "]
        _encode(value[key], "\n  ", out, known)
        found.append(_encoded("".join(out)))
        separator = ","
    return [*found, b"\n}\n"]


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def to_json(value: Any) -> str:
    """Indented by two spaces, keys sorted (save those of a `Struct`); numbers as Go prints them. Raises CliError for infinities."""
    out: list[str] = []
    _encode(value, "\n", out, {})
    return "".join(out)


def _encode(value: Any, newline: str, out: list[str], known: dict[tuple[int, int], str]) -> None:
    """Append the text. What was parsed from a file is shared by many stacks: its text at a depth is made once."""
    encoder = _SCALARS.get(type(value))
    if encoder or not isinstance(value, dict | list | tuple):
        out.append(encoder(value) if encoder else json.dumps(value))
    elif not value:
        out.append("{}" if isinstance(value, dict) else "[]")
    elif marks.is_shared(value):
        key = (id(value), len(newline))
        text = known.get(key)
        if text is None:
            inner: list[str] = []
            _collection(value, newline, inner, known)
            text = known[key] = "".join(inner)
        out.append(text)
    else:
        _collection(value, newline, out, known)


def _collection(value: Any, newline: str, out: list[str], known: dict[tuple[int, int], str]) -> None:
    inner = newline + "  "
    if isinstance(value, dict):
        separator = "{"
        for key in value if type(value) is Struct else sorted(value):
            item = value[key]
            encoder = _SCALARS.get(type(item))
            if encoder:
                out.append(f"{separator}{inner}{encode_basestring(key)}: {encoder(item)}")
            else:
                out.append(f"{separator}{inner}{encode_basestring(key)}: ")
                _encode(item, inner, out, known)
            separator = ","
        out.append(newline + "}")
        return
    separator = "["
    for item in value:
        out.append(separator + inner)
        _encode(item, inner, out, known)
        separator = ","
    out.append(newline + "]")


def _float(value: float) -> str:
    if not math.isfinite(value):
        raise CliError(f"json: unsupported value: {'NaN' if math.isnan(value) else '+Inf' if value > 0 else '-Inf'}")
    text = yamldump.go_float(value, -6, 21)
    mantissa, e, exponent = text.partition("e")
    return f"{mantissa}e{exponent[0]}{exponent[1:].lstrip('0')}" if e and exponent[0] == "-" else text


_SCALARS: dict[type, Callable[[Any], str]] = {
    str: encode_basestring,
    int: str,
    bool: lambda value: "true" if value else "false",
    type(None): lambda _: "null",
    float: _float,
}
