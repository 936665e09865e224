"""gomplate: the namespace `data` and its aliases: JSON, YAML, TOML, CSV. Datasources are not reachable from here."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from sonde.gotemplate.errors import FunctionError
from sonde.gotemplate.fmt import sprintf
from sonde.gotemplate.functions.casts import conv_string
from sonde.gotemplate.functions.codecjson import encode
from sonde.gotemplate.functions.csvread import read_records
from sonde.gotemplate.functions.host import Host
from sonde.gotemplate.values import (
    GoFunc,
    Namespace,
    NilList,
    NilStrList,
    NilStrMapList,
    StrList,
    StrListList,
    StrListMap,
    StrMap,
    StrMapList,
    byte_length,
    from_bytes,
    to_bytes,
    type_name,
)


def _yaml(value: Any) -> dict[str, Any]:
    return _mapping(_load(conv_string(value)), conv_string(value), "")


def _json(value: Any) -> dict[str, Any]:
    text = conv_string(value)
    return _mapping(_named(text, "object"), text, f"Unable to unmarshal object {text}: ")


def _named(text: str, kind: str) -> Any:
    try:
        return _load(text)
    except FunctionError as error:
        raise FunctionError(f"Unable to unmarshal {kind} {text}: {error}") from None


def _load(text: str) -> Any:
    from sonde.gotemplate.functions.yamlread import load

    return load(text)


def _mapping(value: Any, text: str, prefix: str) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise FunctionError(
            f"{prefix}yaml: unmarshal errors:\n  line 1: cannot unmarshal {_tag(value, text)} into map[string]interface {{}}"
        )
    return value


def _tag(value: Any, text: str) -> str:
    if isinstance(value, list):
        return "!!seq"
    if isinstance(value, dict):
        return "!!map"
    tag = (
        "bool"
        if isinstance(value, bool)
        else "int"
        if isinstance(value, int)
        else "float"
        if isinstance(value, float)
        else "str"
    )
    shown = to_bytes(value if isinstance(value, str) else text.strip())
    return f"!!{tag} `{from_bytes(shown if len(shown) <= 10 else shown[:7] + b'...')}`"


def _array(text: str, value: Any, prefix: str) -> list[Any]:
    if value is None:
        return NilList() if re.search(r"^\s*[^#\s]", text, re.MULTILINE) else [None]
    if not isinstance(value, list):
        raise FunctionError(
            f"{prefix}yaml: unmarshal errors:\n  line 1: cannot unmarshal {_tag(value, text)} into []interface {{}}"
        )
    return value


def _yaml_array(value: Any) -> list[Any]:
    text = conv_string(value)
    return _array(text, _load(text), "")


def _json_array(value: Any) -> list[Any]:
    text = conv_string(value)
    return _array(text, _named(text, "array"), f"Unable to unmarshal array {text}: ")


def _toml(value: Any) -> dict[str, Any]:
    import tomllib

    text = conv_string(value)
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise FunctionError(f"Unable to unmarshal object {text}: {error}") from None


def _to_toml(value: Any) -> str:
    from sonde.gotemplate.functions.tomlwrite import dump

    return dump(value)


def _to_yaml(value: Any) -> str:
    from sonde.gotemplate.functions.yamlwrite import dump

    return dump(value)


def _csv_arguments(args: tuple[str, ...]) -> tuple[str, str, list[str] | None]:
    """Text, delimiter and header; header None is the first record, an empty one is made up."""
    if len(args) == 3:
        return args[2], args[0], args[1].split(args[0]) if args[0] else list(args[1])
    if len(args) == 2:
        size = byte_length(args[0])
        if size == 1:
            return args[1], args[0], None
        return args[1], ",", [] if size == 0 else args[0].split(",")
    return (args[0] if args else ""), ",", None


def _letters(number: int) -> str:
    return chr(ord("A") + number % 26) * (number // 26 + 1)


def _records(args: tuple[str, ...]) -> tuple[list[str] | None, list[list[str]]]:
    text, mark, header = _csv_arguments(args)
    if not mark:
        raise FunctionError("runtime error: index out of range [0] with length 0")
    records = read_records(text, mark[0])
    if records and header is None:
        return records[0], records[1:]
    if records and not header:
        header = [_letters(number) for number in range(len(records[0]))]
    return header, records


def _csv(*args: str) -> StrListList:
    header, records = _records(args)
    return StrListList([NilStrList() if header is None else StrList(header), *map(StrList, records)])


def _named_fields(args: tuple[str, ...]) -> tuple[list[str], list[list[str]]]:
    header, records = _records(args)
    names = header or []
    for row in records:
        if len(row) > len(names):
            raise FunctionError(f"runtime error: index out of range [{len(names)}] with length {len(names)}")
    return names, records


def _csv_by_row(*args: str) -> StrMapList:
    names, records = _named_fields(args)
    rows = [StrMap(zip(names, row, strict=False)) for row in records]
    return StrMapList(rows) if rows else NilStrMapList()


def _csv_by_column(*args: str) -> StrListMap:
    names, records = _named_fields(args)
    columns = StrListMap()
    for row in records:
        for name, cell in zip(names, row, strict=False):
            columns.setdefault(name, StrList()).append(cell)
    return columns


def _to_csv(*args: Any) -> str:
    mark = ","
    if len(args) == 2:
        if not isinstance(args[0], str):
            raise FunctionError(
                sprintf("Can't parse ToCSV delimiter (%v) - must be string (is a %T)", args[0], args[0])
            )
        mark = args[0]
    rows = args[-1] if len(args) in (1, 2) else []
    if not isinstance(rows, list) or not all(isinstance(row, list) for row in rows):
        raise FunctionError(
            "Can't parse ToCSV input - must be a two-dimensional array (like [][]string or [][]interface{}) "
            f"(was {type_name(rows)})",
        )
    return "".join(mark[:1].join(_cell(conv_string(cell), mark[:1]) for cell in row) + "\r\n" for row in rows)


def _cell(text: str, mark: str) -> str:
    if text == "" or not (
        text == "\\." or mark in text or any(char in text for char in '"\r\n') or text[0] in " \t\u00a0\u3000"
    ):
        return text
    inner = text.replace('"', '""').replace("\n", "\r\n")
    return f'"{inner}"'


def _undefined(alias: str, *_: Any) -> Any:
    raise FunctionError(f"Undefined datasource '{alias}'")


def _no_datasources(*_: Any) -> Any:
    raise FunctionError("datasources are not available to templates here")


def _data() -> dict[str, GoFunc]:
    return {
        "JSON": GoFunc(_json, "any"),
        "JSONArray": GoFunc(_json_array, "any"),
        "YAML": GoFunc(_yaml, "any"),
        "YAMLArray": GoFunc(_yaml_array, "any"),
        "TOML": GoFunc(_toml, "any"),
        "CSV": GoFunc(_csv, "...string"),
        "CSVByRow": GoFunc(_csv_by_row, "...string"),
        "CSVByColumn": GoFunc(_csv_by_column, "...string"),
        "ToCSV": GoFunc(_to_csv, "...any"),
        "ToJSON": GoFunc(encode, "any"),
        "ToJSONPretty": GoFunc(lambda indent, value: encode(value, indent=indent, pretty=True), "string", "any"),
        "ToYAML": GoFunc(_to_yaml, "any"),
        "ToTOML": GoFunc(_to_toml, "any"),
    }


def _alias(name: str) -> str:
    for acronym in ("JSON", "YAML", "TOML", "CSV"):
        if name.startswith(acronym):
            return acronym.lower() + name[len(acronym) :]
    return f"{name[0].lower()}{name[1:]}"


def table(host: Host) -> Mapping[str, Any]:  # noqa: ARG001  one signature for all libraries
    """The functions of this library by name."""
    members = _data()
    lookups: dict[str, Callable[..., Any]] = {"datasource": _undefined, "ds": _undefined, "include": _undefined}
    functions: dict[str, Any] = {_alias(name): function for name, function in members.items()}
    functions |= {name: GoFunc(call, "string", "...string") for name, call in lookups.items()}
    return functions | {
        "data": Namespace("data", members),
        "datasourceExists": GoFunc(lambda _: False, "string"),
        "datasourceReachable": GoFunc(lambda _alias, *_: False, "string", "...string"),
        "defineDatasource": GoFunc(_no_datasources, "string", "string"),
        "listDatasources": GoFunc(StrList),
    }
