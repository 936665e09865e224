"""Pipelines, commands and operands to closures (text/template exec.go, evalPipeline to evalArg)."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from sonde.gotemplate import arguments
from sonde.gotemplate.binding import as_function, method
from sonde.gotemplate.builtins import BUILTINS
from sonde.gotemplate.context import Context, Expr, Frame, last_node, raising
from sonde.gotemplate.fields import absent, chain, step
from sonde.gotemplate.nodes import (
    Bool,
    Chain,
    Command,
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
from sonde.gotemplate.values import MISSING, GoFunc, Namespace, truth

Stage = Callable[[Frame, Any, Any], Any]


def pipeline(ctx: Context, pipe: Pipe) -> Expr:
    """The value of a pipeline; a nil at its end is no value at all. Declared variables are set."""
    value = _commands(ctx, pipe)
    if not pipe.declared:
        return value
    slots = [ctx.slot(v.names[0]) if pipe.assign else ctx.declare(v.names[0]) for v in pipe.declared]

    def assign(frame: Frame, dot: Any) -> Any:
        result = value(frame, dot)
        for slot in slots:
            frame[slot] = result
        return result

    return assign


def _commands(ctx: Context, pipe: Pipe) -> Expr:
    first = command(ctx, pipe.commands[0], pipe)
    if len(pipe.commands) == 1:

        def single(frame: Frame, dot: Any) -> Any:
            value = first(frame, dot)
            return MISSING if value is None else value

        return single
    stages = [_stage(ctx, part) for part in pipe.commands[1:]]

    def several(frame: Frame, dot: Any) -> Any:
        value = first(frame, dot)
        for stage in stages:
            value = stage(frame, dot, MISSING if value is None else value)
        return MISSING if value is None else value

    return several


def command(ctx: Context, node: Command, pipe: Pipe) -> Expr:
    """The first command of a pipeline, which has no value piped into it."""
    word = node.args[0]
    if isinstance(word, Identifier):
        return function_call(ctx, word, node, node.args[1:])
    if isinstance(word, Chain) and isinstance(word.node, Nil):
        return raising(lambda: ctx.error(word, f"indirection through explicit nil in {word}"))
    if len(node.args) == 1:
        if isinstance(word, Nil):
            return raising(lambda: ctx.error(word, "nil is not a command"))
        return operand(ctx, word)
    if isinstance(word, (Field, Chain)) or (isinstance(word, Variable) and len(word.names) > 1):
        call = _method_call(ctx, word, node.args[1:], piped=False)
        return lambda frame, dot: call(frame, dot, MISSING)
    return _not_a_function(ctx, word, pipe if isinstance(word, Pipe) else word)


def _not_a_function(ctx: Context, word: Operand, at: Node) -> Expr:
    return raising(lambda: ctx.error(at, f"can't give argument to non-function {word}"))


def _stage(ctx: Context, node: Command) -> Stage:
    """A command that takes the value of the one before it as its last argument."""
    word = node.args[0]
    if isinstance(word, Identifier):
        return _piped_function(ctx, word, node, node.args[1:])
    if isinstance(word, (Field, Chain)) or (isinstance(word, Variable) and len(word.names) > 1):
        return _method_call(ctx, word, node.args[1:], piped=True)
    fail = _not_a_function(ctx, word, word)
    return lambda frame, dot, final: fail(frame, dot)  # noqa: ARG005  it only fails


def operand(ctx: Context, node: Operand) -> Expr:
    """Any operand where no type is expected."""
    return _OPERANDS[type(node)](ctx, node)


def _chain(ctx: Context, node: Chain) -> Expr:
    call = _method_call(ctx, node, [], piped=False)
    return lambda frame, dot: call(frame, dot, MISSING)


def constant(ctx: Context, node: Bool | String | Number) -> Expr:
    """A literal where an interface value is wanted: Go's idealConstant."""
    value = node.text if isinstance(node, String) else node.value if isinstance(node, Bool) else arguments.ideal(node)
    if value is None:
        return raising(lambda: ctx.error(node, f"{node} overflows int"))
    return lambda frame, dot: value  # noqa: ARG005  the signature of an expression


def _variable(ctx: Context, node: Variable) -> Expr:
    slot = ctx.slot(node.names[0])

    def get(frame: Frame, dot: Any) -> Any:  # noqa: ARG001  the signature of an expression
        return frame[slot]

    return get if len(node.names) == 1 else chain(ctx, get, node, node.names[1:], element=slot in ctx.element_slots)


# functions


def lookup(ctx: Context, name: str) -> tuple[Any, bool]:
    """The function under a name, and whether it is text/template's own."""
    found = ctx.functions.get(name)
    return (found, False) if found is not None else (BUILTINS.get(name), True)


def function_call(ctx: Context, word: Identifier, node: Node, args: list[Operand]) -> Expr:
    """A function called without a piped value."""
    found, builtin = lookup(ctx, word.name)
    if builtin and word.name in ("and", "or"):
        either = _and_or(ctx, word, args, piped=False)
        return lambda frame, dot: either(frame, dot, MISSING)
    function = as_function(word.name, found)
    problem = arguments.count_problem(function, word.name, len(args), len(args))
    if problem:
        return raising(lambda: ctx.error(word, problem))
    return _invoke(ctx, function, word.name, node, arguments.fixed(ctx, function, args, operand))


def _piped_function(ctx: Context, word: Identifier, node: Node, args: list[Operand]) -> Stage:
    found, builtin = lookup(ctx, word.name)
    if builtin and word.name in ("and", "or"):
        return _and_or(ctx, word, args, piped=True)
    at = last_node(args[-1]) if args else word
    return _piped_call(ctx, as_function(word.name, found), (word.name, node, word, at), args)


def _piped_call(ctx: Context, function: GoFunc, place: tuple[str, Node, Node, Node], args: list[Operand]) -> Stage:
    name, node, word, at = place
    problem = arguments.count_problem(function, name, len(args) + 1, len(args))
    if problem:
        fail = raising(lambda: ctx.error(word, problem))
        return lambda frame, dot, final: fail(frame, dot)  # noqa: ARG005  it only fails
    exprs = arguments.fixed(ctx, function, args, operand)
    check = arguments.checker(ctx, arguments.parameter(function, len(args)), at)
    call = function.call

    def piped(frame: Frame, dot: Any, final: Any) -> Any:
        values = [expr(frame, dot) for expr in exprs]
        values.append(check(final))
        try:
            return call(*values)
        except Exception as failure:
            raise ctx.calling(node, name, failure) from failure

    return piped


def _invoke(ctx: Context, function: GoFunc, name: str, node: Node, exprs: list[Expr]) -> Expr:
    call = function.call
    if len(exprs) == 1:
        only = exprs[0]

        def unary(frame: Frame, dot: Any) -> Any:
            value = only(frame, dot)
            try:
                return call(value)
            except Exception as failure:
                raise ctx.calling(node, name, failure) from failure

        return unary

    def several(frame: Frame, dot: Any) -> Any:
        values = [expr(frame, dot) for expr in exprs]
        try:
            return call(*values)
        except Exception as failure:
            raise ctx.calling(node, name, failure) from failure

    return several


def _and_or(ctx: Context, word: Identifier, args: list[Operand], *, piped: bool) -> Stage:
    if not args and not piped:
        fail = raising(lambda: ctx.error(word, f"wrong number of args for {word.name}: want at least 1 got 0"))
        return lambda frame, dot, final: fail(frame, dot)  # noqa: ARG005  it only fails
    exprs = [operand(ctx, arg) for arg in args]
    stop = word.name == "or"

    def either(frame: Frame, dot: Any, final: Any) -> Any:
        value: Any = MISSING
        for expr in exprs:
            value = expr(frame, dot)
            if truth(value) == stop:
                return value
        return final if piped else value

    return either


# methods


def _method_call(ctx: Context, word: Operand, args: list[Operand], *, piped: bool) -> Stage:
    """A field chain whose last name may be a method: the arguments wait until the receiver is known."""
    receiver, names, at = _receiver(ctx, word)
    head = chain(ctx, receiver, at, names[:-1], element=ctx.dot_is_element) if len(names) > 1 else receiver
    last = names[-1]
    follow = step(ctx, at)
    later = ctx.snapshot()
    given = bool(args) or piped
    known: dict[tuple[str, ...], Stage] = {}

    def call(frame: Frame, dot: Any, final: Any) -> Any:
        value = dot if head is None else head(frame, dot)
        found = None if value is None or type(value) is dict else method(value, last)
        if found is None:
            if given and isinstance(value, Mapping):
                raise ctx.error(at, f"{last} is not a method but has arguments")
            return tail_value(value)
        if isinstance(value, Namespace):
            stage = known.get((value.name, last))
            if stage is None:
                stage = known[value.name, last] = _bind(later, found, last, word, at, args, piped=piped)
            return stage(frame, dot, final)
        return _bind(later, found, last, word, at, args, piped=piped)(frame, dot, final)

    def tail_value(value: Any) -> Any:
        if type(value) is dict:
            found = value.get(last, MISSING)
            return absent(ctx, at, value, last) if found is MISSING else found
        return follow(value, last, len(names) > 1)

    return call


def _receiver(ctx: Context, word: Operand) -> tuple[Expr | None, tuple[str, ...], Node]:
    if isinstance(word, Field):
        return None, word.names, word
    if isinstance(word, Chain):
        return operand(ctx, word.node), word.names, last_node(word.node)
    assert isinstance(word, Variable)  # noqa: S101  callers pass these three
    slot = ctx.slot(word.names[0])
    return (lambda frame, dot: frame[slot]), word.names[1:], word  # noqa: ARG005


def _bind(
    ctx: Context, function: GoFunc, name: str, node: Node, word: Node, args: list[Operand], *, piped: bool
) -> Stage:
    if piped:
        at = last_node(args[-1]) if args else word
        return _piped_call(ctx, function, (name, node, word, at), args)
    problem = arguments.count_problem(function, name, len(args), len(args))
    if problem:
        fail = raising(lambda: ctx.error(word, problem))
        return lambda frame, dot, final: fail(frame, dot)  # noqa: ARG005  it only fails
    invoke = _invoke(ctx, function, name, node, arguments.fixed(ctx, function, args, operand))
    return lambda frame, dot, final: invoke(frame, dot)  # noqa: ARG005


_OPERANDS: Final[dict[type, Callable[[Context, Any], Expr]]] = {
    Field: lambda ctx, node: chain(ctx, None, node, node.names, element=ctx.dot_is_element),
    Variable: _variable,
    Pipe: pipeline,
    Identifier: lambda ctx, node: function_call(ctx, node, node, []),
    Chain: _chain,
    Dot: lambda _ctx, _node: lambda _frame, dot: dot,
    Nil: lambda _ctx, _node: lambda _frame, _dot: None,
    Bool: constant,
    String: constant,
    Number: constant,
}
