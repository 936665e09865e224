"""Statements to closures, and the program that a template set becomes under one missingkey mode."""

from collections.abc import Callable, Mapping
from typing import Any

from sonde.gotemplate.context import DEPTH, OUT, ROOT, Context, Expr, Frame, Statement, last_node
from sonde.gotemplate.errors import TemplateError
from sonde.gotemplate.expressions import pipeline
from sonde.gotemplate.fmt import show
from sonde.gotemplate.nodes import Action, Block, Branch, Call, Chain, Command, Jump, Pipe, Text
from sonde.gotemplate.nodes import Statement as Node
from sonde.gotemplate.parser import Tree
from sonde.gotemplate.strconv import quote
from sonde.gotemplate.values import MISSING, sorted_items, truth

_MAX_DEPTH = 100_000

Charge = Callable[[int], None]  # takes the cost of what is about to run; raises when the budget is spent


class Routine:
    """One named template: its statements and the size of its frame."""

    __slots__ = ("run", "size")

    def __init__(self, run: Statement, size: int) -> None:
        self.run = run
        self.size = size


class Program:
    """A template set compiled for one missingkey mode; templates are compiled when they are first called.

    With `charge`, each round of a loop is paid for before it runs. The mode "closed" is "default", except that printing
    no value is an error.
    """

    def __init__(self, tree: Tree, functions: Mapping[str, Any], mode: str, charge: Charge | None = None) -> None:
        self.charge = charge
        self.tree = tree
        self.functions = functions
        self.mode = mode
        self.routines: dict[str, Routine] = {}

    def routine(self, name: str) -> Routine | None:
        found = self.routines.get(name)
        if found is None and name in self.tree.blocks:
            ctx = Context(self.tree, name, self.functions, self.mode)
            run = _block(self, ctx, self.tree.blocks[name])
            found = self.routines[name] = Routine(run, ctx.size)
        return found

    def render(self, data: Any, write: Callable[[list[str]], Callable[[str], None]] | None = None) -> str:
        """The output for the data; `write` makes the function that takes each piece of it."""
        out: list[str] = []
        main = self.routine(self.tree.name)
        if main is None:
            raise TemplateError(
                f"template: {self.tree.name}: {quote(self.tree.name)} is an incomplete or empty template"
            )
        frame: Frame = [MISSING] * main.size
        frame[OUT], frame[DEPTH] = write(out) if write else out.append, 0
        frame[ROOT] = data = MISSING if data is None else data
        main.run(frame, data)
        return "".join(out)


def _block(program: Program, ctx: Context, block: Block) -> Statement:
    """Statements in order; the first that breaks or continues a loop ends them."""
    steps = [_statement(program, ctx, node) for node in block.nodes]
    if len(steps) == 1:
        return steps[0]

    def run(frame: Frame, dot: Any) -> Any:
        for step in steps:
            jump = step(frame, dot)
            if jump is not None:
                return jump
        return None

    return run


def _statement(program: Program, ctx: Context, node: Node) -> Statement:
    if isinstance(node, Text):
        return _text(node.text)
    if isinstance(node, Action):
        return _action(ctx, node)
    if isinstance(node, Jump):
        word = node.keyword
        return lambda frame, dot: word  # noqa: ARG005  the signature of a statement
    if isinstance(node, Call):
        return _call(program, ctx, node)
    return _branch(program, ctx, node)


def _text(text: str) -> Statement:
    def write(frame: Frame, dot: Any) -> None:  # noqa: ARG001  the signature of a statement
        frame[OUT](text)

    return write


def _action(ctx: Context, node: Action) -> Statement:
    value = pipeline(ctx, node.pipe)
    if node.pipe.declared:

        def assign(frame: Frame, dot: Any) -> None:
            value(frame, dot)

        return assign

    def write(frame: Frame, dot: Any) -> None:
        result = value(frame, dot)
        kind = type(result)
        if kind is str:
            frame[OUT](result)
        elif result is MISSING:
            if ctx.mode == "closed":
                raise ctx.error(node, f"{node.pipe} has no value")
            frame[OUT]("<no value>")
        elif kind is not int and callable(result):
            raise ctx.error(node, f"can't print {node.pipe} of type func")
        else:
            frame[OUT](show(result))

    return write


def _branch(program: Program, ctx: Context, node: Branch) -> Statement:
    visible, element = len(ctx.scope), ctx.dot_is_element
    value = pipeline(ctx, node.pipe)
    slots = [slot for _, slot in ctx.scope[visible:]]
    if node.pipe.assign:
        slots = [ctx.slot(variable.names[0]) for variable in node.pipe.declared]
    elif node.keyword == "range":
        ctx.element_slots.update(slots[-1:])
    if node.keyword != "if":
        ctx.dot_is_element = node.keyword == "range"
    body = _block(program, ctx, node.body)
    ctx.dot_is_element = element
    otherwise = _block(program, ctx, node.otherwise) if node.otherwise is not None else None
    del ctx.scope[visible:]
    if node.keyword == "range":
        pairs = _pairs(ctx, node)
        if program.charge is not None:
            pairs = _paid(pairs, program.charge, weight(node.body))
        return _range(pairs, value, slots, body, otherwise)
    return _condition(value, body, otherwise, moves=node.keyword == "with")


def _condition(value: Expr, body: Statement, otherwise: Statement | None, *, moves: bool) -> Statement:
    def choose(frame: Frame, dot: Any) -> Any:
        found = value(frame, dot)
        if truth(found):
            return body(frame, found if moves else dot)
        return otherwise(frame, dot) if otherwise is not None else None

    return choose


def weight(node: Any) -> int:
    """How many nodes a part of the tree has: what it costs to run it once."""
    if isinstance(node, (list, tuple)):
        return sum(map(weight, node))
    return 1 + sum(weight(getattr(node, part)) for part in _PARTS.get(type(node), ()))


_PARTS: dict[type, tuple[str, ...]] = {
    Block: ("nodes",),
    Branch: ("pipe", "body", "otherwise"),
    Action: ("pipe",),
    Call: ("pipe",),
    Pipe: ("commands",),
    Command: ("args",),
    Chain: ("node",),
}


def _paid(pairs: Callable[[Any], Any], charge: Charge, cost: int) -> Callable[[Any], Any]:
    """The rounds of a loop, each charged before it runs; a map is sorted first, which costs its size."""

    def rounds(value: Any) -> Any:
        if isinstance(value, Mapping):
            charge(len(value))
        for pair in pairs(value):
            charge(cost)
            yield pair

    return rounds


def _range(
    pairs: Callable[[Any], Any], value: Expr, slots: list[int], body: Statement, otherwise: Statement | None
) -> Statement:
    index_slot, item_slot = (slots[0], slots[1]) if len(slots) == 2 else (None, slots[0] if slots else None)

    def loop(frame: Frame, dot: Any) -> Any:
        ran = False
        for index, item in pairs(value(frame, dot)):
            ran = True
            if item_slot is not None:
                frame[item_slot] = item
                if index_slot is not None:
                    frame[index_slot] = index
            if body(frame, item) == "break":
                break
        if not ran and otherwise is not None:
            return otherwise(frame, dot)
        return None

    return loop


def _pairs(ctx: Context, node: Branch) -> Callable[[Any], Any]:
    """Index and element of everything that {{range}} accepts."""

    def pairs(value: Any) -> Any:
        if isinstance(value, (list, tuple, bytes)):
            return enumerate(value)
        if isinstance(value, Mapping):
            return sorted_items(value)
        if value is MISSING or value is None:
            return ()
        if isinstance(value, int) and not isinstance(value, bool):
            if len(node.pipe.declared) > 1:
                raise ctx.error(last_node(node.pipe), f"can't use {value} to iterate over more than one variable")
            return ((MISSING, number) for number in range(value))
        raise ctx.error(last_node(node.pipe), f"range can't iterate over {show(value)}")

    return pairs


def _call(program: Program, ctx: Context, node: Call) -> Statement:
    argument = pipeline(ctx, node.pipe) if node.pipe is not None else None

    def call(frame: Frame, dot: Any) -> None:
        routine = program.routine(node.name)
        if routine is None:
            raise ctx.error(node, f"template {quote(node.name)} not defined")
        depth = frame[DEPTH] + 1
        if depth > _MAX_DEPTH:
            raise ctx.error(node, f"exceeded maximum template depth ({_MAX_DEPTH})")
        data = argument(frame, dot) if argument is not None else MISSING
        inner: Frame = [MISSING] * routine.size
        inner[ROOT], inner[OUT], inner[DEPTH] = data, frame[OUT], depth
        try:
            routine.run(inner, data)
        except RecursionError as failure:
            raise ctx.error(node, f"exceeded maximum template depth ({_MAX_DEPTH})") from failure

    return call
