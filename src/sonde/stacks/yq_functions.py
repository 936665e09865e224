"""Operators and functions of yq expressions; those with an argument get it as a step to apply (see `yq.py`)."""

import json
import re
from collections.abc import Callable, Iterable
from typing import Any

from sonde.stacks import goyaml, yamldump
from sonde.stacks.merge import merge

Values = list[Any]
Step = Callable[[Any], Values]


def truth(value: Any) -> bool:
    """Yq's truth: everything but false and null."""
    return value is not None and value is not False


def items(data: Any) -> Values:
    """The values of a map or list; nothing of anything else."""
    if isinstance(data, dict):
        return list(data.values())
    return list(data) if isinstance(data, list) else []


def _add(a: Any, b: Any) -> Any:
    if a is None or b is None:
        return b if a is None else a
    if isinstance(a, str) or isinstance(b, str):
        return f"{_text(a)}{_text(b)}"
    if isinstance(a, dict) and isinstance(b, dict):
        return a | b
    if isinstance(a, list):
        return a + (b if isinstance(b, list) else [b])
    return a + b


def _multiply(a: Any, b: Any) -> Any:
    return merge([a, b]) if isinstance(a, dict) and isinstance(b, dict) else a * b


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return yamldump.dump(value).rstrip("\n")


OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "==": lambda a, b: a == b and isinstance(a, bool) == isinstance(b, bool),
    "!=": lambda a, b: not (a == b and isinstance(a, bool) == isinstance(b, bool)),
    "<": lambda a, b: a < b,
    ">": lambda a, b: a > b,
    "<=": lambda a, b: a <= b,
    ">=": lambda a, b: a >= b,
    "and": lambda a, b: truth(a) and truth(b),
    "or": lambda a, b: truth(a) or truth(b),
    "+": _add,
    "-": lambda a, b: [each for each in a if each not in b] if isinstance(a, list) else a - b,
    "*": _multiply,
    "/": lambda a, b: a.split(b) if isinstance(a, str) else a / b,
    "%": lambda a, b: a % b,
}


def _length(data: Any) -> int:
    return 0 if data is None else len(data) if isinstance(data, dict | list | str) else 1


def _keys(data: Any) -> list[Any]:
    return list(data) if isinstance(data, dict) else list(range(_length(data)))


def _unique(data: Iterable[Any]) -> list[Any]:
    found: list[Any] = []
    for each in data:
        if each not in found:
            found.append(each)
    return found


def _flatten(data: Any) -> list[Any]:
    return [inner for each in data for inner in (_flatten(each) if isinstance(each, list) else [each])]


def _type(data: Any) -> str:
    names = {dict: "!!map", list: "!!seq", str: "!!str", bool: "!!bool", int: "!!int", float: "!!float"}
    return names.get(type(data), "!!null")


def _number(data: Any) -> Any:
    text = str(data)
    return float(text) if "." in text else int(text)


def _reduce(data: Iterable[Any]) -> Any:
    result = None
    for each in data:
        result = _add(result, each)
    return result


PLAIN: dict[str, Callable[[Any], Any]] = {
    "length": _length,
    "keys": _keys,
    "not": lambda data: not truth(data),
    "to_entries": lambda data: [{"key": key, "value": value} for key, value in data.items()],
    "from_entries": lambda data: {str(each["key"]): each.get("value") for each in data},
    "sort": lambda data: sorted(data, key=_text),
    "unique": _unique,
    "reverse": lambda data: list(reversed(data)),
    "flatten": _flatten,
    "first": lambda data: data[0] if data else None,
    "last": lambda data: data[-1] if data else None,
    "add": _reduce,
    "any": lambda data: any(truth(each) for each in data),
    "all": lambda data: all(truth(each) for each in data),
    "min": lambda data: min(data, default=None),
    "max": lambda data: max(data, default=None),
    "type": _type,
    "tag": _type,
    "to_string": _text,
    "tostring": _text,
    "to_number": _number,
    "tonumber": _number,
    "upcase": lambda data: str(data).upper(),
    "ascii_upcase": lambda data: str(data).upper(),
    "downcase": lambda data: str(data).lower(),
    "ascii_downcase": lambda data: str(data).lower(),
    "trim": lambda data: str(data).strip(),
    "to_json": json.dumps,
    "from_json": json.loads,
    "from_yaml": lambda data: goyaml.load(data, name="yq").value,
}


def _select(data: Any, test: Step) -> Values:
    return [data for result in test(data) if truth(result)]


def _map(data: Any, step: Step) -> Values:
    return [[result for each in items(data) for result in step(each)]]


def _contains(data: Any, argument: Step) -> Values:
    return [_holds(data, part) for part in argument(data)]


def _holds(data: Any, part: Any) -> bool:
    if isinstance(data, dict) and isinstance(part, dict):
        return all(key in data and _holds(data[key], value) for key, value in part.items())
    if isinstance(data, list):
        parts = part if isinstance(part, list) else [part]
        return all(any(_holds(each, wanted) for each in data) for wanted in parts)
    return part in data if isinstance(data, str) and isinstance(part, str) else bool(data == part)


def _each(function: Callable[[Any, Any], Any]) -> Callable[[Any, Step], Values]:
    return lambda data, argument: [function(data, each) for each in argument(data)]


def _entries(data: Any, step: Step) -> Values:
    entries = [result for key, value in data.items() for result in step({"key": key, "value": value})]
    return [{str(each["key"]): each.get("value") for each in entries}]


WITH_ARGUMENT: dict[str, Callable[[Any, Step], Values]] = {
    "select": _select,
    "map": _map,
    "contains": _contains,
    "with_entries": _entries,
    "has": _each(
        lambda data, key: key in data if isinstance(data, dict) else isinstance(key, int) and key < _length(data)
    ),
    "join": _each(lambda data, sign: sign.join(_text(each) for each in data)),
    "split": _each(lambda data, sign: data.split(sign)),
    "test": _each(lambda data, pattern: re.search(pattern, _text(data)) is not None),
    "sort_by": lambda data, step: [sorted(data, key=lambda each: _text(step(each)[0]))],
    "any_c": lambda data, step: [any(truth(step(each)[0]) for each in data)],
    "all_c": lambda data, step: [all(truth(step(each)[0]) for each in data)],
    "map_values": lambda data, step: [{key: step(value)[0] for key, value in data.items()}],
}
