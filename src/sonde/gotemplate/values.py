"""Go's view of Python values: type names, kinds, truth, and the few types that plain Python lacks.

Plain values stand for what encoding/json and yaml.v3 give in Go: dict = map[string]interface {}, list = []interface {},
int, float = float64, str, bool, None = nil interface. Functions of the libraries also return other Go types (int64,
[]string …); those are subclasses here that carry their Go name in `gotype`.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar, Final, final

INT_MAX = 2**63 - 1
INT_MIN = -(2**63)


@final
class Missing:
    """Go's zero reflect.Value: what an absent map key or a nil at the end of a pipeline evaluates to."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "MISSING"

    def __bool__(self) -> bool:
        return False


MISSING: Final = Missing()


class Int64(int):
    gotype: ClassVar[str] = "int64"
    kind: ClassVar[str] = "int64"


class Uint8(int):
    gotype: ClassVar[str] = "uint8"
    kind: ClassVar[str] = "uint8"


class Uint32(int):
    gotype: ClassVar[str] = "uint32"
    kind: ClassVar[str] = "uint32"


class Uint64(int):
    gotype: ClassVar[str] = "uint64"
    kind: ClassVar[str] = "uint64"


class TypedList(list[Any]):
    """A Go slice that is not []interface {}; `nil` tells a nil slice, which encodes as null in JSON."""

    gotype: ClassVar[str] = "[]interface {}"
    kind: ClassVar[str] = "slice"
    nil: bool = False


class NilList(TypedList):
    nil = True


class StrList(TypedList):
    gotype = "[]string"


class NilStrList(StrList):
    nil = True


class IntList(TypedList):
    gotype = "[]int"


class Int64List(TypedList):
    gotype = "[]int64"


class FloatList(TypedList):
    gotype = "[]float64"


class BoolList(TypedList):
    gotype = "[]bool"


class ListList(TypedList):
    gotype = "[][]interface {}"


class StrListList(TypedList):
    gotype = "[][]string"


class StrMapList(TypedList):
    gotype = "[]map[string]string"


class NilStrMapList(StrMapList):
    nil = True


class NilMap(dict[str, Any]):
    """A nil map[string]interface {}: reads as empty, cannot be written."""

    gotype: ClassVar[str] = "map[string]interface {}"
    kind: ClassVar[str] = "map"
    nil: bool = True


class StrMap(dict[str, str]):
    gotype: ClassVar[str] = "map[string]string"
    kind: ClassVar[str] = "map"


class StrListMap(dict[str, Any]):
    gotype: ClassVar[str] = "map[string][]string"
    kind: ClassVar[str] = "map"


class GoFunc:
    """A template function with its Go signature: parameter types by name, "..." before the last one if variadic."""

    __slots__ = ("call", "name", "params", "variadic")

    def __init__(self, call: Callable[..., Any], *params: str, name: str = "") -> None:
        self.variadic = bool(params) and params[-1].startswith("...")
        self.params = (*params[:-1], params[-1][3:]) if self.variadic else params
        self.call = call
        self.name = name


class Namespace:
    """What a zero-argument function like gomplate's `strings` returns: an object with methods."""

    __slots__ = ("members", "name")
    kind = "ptr"

    def __init__(self, name: str, members: Mapping[str, GoFunc]) -> None:
        self.name = name
        self.members = members

    @property
    def gotype(self) -> str:
        return f"*funcs.{self.name.capitalize()}Funcs"

    def __str__(self) -> str:
        return "&{}"


_TYPES: dict[type, str] = {
    str: "string",
    int: "int",
    bool: "bool",
    float: "float64",
    list: "[]interface {}",
    dict: "map[string]interface {}",
    bytes: "[]uint8",
    complex: "complex128",
    type(None): "<nil>",
}
_KINDS: dict[type, str] = {
    str: "string",
    int: "int",
    bool: "bool",
    float: "float64",
    list: "slice",
    dict: "map",
    bytes: "slice",
    complex: "complex128",
    type(None): "invalid",
    Missing: "invalid",
}
_BASES: tuple[type, ...] = (bool, int, float, str, bytes, dict, list)


def _base(value: object) -> type | None:
    return next((base for base in _BASES if isinstance(value, base)), None)


def type_name(value: object) -> str:
    """Go's %T of a value; an int beyond int64 is what Go decodes as uint64."""
    kind = type(value)
    if kind is int and value > INT_MAX:  # type: ignore[operator]
        return "uint64"
    found = _TYPES.get(kind) or getattr(value, "gotype", None)
    if found:
        return str(found)
    base = _base(value)
    if base:
        return _TYPES[base]
    if isinstance(value, GoFunc) or callable(value):
        return "func(...interface {}) interface {}"
    return "map[string]interface {}" if isinstance(value, Mapping) else f"*{kind.__name__}"


def kind_name(value: object) -> str:
    """Go's reflect.Kind of a value, as kindOf and test.Kind show it."""
    kind = type(value)
    if kind is int and value > INT_MAX:  # type: ignore[operator]
        return "uint64"
    found = _KINDS.get(kind) or getattr(value, "kind", None)
    if isinstance(found, str):
        return found
    base = _base(value)
    if base:
        return _KINDS[base]
    if isinstance(value, GoFunc) or callable(value):
        return "func"
    return "map" if isinstance(value, Mapping) else "ptr"


def truth(value: object) -> bool:
    """Whether `if` takes the value as true: not the zero value, and not empty (text/template, IsTrue)."""
    kind = type(value)
    if kind is bool:
        return value is True
    if isinstance(value, (str, int, float, complex, bytes, Mapping, list, tuple)):
        return bool(value)
    return value is not None and value is not MISSING


def wrap64(number: int) -> int:
    """A Python int as Go's int64 would hold it after overflow."""
    return number if INT_MIN <= number <= INT_MAX else (number + 2**63) % 2**64 - 2**63


def _key_rank(key: object) -> tuple[int, Any]:
    if key is None:
        return (0, 0)
    if isinstance(key, bool):
        return (3, key)
    if isinstance(key, (int, float)):
        return (1, key)
    return (2, key if isinstance(key, str) else str(key))


def sorted_items(mapping: Mapping[Any, Any]) -> Iterable[tuple[Any, Any]]:
    """Items in the order in which Go prints and ranges over a map: by key."""
    try:
        return sorted(mapping.items(), key=lambda item: item[0])
    except TypeError:
        return sorted(mapping.items(), key=lambda item: _key_rank(item[0]))


def byte_length(text: str) -> int:
    """Length in UTF-8 bytes, which is what Go calls the length of a string."""
    return len(text) if text.isascii() else len(to_bytes(text))


def to_bytes(text: str) -> bytes:
    """UTF-8 of a string; bytes that no character held (from_bytes) come back as they were."""
    return text.encode("utf-8", "surrogateescape")


def from_bytes(data: bytes) -> str:
    """A string of any bytes; those that are not UTF-8 survive as lone surrogates until the output is joined."""
    return data.decode("utf-8", "surrogateescape")
