"""Arguments against Go parameter types: what text/template checks before a call (exec.go, evalArg and validateType)."""

from collections.abc import Callable
from typing import Any, Final

from sonde.gotemplate.context import Context, Expr, Frame, last_node, raising
from sonde.gotemplate.nodes import (
    Bool,
    Chain,
    Dot,
    Field,
    Identifier,
    Nil,
    Node,
    Number,
    Operand,
    Pipe,
    String,
    Variable,
)
from sonde.gotemplate.values import MISSING, GoFunc, NilList, NilMap, type_name

# short names in signatures -> Go types; a type that is not here stands for itself
TYPES: Final = {"map": "map[string]interface {}", "list": "[]interface {}"}
_EXACT: Final[dict[str, type]] = {
    "string": str,
    "int": int,
    "float64": float,
    "bool": bool,
    "map[string]interface {}": dict,
    "[]interface {}": list,
}
_NILABLE: Final = ("map[", "[]", "*", "func(")
_EXPECTED: Final = {
    "bool": "bool",
    "string": "string",
    "int": "integer",
    "int64": "integer",
    "float64": "float",
    "uint64": "unsigned integer",
    "uint32": "unsigned integer",
}


def parameter(function: GoFunc, index: int) -> str:
    """The Go type of the parameter that takes argument `index`."""
    name = function.params[min(index, len(function.params) - 1)]
    return TYPES.get(name, name)


def count_problem(function: GoFunc, name: str, count: int, shown: int) -> str | None:
    """Go's complaint about the number of arguments, or None; for variadic functions it leaves out the piped one."""
    wanted = len(function.params)
    if function.variadic:
        return (
            f"wrong number of args for {name}: want at least {wanted - 1} got {shown}" if count < wanted - 1 else None
        )
    return f"wrong number of args for {name}: want {wanted} got {count}" if count != wanted else None


def fixed(
    ctx: Context, function: GoFunc, args: list[Operand], operand: Callable[[Context, Operand], Expr]
) -> list[Expr]:
    """The written arguments of a call, each checked against its parameter."""
    return [_argument(ctx, arg, parameter(function, index), operand) for index, arg in enumerate(args)]


def _argument(ctx: Context, node: Operand, wanted: str, operand: Callable[[Context, Operand], Expr]) -> Expr:
    if isinstance(node, Nil):
        return _nil(ctx, node, wanted)
    if isinstance(node, (Bool, String, Number)):
        return _constant(ctx, node, wanted, operand)
    value = operand(ctx, node)
    if wanted == "value":
        return value
    if wanted == "any":
        if not isinstance(node, (Dot, Field, Variable, Identifier, Pipe, Chain)):
            return value

        def maybe(frame: Frame, dot: Any) -> Any:
            found = value(frame, dot)
            return None if found is MISSING else found

        return maybe
    check = checker(ctx, wanted, last_node(node))
    return lambda frame, dot: check(value(frame, dot))


def _nil(ctx: Context, node: Nil, wanted: str) -> Expr:
    if wanted == "value":
        return lambda frame, dot: MISSING  # noqa: ARG005
    if wanted == "any" or wanted.startswith(_NILABLE):
        zero = _zero(wanted)
        return lambda frame, dot: zero  # noqa: ARG005
    return raising(lambda: ctx.error(node, f"cannot assign nil to {wanted}"))


def _zero(wanted: str) -> Any:
    return None if not wanted.startswith(("map[", "[]")) else NilMap() if wanted.startswith("map[") else NilList()


def _constant(
    ctx: Context, node: Bool | String | Number, wanted: str, operand: Callable[[Context, Operand], Expr]
) -> Expr:
    if wanted in ("any", "value"):
        return operand(ctx, node)
    value = _typed(node, wanted)
    if value is None:
        if wanted not in _EXPECTED:
            return raising(lambda: ctx.error(node, f"can't handle {node} for arg of type {wanted}"))
        return raising(lambda: ctx.error(node, f"expected {_EXPECTED[wanted]}; found {node}"))
    return lambda frame, dot: value  # noqa: ARG005


def _typed(node: Bool | String | Number, wanted: str) -> Any:
    if isinstance(node, Bool):
        return node.value if wanted == "bool" else None
    if isinstance(node, String):
        return node.text if wanted == "string" else None
    if wanted in ("int", "int64"):
        return node.integer
    if wanted in ("uint64", "uint32"):
        return node.unsigned
    return node.real if wanted == "float64" else None


def ideal(node: Number) -> Any:
    """Go's idealConstant: the value of a number where no type is asked for; None if it overflows int."""
    if node.imaginary is not None:
        return node.imaginary
    text = node.text
    hexadecimal = len(text) > 2 and text[:2] in ("0x", "0X") and not any(mark in text for mark in "pP")
    if node.real is not None and not hexadecimal and text[0] != "'" and any(mark in text for mark in ".eEpP"):
        return node.real
    return node.integer


def checker(ctx: Context, wanted: str, at: Node) -> Callable[[Any], Any]:
    """Go's validateType: the value, or the error that it does not fit; `at` is the node that the error names."""
    if wanted == "value":
        return lambda value: value
    if wanted == "any":
        return lambda value: None if value is MISSING else value
    exact = _EXACT.get(wanted)

    def check(value: Any) -> Any:
        if type(value) is exact:
            return value
        if value is MISSING:
            if wanted.startswith(_NILABLE):
                return _zero(wanted)
            raise ctx.error(at, f"invalid value; expected {wanted}")
        found = "interface {}" if value is None else type_name(value)
        if found != wanted:
            raise ctx.error(at, f"wrong type for value; expected {wanted}; got {found}")
        return value

    return check
