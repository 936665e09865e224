"""What the compiler knows while it turns one template of a set into closures, and how errors get their place."""

from collections.abc import Callable, Mapping
from typing import Any

from sonde.gotemplate.errors import TemplateError
from sonde.gotemplate.nodes import (
    Chain,
    Command,
    Identifier,
    Node,
    Operand,
    Pipe,
)
from sonde.gotemplate.parser import Tree
from sonde.gotemplate.strconv import quote
from sonde.gotemplate.values import to_bytes

# A frame holds $ first, then the function that takes output, the depth of {{template}} calls, and the variables.
Frame = list[Any]
Expr = Callable[[Frame, Any], Any]
Statement = Callable[[Frame, Any], Any]
ROOT, OUT, DEPTH, FIRST_VARIABLE = range(4)


class Context:
    """Scope and error places of one named template while it is compiled."""

    __slots__ = ("dot_is_element", "element_slots", "functions", "mode", "name", "scope", "size", "tree")

    def __init__(self, tree: Tree, name: str, functions: Mapping[str, Any], mode: str) -> None:
        self.tree = tree
        self.name = name
        self.functions = functions
        self.mode = mode
        self.scope: list[tuple[str, int]] = [("$", ROOT)]
        self.size = FIRST_VARIABLE
        self.dot_is_element = False
        self.element_slots: set[int] = set()

    def declare(self, name: str) -> int:
        slot = self.size
        self.size += 1
        self.scope.append((name, slot))
        return slot

    def slot(self, name: str) -> int:
        return next((slot for known, slot in reversed(self.scope) if known == name), ROOT)

    def snapshot(self) -> "Context":
        """The same place, for arguments that are compiled later, when the method to call is known."""
        other = Context(self.tree, self.name, self.functions, self.mode)
        other.element_slots = set(self.element_slots)
        other.scope, other.size, other.dot_is_element = list(self.scope), self.size, self.dot_is_element
        return other

    def error(self, node: Node, message: str) -> TemplateError:
        """An execution error at a node, placed as Go places it: line, and column in bytes."""
        before = self.tree.text[: node.pos]
        line = before.count("\n") + 1
        column = len(to_bytes(before[before.rfind("\n") + 1 :]))
        where = f"{self.tree.name}:{line}:{column}"
        return TemplateError(f"template: {where}: executing {quote(self.name)} at <{node}>: {message}")

    def calling(self, node: Node, name: str, failure: Exception) -> TemplateError:
        return self.error(node, f"error calling {name}: {failure}")


def last_node(node: Operand | Command) -> Node:
    """The node that Go's interpreter visits last when it evaluates this one: errors about the result name it."""
    if isinstance(node, Pipe):
        return last_node(node.commands[-1])
    if isinstance(node, Command):
        if len(node.args) > 1 and not isinstance(node.args[0], Pipe):
            return last_node(node.args[-1])
        return last_node(node.args[0])
    if isinstance(node, Chain):
        return last_node(node.node)
    if isinstance(node, Identifier):
        return node
    return node


def raising(make: Callable[[], TemplateError]) -> Expr:
    """An expression that can only fail, at the time it is reached."""

    def fail(frame: Frame, dot: Any) -> Any:  # noqa: ARG001  the signature of an expression
        raise make()

    return fail
