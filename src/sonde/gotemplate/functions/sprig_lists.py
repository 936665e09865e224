"""sprig: lists."""

from collections.abc import Callable, Mapping
from typing import Any

from sonde.gotemplate.errors import FunctionError
from sonde.gotemplate.functions.casts import cast_int, is_empty
from sonde.gotemplate.functions.equality import contains
from sonde.gotemplate.functions.host import Host
from sonde.gotemplate.values import GoFunc, ListList, NilList, Uint8, kind_name

NIL_POINTER = "runtime error: invalid memory address or nil pointer dereference"


def items_of(value: Any, complaint: str) -> list[Any]:
    """The items of a slice or array; FunctionError with the complaint and the kind for everything else."""
    if value is None:
        raise FunctionError(NIL_POINTER)
    if isinstance(value, bytes):
        return [Uint8(byte) for byte in value]
    if not isinstance(value, (list, tuple)):
        raise FunctionError(complaint.format(kind_name(value)))
    return list(value)


def push(value: Any, item: Any) -> list[Any]:
    return [*items_of(value, "Cannot push on type {}"), item]


def prepend(value: Any, item: Any) -> list[Any]:
    return [item, *items_of(value, "Cannot prepend on type {}")]


def chunk(size: int, value: Any) -> ListList:
    items = items_of(value, "Cannot chunk type {}")
    if size <= 0:
        if size == 0 or not 1 < len(items) <= 1 - size:
            raise FunctionError("runtime error: makeslice: len out of range")
        return ListList()
    return ListList(items[start : start + size] for start in range(0, len(items), size))


def first(value: Any) -> Any:
    items = items_of(value, "Cannot find first on type {}")
    return items[0] if items else None


def last(value: Any) -> Any:
    items = items_of(value, "Cannot find last on type {}")
    return items[-1] if items else None


def rest(value: Any) -> list[Any]:
    items = items_of(value, "Cannot find rest on type {}")
    return items[1:] if items else NilList()


def initial(value: Any) -> list[Any]:
    items = items_of(value, "Cannot find initial on type {}")
    return items[:-1] if items else NilList()


def reverse(value: Any) -> list[Any]:
    return items_of(value, "Cannot find reverse on type {}")[::-1]


def compact(value: Any) -> list[Any]:
    return [item for item in items_of(value, "Cannot compact on type {}") if not is_empty(item)]


def uniq(value: Any) -> list[Any]:
    found: list[Any] = []
    for item in items_of(value, "Cannot find uniq on type {}"):
        if not contains(found, item):
            found.append(item)
    return found


def without(value: Any, *omitted: Any) -> list[Any]:
    return [item for item in items_of(value, "Cannot find without on type {}") if not contains(omitted, item)]


def has(wanted: Any, value: Any) -> bool:
    return value is not None and contains(items_of(value, "Cannot find has on type {}"), wanted)


def slice_(value: Any, *bounds: Any) -> Any:
    items = items_of(value, "list should be type of slice or array but {}")
    if not items:
        return None
    start = cast_int(bounds[0]) if bounds else 0
    end = cast_int(bounds[1]) if len(bounds) > 1 else len(items)
    if not 0 <= start <= end <= len(items):
        raise FunctionError("reflect.Value.Slice: slice index out of bounds")
    kind = type(value)
    return kind(value[start:end])


def concat(*values: Any) -> list[Any]:
    found: list[Any] = NilList() if not values else []
    for value in values:
        found.extend(items_of(value, "Cannot concat type {} as list"))
    return found or NilList()


def make_list(*items: Any) -> list[Any]:
    return list(items)


def table(host: Host) -> Mapping[str, GoFunc]:  # noqa: ARG001  one signature for all libraries
    """The functions of this library by name; each `mustX` is X, since both end the template with the same error."""
    one: dict[str, Callable[..., Any]] = {
        "first": first,
        "last": last,
        "rest": rest,
        "initial": initial,
        "reverse": reverse,
        "compact": compact,
        "uniq": uniq,
    }
    functions = {name: GoFunc(call, "any") for name, call in one.items()}
    functions |= {
        "append": GoFunc(push, "any", "any"),
        "push": GoFunc(push, "any", "any"),
        "prepend": GoFunc(prepend, "any", "any"),
        "without": GoFunc(without, "any", "...any"),
        "has": GoFunc(has, "any", "any"),
        "slice": GoFunc(slice_, "any", "...any"),
        "chunk": GoFunc(chunk, "int", "any"),
    }
    functions |= {f"must{name[0].upper()}{name[1:]}": function for name, function in functions.items()}
    return functions | {
        "concat": GoFunc(concat, "...any"),
        "list": GoFunc(make_list, "...any"),
        "tuple": GoFunc(make_list, "...any"),
    }
