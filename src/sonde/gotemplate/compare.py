"""eq, ne, lt, le, gt, ge: comparison by basic kind; numbers of different kinds do not mix (text/template/funcs.go)."""

from typing import Any

from sonde.gotemplate.errors import FunctionError
from sonde.gotemplate.fmt import sprintf
from sonde.gotemplate.values import INT_MAX, MISSING, Uint8, Uint32, Uint64, kind_name, type_name


def _basic(value: Any) -> str:
    """bool, int, uint, float, string or complex; empty for everything else."""
    if isinstance(value, str):
        return "string"
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int):
        return "uint" if isinstance(value, (Uint8, Uint32, Uint64)) or value > INT_MAX else "int"
    if isinstance(value, float):
        return "float"
    return "complex" if isinstance(value, complex) else ""


def _incompatible(first: Any, second: Any) -> FunctionError:
    return FunctionError(f"incompatible types for comparison: {type_name(first)} and {type_name(second)}")


def eq(first: Any, *others: Any) -> bool:
    """Whether the first value equals any of the others."""
    if not others:
        raise FunctionError("missing argument for comparison")
    first = None if first is MISSING else first
    return any(_equal(first, None if other is MISSING else other) for other in others)


def _equal(first: Any, second: Any) -> bool:
    kind, other = _basic(first), _basic(second)
    if kind != other:
        if {kind, other} == {"int", "uint"}:
            return bool(first == second)
        if first is not None and second is not None:
            raise _incompatible(first, second)
        return False
    if kind:
        return bool(first == second)
    return _same_object(first, second)


def _same_object(first: Any, second: Any) -> bool:
    if first is None or second is None:
        return first is second
    if kind_name(first) != kind_name(second):
        shown = (first, type_name(first), type_name(second), second)
        raise FunctionError(sprintf("non-comparable types %s: %v, %s: %v", *shown))
    if kind_name(second) in ("slice", "map", "func"):
        raise FunctionError(sprintf("non-comparable type %s: ", second) + type_name(second))
    return bool(first == second)


def ne(first: Any, second: Any) -> bool:
    return not eq(first, second)


def lt(first: Any, second: Any) -> bool:
    kind, other = _basic(first), _basic(second)
    if not kind or not other:
        raise FunctionError("invalid type for comparison")
    if kind != other and {kind, other} != {"int", "uint"}:
        raise _incompatible(first, second)
    if kind in ("bool", "complex"):
        raise FunctionError("invalid type for comparison")
    return bool(first < second)


def le(first: Any, second: Any) -> bool:
    return lt(first, second) or eq(first, second)


def gt(first: Any, second: Any) -> bool:
    return not le(first, second)


def ge(first: Any, second: Any) -> bool:
    return not lt(first, second)
