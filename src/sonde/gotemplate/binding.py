"""Names in a template to things to call: function tables, namespaces, plain Python callables, methods of values."""

from collections.abc import Callable, Mapping
from typing import Any

from sonde.gotemplate.values import GoFunc, Namespace

_VARARGS = 0x04
_ANNOTATIONS: dict[Any, str] = {
    str: "string",
    "str": "string",
    int: "int",
    "int": "int",
    float: "float64",
    "float": "float64",
    bool: "bool",
    "bool": "bool",
}


def as_function(name: str, value: Any) -> GoFunc:
    """What a name in a function table stands for; a mapping or object becomes a namespace with methods."""
    if isinstance(value, GoFunc):
        return value
    if isinstance(value, Namespace):
        return GoFunc(lambda: value)
    if callable(value):
        return from_callable(value)
    namespace = ObjectNamespace(name, value)
    return GoFunc(lambda: namespace)


def from_callable(function: Callable[..., Any]) -> GoFunc:
    """The Go signature of a Python function, by its annotations; optional parameters become a variadic tail."""
    code = getattr(function, "__code__", None)
    if code is None:
        return GoFunc(function, "...any")
    own = 1 if getattr(function, "__self__", None) is not None else 0
    names = code.co_varnames[own : code.co_argcount]
    optional = len(getattr(function, "__defaults__", None) or ())
    notes = function.__annotations__
    fixed = [_parameter(notes.get(name)) for name in names[: len(names) - optional]]
    tail = ["...any"] if optional or code.co_flags & _VARARGS else []
    return GoFunc(function, *fixed, *tail)


def _parameter(note: Any) -> str:
    try:
        return _ANNOTATIONS.get(note, "any")
    except TypeError:
        return "any"


class ObjectNamespace(Namespace):
    """A caller's mapping or object of functions, e.g. `atmos` with `Component`."""

    __slots__ = ("target",)

    def __init__(self, name: str, target: Any) -> None:
        super().__init__(name, {})
        self.target = target

    def member(self, name: str) -> GoFunc | None:
        """The function behind a dotted name; None if there is none."""
        if isinstance(self.target, Mapping):
            found = self.target.get(name)
        else:
            found = None if name.startswith("_") else getattr(self.target, name, None)
        return None if found is None else as_function(name, found)


def method(value: Any, name: str) -> GoFunc | None:
    """The Go method of a value: a namespace's function, or one that a value's class lists in `gomethods`."""
    if isinstance(value, ObjectNamespace):
        return value.member(name)
    if isinstance(value, Namespace):
        return value.members.get(name)
    methods: Mapping[str, GoFunc] | None = getattr(type(value), "gomethods", None)
    found = methods.get(name) if methods else None
    if found is None:
        return None
    bound = GoFunc(lambda *args: found.call(value, *args))
    bound.params, bound.variadic = found.params, found.variadic
    return bound
