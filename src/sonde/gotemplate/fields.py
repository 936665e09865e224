"""Field access: `.a.b`, `$x.a`, `(pipe).a` (text/template exec.go, evalFieldChain)."""

from collections.abc import Callable, Mapping
from typing import Any

from sonde.gotemplate.binding import method
from sonde.gotemplate.context import Context, Expr, Frame
from sonde.gotemplate.nodes import Node
from sonde.gotemplate.strconv import quote
from sonde.gotemplate.values import MISSING, StrListMap, StrMap, type_name

Step = Callable[[Any, str, bool], Any]


def absent(ctx: Context, node: Node, holder: Mapping[Any, Any], name: str) -> Any:
    """What a missing key evaluates to under the template's missingkey option."""
    if ctx.mode == "error":
        raise ctx.error(node, f"map has no entry for key {quote(name)}")
    if ctx.mode == "zero":
        return "" if isinstance(holder, StrMap) else None
    return MISSING


def step(ctx: Context, node: Node) -> Step:
    """A function from value and name to the field; its third argument tells that the value came out of a map or list."""

    def follow(value: Any, name: str, element: bool) -> Any:  # noqa: FBT001  a hot positional call
        if isinstance(value, Mapping):
            found = value.get(name, MISSING)
            return absent(ctx, node, value, name) if found is MISSING else found
        if value is MISSING:
            if ctx.mode == "error":
                raise ctx.error(node, f"nil data; no entry for key {quote(name)}")
            return MISSING
        if value is None:
            raise ctx.error(node, f"nil pointer evaluating interface {{}}.{name}")
        found = method(value, name)
        if found is not None:
            return call_bare(ctx, node, name, found)
        fields = getattr(value, "gofields", None)
        if fields is not None:
            for known, item in fields():
                if known == name:
                    return item
        typed = "interface {}" if element else type_name(value)
        raise ctx.error(node, f"can't evaluate field {name} in type {typed}")

    return follow


def call_bare(ctx: Context, node: Node, name: str, found: Any) -> Any:
    """Call a method that stands in a chain without arguments."""
    least = len(found.params) - 1 if found.variadic else len(found.params)
    if least:
        bound = f"at least {least}" if found.variadic else str(least)
        raise ctx.error(node, f"wrong number of args for {name}: want {bound} got 0")
    try:
        return found.call()
    except Exception as failure:
        raise ctx.calling(node, name, failure) from failure


def chain(ctx: Context, receiver: Expr | None, node: Node, names: tuple[str, ...], *, element: bool) -> Expr:
    """The closure for a chain of names; `receiver` None stands for dot. `element` as in `step`."""
    follow = step(ctx, node)
    if receiver is None and len(names) == 1:
        return _one(follow, names[0], element=element)

    def walk(frame: Frame, dot: Any) -> Any:
        value = dot if receiver is None else receiver(frame, dot)
        inner = element
        for name in names:
            if type(value) is dict and name in value:
                value = value[name]
                inner = True
            else:
                holder = value
                value = follow(value, name, inner)
                inner = not isinstance(holder, (StrMap, StrListMap)) and isinstance(holder, Mapping)
        return value

    return walk


def _one(follow: Step, name: str, *, element: bool) -> Expr:
    def get(frame: Frame, dot: Any) -> Any:  # noqa: ARG001  the signature of an expression
        if type(dot) is dict and name in dot:
            return dot[name]
        return follow(dot, name, element)

    return get
