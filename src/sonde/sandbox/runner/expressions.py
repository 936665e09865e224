"""GitHub's expression language: the verbs `evaluate`, `interpolate`, `resolve` and `condition`.

Source of the rules: GitHub docs, "Evaluate expressions in workflows and actions". Values are JSON values; `syntax` reads
the text, `values` converts and compares, `functions` is the table of functions.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sonde.sandbox.runner.functions import FUNCTIONS, STATUS_FUNCTIONS, Status
from sonde.sandbox.runner.model import ExpressionError
from sonde.sandbox.runner.syntax import Binary, Call, Context, Index, Literal, Node, Not, Wildcard, parse, walk
from sonde.sandbox.runner.values import OPERATORS, Filtered, index, to_text, truthy, wildcard


def run(node: Node, contexts: Mapping[str, Any], status: Status | None) -> Any:
    """The value of a tree. `contexts` maps lower-case names to JSON values."""
    match node:
        case Literal(value):
            answer = value
        case Context(name):
            if name not in contexts:
                raise ExpressionError(f"The context '{name}' is not available here")
            answer = contexts[name]
        case Index(target, key):
            answer = index(run(target, contexts, status), run(key, contexts, status))
        case Wildcard(target):
            answer = wildcard(run(target, contexts, status))
        case Not(operand):
            answer = not truthy(run(operand, contexts, status))
        case Call(name, arguments):
            answer = call(name, [run(argument, contexts, status) for argument in arguments], status)
        case Binary(operator, left, right):
            answer = binary(operator, run(left, contexts, status), lambda: run(right, contexts, status))
    return answer


def binary(operator: str, left: Any, right: Callable[[], Any]) -> Any:
    """`&&` and `||` answer one of their operands, not a boolean, and leave the second alone when the first decides."""
    if operator == "&&":
        return right() if truthy(left) else left
    if operator == "||":
        return left if truthy(left) else right()
    return OPERATORS[operator](left, right())


def call(name: str, arguments: list[Any], status: Status | None) -> Any:
    if name in STATUS_FUNCTIONS:
        if status is None:
            raise ExpressionError(f"{name}() is available in `if` only")
        return STATUS_FUNCTIONS[name](status)
    return FUNCTIONS[name].run(*arguments)


def evaluate(expression: str, contexts: Mapping[str, Any], status: Status | None = None) -> Any:
    """Value of one expression, without or with its `${{ }}`, e.g. `github.ref == 'refs/heads/main'`.

    `contexts` maps context names to JSON values; `status` is given for `if` only. Raises ExpressionError.
    """
    text = expression.strip()
    parts = split(text)
    if len(parts) == 1 and isinstance(parts[0], Expression):
        text = parts[0].text
    value = run(parse(text), contexts, status)
    return list(value) if isinstance(value, Filtered) else value


@dataclass(frozen=True)
class Expression:
    text: str


def closing(text: str, start: int) -> int:
    """Position of the `}}` that ends the expression begun at `start`, outside of string literals; -1 if none."""
    quoted = False
    for at in range(start, len(text)):
        if text[at] == "'":
            quoted = not quoted
        if not quoted and text.startswith("}}", at):
            return at
    return -1


def split(text: str) -> list[str | Expression]:
    """Literal pieces and expressions of a text, in order. ExpressionError on an unclosed `${{`."""
    parts: list[str | Expression] = []
    position = 0
    while (begin := text.find("${{", position)) >= 0:
        end = closing(text, begin + 3)
        if end < 0:
            raise ExpressionError(f"The expression is not closed with }}}}: {text[begin:]}")
        if begin > position:
            parts.append(text[position:begin])
        parts.append(Expression(text[begin + 3 : end].strip()))
        position = end + 2
    if position < len(text):
        parts.append(text[position:])
    return parts


def interpolate(text: str, contexts: Mapping[str, Any]) -> str:
    """The text with each `${{ }}` replaced by its value as text."""
    return "".join(
        to_text(evaluate(part.text, contexts)) if isinstance(part, Expression) else part for part in split(text)
    )


def resolve(value: Any, contexts: Mapping[str, Any]) -> Any:
    """A YAML value with its expressions evaluated: a text that is one expression keeps the expression's type."""
    if isinstance(value, str):
        parts = split(value.strip())
        if len(parts) == 1 and isinstance(parts[0], Expression):
            return evaluate(parts[0].text, contexts)
        return interpolate(value, contexts)
    if isinstance(value, Mapping):
        return {key: resolve(item, contexts) for key, item in value.items()}
    if isinstance(value, list):
        return [resolve(item, contexts) for item in value]
    return value


def condition_tree(text: str) -> Node:
    """Tree of an `if`, whose `${{ }}` is optional; `success() &&` is put before it unless it asks for the status."""
    stripped = text.strip()
    parts = split(stripped)
    if any(isinstance(part, Expression) for part in parts):
        if len(parts) > 1:
            raise ExpressionError(
                f"`if` mixes ${{{{ }}}} with other text, which GitHub takes for true whatever it says: {stripped}"
            )
        stripped = parts[0].text if isinstance(parts[0], Expression) else stripped
    node = parse(stripped) if stripped else Literal(True)
    if any(isinstance(part, Call) and part.name in STATUS_FUNCTIONS for part in walk(node)):
        return node
    return Binary("&&", Call("success", ()), node)


def condition(text: str, contexts: Mapping[str, Any], status: Status) -> bool:
    """Whether a job or step with this `if` runs. An empty text means `success()`."""
    return truthy(run(condition_tree(text), contexts, status))


def names_in(text: str, *, is_condition: bool = False) -> tuple[frozenset[str], frozenset[str]]:
    """The contexts and the status functions that a text uses; parsing errors surface here, before anything runs."""
    trees = (
        [condition_tree(text)] if is_condition else [parse(p.text) for p in split(text) if isinstance(p, Expression)]
    )
    nodes = [node for tree in trees for node in walk(tree)]
    contexts = frozenset(node.name for node in nodes if isinstance(node, Context))
    calls = frozenset(node.name for node in nodes if isinstance(node, Call) and node.name in STATUS_FUNCTIONS)
    return contexts, calls
