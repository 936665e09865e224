"""reflect.DeepEqual: equal in value and in Go type; 1 and 1.0, or int and int64, are not equal."""

from collections.abc import Mapping
from typing import Any

from sonde.gotemplate.values import type_name


def deep_equal(first: Any, second: Any) -> bool:
    """Equal in Go type and in value, down to every part; a nil slice is not an empty one."""
    if first is None or second is None:
        return first is second
    if type_name(first) != type_name(second):
        return False
    if isinstance(first, Mapping):
        return len(first) == len(second) and all(
            key in second and deep_equal(item, second[key]) for key, item in first.items()
        )
    if isinstance(first, (list, tuple)):
        if getattr(first, "nil", False) != getattr(second, "nil", False):
            return False
        return len(first) == len(second) and all(map(deep_equal, first, second))
    return bool(first == second)


def contains(items: Any, wanted: Any) -> bool:
    return any(deep_equal(wanted, item) for item in items)
