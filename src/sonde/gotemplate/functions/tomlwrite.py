"""TOML as BurntSushi/toml writes it: plain keys first, then tables; nested tables are indented."""

import re
from collections.abc import Mapping
from typing import Any

from sonde.gotemplate.errors import FunctionError
from sonde.gotemplate.fmt import sprintf
from sonde.gotemplate.functions.gotime import Time
from sonde.gotemplate.strconv import format_float
from sonde.gotemplate.values import sorted_items, type_name


def dump(value: Any) -> str:
    """The document of a map; FunctionError for anything else."""
    if not isinstance(value, Mapping):
        raise FunctionError(
            f"Unable to marshal {sprintf('%s', value)}: toml: top-level values must be Go maps or structs"
        )
    out: list[str] = []
    _table(value, (), out)
    return "".join(out)


def _is_tables(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, Mapping) for item in value)


def _table(table: Mapping[str, Any], path: tuple[str, ...], out: list[str]) -> None:
    pad = "  " * len(path)
    nested = []
    for key, value in sorted_items(table):
        if value is None:
            continue
        if isinstance(value, Mapping) or _is_tables(value):
            nested.append((str(key), value))
        else:
            out.append(f"{pad}{_key(str(key))} = {_value(value)}\n")
    for key, value in nested:
        _nested((*path, key), value, out)


def _nested(path: tuple[str, ...], value: Any, out: list[str]) -> None:
    pad = "  " * (len(path) - 1)
    name = ".".join(map(_key, path))
    if isinstance(value, Mapping):
        if len(path) == 1 and out:
            out.append("\n")
        out.append(f"{pad}[{name}]\n")
        _table(value, path, out)
        return
    for item in value:
        if out:
            out.append("\n")
        out.append(f"{pad}[[{name}]]\n")
        _table(item, path, out)


def _key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else _quoted(key)


def _quoted(text: str) -> str:
    marks = {
        '"': '\\"',
        "\\": "\\\\",
        "\b": "\\b",
        "\t": "\\t",
        "\n": "\\n",
        "\f": "\\f",
        "\r": "\\r",
        "\x7f": "\\u007f",
    }
    return '"' + "".join(marks.get(char) or (char if char >= " " else f"\\u{ord(char):04x}") for char in text) + '"'


def _value(value: Any) -> str:
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, (bool, int)):
        return str(int(value)) if not isinstance(value, bool) else "true" if value else "false"
    if isinstance(value, float):
        text = format_float(value, "f") if abs(value) < 1e21 else format_float(value)
        return text if "." in text or "e" in text or "n" in text.lower() else text + ".0"
    if isinstance(value, list):
        return f"[{', '.join(map(_value, value))}]"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_key(str(key))} = {_value(item)}" for key, item in sorted_items(value)) + "}"
    if isinstance(value, Time):
        return value.gojson()
    raise FunctionError(f"unsupported type for TOML: {type_name(value)}")
