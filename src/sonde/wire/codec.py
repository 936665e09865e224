"""Wire objects to and from plain JSON values.

A wire class is a frozen dataclass whose `JSON` table names each field as it crosses the network (field -> JSON name;
a field that is not in the table keeps its name) and whose `NULLABLE` set lists the fields that are sent as `null`;
every other field that is None is left out. Unknown JSON names are ignored (protocol.md §2).
"""

from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from functools import cache
from typing import Any, ClassVar, Protocol, TypeVar, get_args, get_type_hints


class WireObject(Protocol):
    """What every wire class declares."""

    JSON: ClassVar[Mapping[str, str]]
    NULLABLE: ClassVar[frozenset[str]]
    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]


T = TypeVar("T", bound=WireObject)
EXACT = 2**53  # below it a float is the whole number that was written


class WireError(ValueError):
    """A JSON value that is not the wire object it should be; the text says which field and why."""


def json_name(cls: type[WireObject], field: str) -> str:
    """The name of `field` in JSON."""
    return cls.JSON.get(field, field)


@cache
def _names(cls: Any) -> tuple[tuple[str, str, bool], ...]:
    """Each field of a wire class, its name in JSON, and whether it is sent as `null`."""
    return tuple((field.name, json_name(cls, field.name), field.name in cls.NULLABLE) for field in fields(cls))


@cache
def hints_of(cls: Any) -> dict[str, Any]:
    """The type of each field of a wire class."""
    return get_type_hints(cls)


def to_json(value: Any) -> Any:
    """Turn a wire object (or a tuple of them) into dicts and lists that `json.dumps` takes."""
    if is_dataclass(value) and not isinstance(value, type):
        out = {}
        for field, name, nullable in _names(type(value)):
            item = getattr(value, field)
            if item is not None or nullable:
                out[name] = item if isinstance(item, str) else to_json(item)
        return out
    if isinstance(value, (tuple, list)):
        return [to_json(item) for item in value]
    return value


def from_json(cls: type[T], value: Any, where: str = "body") -> T:
    """Read a wire object out of parsed JSON. Raises WireError naming the field that is missing or of another type."""
    if not isinstance(value, Mapping):
        raise WireError(f"{where}: expected an object, got {type(value).__name__}")
    hints = hints_of(cls)
    out: dict[str, Any] = {}
    for field in fields(cls):
        name = json_name(cls, field.name)
        item = value.get(name)
        if item is None:
            if field.default is MISSING and field.default_factory is MISSING:
                raise WireError(f"{where}: {name} is missing")
            continue
        out[field.name] = read_value(hints[field.name], item, f"{where}.{name}")
    return cls(**out)


def read_value(hint: Any, item: Any, where: str) -> Any:
    """Read one field of type `hint` out of a parsed JSON value. Raises WireError."""
    choices: tuple[Any, ...] = get_args(hint) or (hint,)
    if getattr(hint, "__origin__", None) is tuple:
        if not isinstance(item, list):
            raise WireError(f"{where}: expected a list, got {type(item).__name__}")
        return tuple(read_value(choices[0], part, f"{where}[{index}]") for index, part in enumerate(item))
    for choice in choices:
        if choice is Any or (choice is float and isinstance(item, int)):
            return item
        if is_dataclass(choice):
            nested: Any = choice
            return from_json(nested, item, where)
        plain = getattr(choice, "__origin__", choice)
        if plain is tuple and isinstance(item, list):
            return read_value(choice, item, where)
        if plain is Mapping and isinstance(item, dict):
            return item
        if plain is int and isinstance(item, float):
            item = _whole(item)
        if isinstance(plain, type) and isinstance(item, plain) and not (plain is int and isinstance(item, bool)):
            return item
    raise WireError(f"{where}: {type(item).__name__} is not what is expected here")


def _whole(item: float) -> int | float:
    """A number that is whole as an int: 1.0 is 1 in JSON."""
    return int(item) if item.is_integer() and abs(item) < EXACT else item
