"""Syntax of GitHub's expression language: text to tree. Names are checked here, so that a file is refused when it is read."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sonde.sandbox.runner.functions import FUNCTIONS, STATUS_FUNCTIONS
from sonde.sandbox.runner.model import ExpressionError
from sonde.sandbox.runner.values import to_number

CONTEXTS = frozenset(
    ["env", "github", "inputs", "job", "matrix", "needs", "runner", "secrets", "steps", "strategy", "vars"]
)


@dataclass(frozen=True)
class Literal:
    value: Any


@dataclass(frozen=True)
class Context:
    name: str  # lower case


@dataclass(frozen=True)
class Index:
    target: "Node"
    key: "Node"


@dataclass(frozen=True)
class Wildcard:
    target: "Node"


@dataclass(frozen=True)
class Call:
    name: str  # lower case
    arguments: tuple["Node", ...]


@dataclass(frozen=True)
class Not:
    operand: "Node"


@dataclass(frozen=True)
class Binary:
    operator: str
    left: "Node"
    right: "Node"


Node = Literal | Context | Index | Wildcard | Call | Not | Binary

TOKEN = re.compile(
    r"""\s*(?:
      (?P<number>[-+]?(?:0x[0-9A-Fa-f]+|0o[0-7]+|(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)(?![\w.]))
    | (?P<string>'(?:[^']|'')*')
    | (?P<name>[A-Za-z_][A-Za-z0-9_-]*)
    | (?P<operator>==|!=|<=|>=|&&|\|\||[<>!()\[\].,*])
    )""",
    re.VERBOSE,
)
KEYWORDS = {"true": True, "false": False, "null": None, "NaN": float("nan"), "Infinity": float("inf")}
MAX_LENGTH = 21_000  # characters, as on GitHub
MAX_DEPTH = 100  # of the tree; GitHub counts a chain of && as one level and stops at 50
LEVELS = (("||",), ("&&",), ("==", "!="), ("<", "<=", ">", ">="))  # loosest first


@dataclass(frozen=True)
class Token:
    kind: str  # number, string, name, operator, end
    text: str


def tokens(source: str) -> list[Token]:
    found = []
    position = 0
    while source[position:].strip():
        match = TOKEN.match(source, position)
        if match is None:
            at = source[position:].split(maxsplit=1)[0]
            raise ExpressionError(f"Unexpected symbol: '{at}' in expression: {source.strip()}")
        found.append(Token(str(match.lastgroup), match[str(match.lastgroup)]))
        position = match.end()
    return [*found, Token("end", "end of expression")]


class Parser:
    """Recursive descent over one expression; `take` moves, everything else looks."""

    def __init__(self, source: str) -> None:
        self.source = source.strip()
        self.tokens = tokens(source)
        self.at = 0

    def take(self, text: str | None = None) -> Token:
        token = self.tokens[self.at]
        if text is not None and not self.sees(text):
            raise ExpressionError(f"Unexpected symbol: '{token.text}', expected '{text}' in expression: {self.source}")
        self.at += 1
        return token

    def sees(self, *operators: str) -> bool:
        token = self.tokens[self.at]
        return token.kind == "operator" and token.text in operators

    def whole(self) -> Node:
        if self.tokens[0].kind == "end":
            raise ExpressionError("An expression was expected")
        node = self.binary(0)
        if self.tokens[self.at].kind != "end":
            raise ExpressionError(f"Unexpected symbol: '{self.tokens[self.at].text}' in expression: {self.source}")
        return node

    def binary(self, level: int) -> Node:
        if level == len(LEVELS):
            return self.unary()
        left = self.binary(level + 1)
        while self.sees(*LEVELS[level]):
            operator = self.take().text
            left = Binary(operator, left, self.binary(level + 1))
        return left

    def unary(self) -> Node:
        if self.sees("!"):
            self.take()
            return Not(self.unary())
        return self.postfix()

    def postfix(self) -> Node:
        node = self.primary()
        while self.sees(".", "["):
            bracket = self.take().text == "["
            if self.sees("*"):
                self.take()
                node = Wildcard(node)
            else:
                node = Index(node, self.binary(0) if bracket else self.property_name())
            if bracket:
                self.take("]")
        return node

    def property_name(self) -> Node:
        token = self.take()
        if token.kind != "name":
            raise ExpressionError(f"Unexpected symbol: '{token.text}' after '.' in expression: {self.source}")
        return Literal(token.text)

    def primary(self) -> Node:
        token = self.take()
        if token.kind == "number":
            return Literal(to_number(token.text))
        if token.kind == "string":
            return Literal(token.text[1:-1].replace("''", "'"))
        if token.kind == "name":
            return self.named(token.text)
        if token.text == "(":
            node = self.binary(0)
            self.take(")")
            return node
        raise ExpressionError(f"Unexpected symbol: '{token.text}' in expression: {self.source}")

    def named(self, name: str) -> Node:
        if self.sees("("):
            return self.call(name)
        if name in KEYWORDS:
            return Literal(KEYWORDS[name])
        if name.lower() not in CONTEXTS:
            raise ExpressionError(f"Unrecognized named-value: '{name}' in expression: {self.source}")
        return Context(name.lower())

    def call(self, name: str) -> Node:
        arguments = []
        self.take("(")
        while not self.sees(")"):
            arguments.append(self.binary(0))
            if not self.sees(")"):
                self.take(",")
        self.take(")")
        known = FUNCTIONS.get(name.lower())
        if name.lower() == "hashfiles":
            raise ExpressionError(f"This runner does not do hashFiles(), in expression: {self.source}")
        if known is None and name.lower() not in STATUS_FUNCTIONS:
            raise ExpressionError(f"Unrecognized function: '{name}' in expression: {self.source}")
        low, high = (0, 0) if known is None else (known.at_least, known.at_most)
        if not low <= len(arguments) <= high:
            raise ExpressionError(f"{name}() got {len(arguments)} arguments in expression: {self.source}")
        return Call(name.lower(), tuple(arguments))


def children(node: Node) -> tuple[Node, ...]:
    match node:
        case Index(target, key):
            return (target, key)
        case Wildcard(target) | Not(target):
            return (target,)
        case Call(_, arguments):
            return arguments
        case Binary(_, left, right):
            return (left, right)
        case _:
            return ()


def walk(node: Node) -> Iterator[Node]:
    yield node
    for child in children(node):
        yield from walk(child)


def depth(node: Node) -> int:
    return 1 + max((depth(child) for child in children(node)), default=0)


@lru_cache(maxsize=2048)
def parse(expression: str) -> Node:
    """Syntax tree of one expression without its `${{ }}`. ExpressionError on bad syntax and on unknown names."""
    if len(expression) > MAX_LENGTH:
        raise ExpressionError(f"Exceeded max expression length {MAX_LENGTH}")
    try:
        node = Parser(expression).whole()
        if depth(node) <= MAX_DEPTH:
            return node
    except RecursionError:
        pass
    raise ExpressionError(f"Exceeded max expression depth {MAX_DEPTH}")
