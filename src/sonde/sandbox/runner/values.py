"""How GitHub's expressions convert and compare JSON values (docs: "Evaluate expressions", Operators)."""

import math
import operator
import re
from collections.abc import Callable, Mapping
from typing import Any

NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
HEX = re.compile(r"0x[0-9A-Fa-f]+")
OCTAL = re.compile(r"0o[0-7]+")


class Filtered(list[Any]):
    """What `.*` answers: a later `.name` is taken from each item, and an item without it is left out."""


def is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def truthy(value: Any) -> bool:
    """False for null, false, 0, NaN and ''; objects and arrays are true even when empty."""
    if isinstance(value, (Mapping, list)):
        return True
    return bool(value) and not (isinstance(value, float) and math.isnan(value))


def to_number(value: Any) -> float:
    """Null and '' are 0, true is 1; a text that is no number, an object and an array are NaN."""
    if value is None:
        return 0.0
    if isinstance(value, str):
        return text_number(value.strip())
    return float(value) if isinstance(value, (int, float)) else math.nan


def text_number(text: str) -> float:
    if HEX.fullmatch(text) or OCTAL.fullmatch(text):
        return float(int(text, 0))
    if NUMBER.fullmatch(text):
        return float(text)
    return {"": 0.0, "Infinity": math.inf, "-Infinity": -math.inf}.get(text, math.nan)


def to_text(value: Any) -> str:
    """Null is '', numbers have no needless fraction (15 digits), objects and arrays are their type's name."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return number_text(float(value))
    if isinstance(value, Mapping):
        return "Object"
    if isinstance(value, list):
        return "Array"
    return str(value)


def number_text(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return f"{value:.15G}"


def kind(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if is_number(value):
        return "number"
    return "object" if isinstance(value, Mapping) else "array" if isinstance(value, list) else "string"


def coerced(left: Any, right: Any) -> tuple[str, Any, Any] | None:
    """Both values as one kind, texts without case; None if they cannot be compared (different kinds, one a container)."""
    kinds = {kind(left), kind(right)}
    if len(kinds) == 1:
        only = kinds.pop()
        return (only, left.lower(), right.lower()) if only == "string" else (only, left, right)
    if kinds & {"object", "array"}:
        return None
    return "number", to_number(left), to_number(right)


def equal(left: Any, right: Any) -> bool:
    """Loose equality. Two objects or arrays are equal only if they are the very same one."""
    same = coerced(left, right)
    if same is None:
        return False
    name, a, b = same
    return a is b if name in ("object", "array") else bool(a == b)


def ordering(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def ordered(left: Any, right: Any) -> bool:
        same = coerced(left, right)
        return same is not None and same[0] in ("boolean", "number", "string") and compare(same[1], same[2])

    return ordered


less, greater = ordering(operator.lt), ordering(operator.gt)

OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "==": equal,
    "!=": lambda left, right: not equal(left, right),
    "<": less,
    ">": greater,
    "<=": lambda left, right: equal(left, right) or less(left, right),
    ">=": lambda left, right: equal(left, right) or greater(left, right),
}


def lookup(target: Mapping[str, Any], key: str) -> tuple[bool, Any]:
    """(found, value), the key compared without case; an exact match wins."""
    if key in target:
        return True, target[key]
    for name, value in target.items():
        if str(name).lower() == key.lower():
            return True, value
    return False, None


def index(target: Any, key: Any) -> Any:
    """`target[key]` and `target.key`: null where there is nothing."""
    if isinstance(target, Filtered):
        found = [lookup(item, to_text(key)) for item in target if isinstance(item, Mapping)]
        return Filtered(value for there, value in found if there)
    if isinstance(target, Mapping):
        return lookup(target, to_text(key))[1]
    if isinstance(target, list):
        at = to_number(key)
        inside = not math.isnan(at) and 0 <= at < len(target)
        return target[math.floor(at)] if inside else None
    return None


def wildcard(target: Any) -> Filtered:
    """`target.*`: the items of an array, the values of an object; nothing of anything else."""
    if isinstance(target, Filtered):
        return Filtered(value for item in target for value in wildcard(item))
    if isinstance(target, Mapping):
        return Filtered(target.values())
    return Filtered(target) if isinstance(target, list) else Filtered()
