"""JSONPath as gomplate has it from Kubernetes: `$.a.b[0]`, `..x`, `[*]`, `[1:3]`, `[?(@.x == 1)]`, `['a','b']`."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from sonde.gotemplate.errors import FunctionError
from sonde.gotemplate.values import sorted_items

_TOKEN: Final = re.compile(
    r"(?P<root>[$@])|(?P<deep>\.\.)(?P<deepname>\*|[\w\-]+)?|\.(?P<name>\*|(?:[\w\-]|\\.)+)|\[(?P<inner>[^\[\]]*(?:\[[^\[\]]*\][^\[\]]*)*)\]|(?P<dot>\.)",
)
_FILTER: Final = re.compile(r"\?\(\s*@(.*?)\s*(?:(==|!=|<=|>=|<|>)\s*(.+?))?\s*\)")
_SLICE: Final = re.compile(r"(-?\d*):(-?\d*)(?::(-?\d*))?")


def jsonpath(path: str, value: Any) -> Any:
    """The one value that the path finds, or the list of all that are not nil; an absent key is an error."""
    found = list(_walk(path, [value]))
    return found[0] if len(found) == 1 else [item for item in found if item is not None]


def _walk(path: str, values: list[Any]) -> list[Any]:
    at = 0
    text = path.strip()
    if text and text[0] not in "$@.[":
        text = "." + text
    while at < len(text):
        found = _TOKEN.match(text, at)
        if not found:
            raise FunctionError(f"couldn't parse JSONPath {path}: unrecognized character in action: {text[at]!r}")
        values = _step(found, values)
        at = found.end()
    return values


def _step(found: re.Match[str], values: list[Any]) -> list[Any]:
    if found["root"] or found["dot"]:
        return values
    if found["deep"]:
        below = [inner for value in values for inner in _descend(value)]
        name = found["deepname"]
        if name is None:
            return below
        if name == "*":
            return [item for value in below for item in _children(value)]
        return [value[name] for value in below if isinstance(value, Mapping) and name in value]
    if found["name"]:
        return _named(found["name"].replace("\\", ""), values)
    return _indexed(found["inner"].strip(), values)


def _children(value: Any) -> Iterator[Any]:
    if isinstance(value, Mapping):
        yield from (item for _, item in sorted_items(value))
    elif isinstance(value, (list, tuple)):
        yield from value


def _descend(value: Any) -> Iterator[Any]:
    yield value
    for child in _children(value):
        yield from _descend(child)


def _named(name: str, values: list[Any]) -> list[Any]:
    if name == "*":
        return [item for value in values for item in _children(value)]
    found = []
    for value in values:
        if value is None:
            continue
        if not isinstance(value, Mapping) or name not in value:
            raise FunctionError(f"executing JSONPath failed: {name} is not found")
        found.append(value[name])
    return found


def _indexed(inner: str, values: list[Any]) -> list[Any]:
    if inner == "*":
        return _named("*", values)
    filtered = _FILTER.fullmatch(inner)
    if filtered:
        return [item for value in values for item in _children(value) if _holds(filtered, item)]
    if "," in inner:
        return [item for part in inner.split(",") for item in _indexed(part.strip(), values)]
    if len(inner) > 1 and inner[0] == inner[-1] and inner[0] in "'\"":
        return _named(inner[1:-1], values)
    sliced = _SLICE.fullmatch(inner)
    if sliced:
        bounds = [int(part) if part else None for part in sliced.groups()]
        return [item for value in values for item in _array(value)[slice(*bounds)]]
    if re.fullmatch(r"-?\d+", inner):
        return [_at(_array(value), int(inner)) for value in values]
    raise FunctionError(f"couldn't parse JSONPath [{inner}]: invalid array index {inner}")


def _array(value: Any) -> list[Any]:
    if not isinstance(value, (list, tuple)):
        raise FunctionError("executing JSONPath failed: value is not array or slice")
    return list(value)


def _at(items: list[Any], index: int) -> Any:
    if not -len(items) <= index < len(items):
        shown = index if index >= 0 else index + len(items)
        raise FunctionError(f"executing JSONPath failed: array index out of bounds: index {shown}, length {len(items)}")
    return items[index]


def _holds(found: re.Match[str], item: Any) -> bool:
    path, operator, wanted = found.groups()
    try:
        values = _walk(path, [item])
    except FunctionError:
        return False
    if operator is None:
        return bool(values)
    return bool(values) and _compare(values[0], operator, _literal(wanted, item))


def _literal(text: str, item: Any) -> Any:
    if text[0] in "'\"":
        return text[1:-1]
    if text in ("true", "false"):
        return text == "true"
    if text.startswith("@"):
        return next(iter(_walk(text[1:], [item])), None)
    try:
        return float(text) if "." in text else int(text)
    except ValueError:
        raise FunctionError(f"couldn't parse JSONPath: unrecognized identifier {text}") from None


def _compare(one: Any, operator: str, two: Any) -> bool:
    if isinstance(one, str) != isinstance(two, str):
        return operator == "!="
    order = int(one > two) - int(one < two)
    return {"==": order == 0, "!=": order != 0, "<": order < 0, ">": order > 0, "<=": order <= 0, ">=": order >= 0}[
        operator
    ]
