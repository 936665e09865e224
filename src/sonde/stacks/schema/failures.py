"""What checks speak about: failures at paths, and the JSON kind of a loaded value."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from sonde.stacks.goyaml import Tagged

Path = tuple[str | int, ...]


class Failure(NamedTuple):
    """What is wrong at a path; without a text it only groups the failures below it."""

    path: Path
    text: str


Failures = Sequence[Failure]
Check = Callable[[Any, Path], Failures]
FINE: Failures = ()


def kind_of(value: Any) -> str:
    """The JSON type of a loaded value; a YAML function counts as the string that stands for it."""
    if isinstance(value, Tagged):
        return "array" if isinstance(value.value, list) else "string"
    return _KINDS.get(type(value), "null")


_KINDS = {dict: "object", str: "string", bool: "boolean", int: "number", float: "number", list: "array"}


def text_of(value: Any) -> str:
    return value.text if isinstance(value, Tagged) else str(value)


def items_of(value: Any) -> list[Any]:
    items: list[Any] = value.value if isinstance(value, Tagged) else value
    return items


def equal(one: Any, two: Any) -> bool:
    return kind_of(one) == kind_of(two) and bool(one == two)
