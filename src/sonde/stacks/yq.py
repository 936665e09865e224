"""yq expressions, the part that stack manifests and `--query` use: paths, pipes, defaults, comparisons, arithmetic, functions.

A result is printed by yq as YAML and read again by Atmos, so a string that looks like a number becomes one (stacks.md §7).
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sonde.stacks import goyaml, yamldump
from sonde.stacks.errors import StacksError
from sonde.stacks.yq_functions import OPERATORS, PLAIN, WITH_ARGUMENT, Step, Values, items, truth

__all__ = ["evaluate", "truth"]

_TOKEN = re.compile(
    r"""\s*(?:(?P<number>[0-9]+(?:\.[0-9]+)?(?![\w.]))|(?P<string>"(?:[^"\\]|\\.)*")|(?P<field>\.[A-Za-z_$][\w$-]*|\."(?:[^"\\]|\\.)*")
    |(?P<name>[A-Za-z_][\w]*)|(?P<sign>\.\.|//|==|!=|<=|>=|[.|,\[\](){}:+\-*/%<>?]))""",
    re.VERBOSE,
)
# Operators from the weakest to the strongest.
_LEVELS: tuple[frozenset[str], ...] = (
    frozenset({"|"}),
    frozenset({","}),
    frozenset({"//"}),
    frozenset({"or"}),
    frozenset({"and"}),
    frozenset({"==", "!=", "<", ">", "<=", ">="}),
    frozenset({"+", "-"}),
    frozenset({"*", "/", "%"}),
)


def evaluate(data: Any, expression: str) -> Any:
    """The expression's result over the data, as Atmos reads it back; None when there is none. Raises StacksError."""
    results = _compiled(expression)(data)
    if not results:
        return None
    if len(results) == 1:
        return _read_back(results[0])
    return _parse(
        "\n".join(yamldump.dump(each).rstrip("\n") if not isinstance(each, str) else each for each in results)
    )


def _read_back(value: Any) -> Any:
    return _parse(value) if isinstance(value, str) else value


def _parse(text: str) -> Any:
    plain = text.strip()
    if "\n" not in plain and (plain.startswith("#") or (plain.endswith(":") and ": " not in plain)):
        return plain
    try:
        return goyaml.load(text, name="yq").value
    except goyaml.YamlError as error:
        if "\n" in plain:
            raise StacksError(f"EvaluateYqExpression: failed to unmarshal result: {error.message}") from error
        return plain


@lru_cache(maxsize=1024)
def _compiled(expression: str) -> Step:
    parser = _Parser(expression)
    step = parser.expression(0)
    if parser.kind != "end":
        raise parser.error(f"unexpected '{parser.text}'")
    return step


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str


class _Parser:
    def __init__(self, source: str) -> None:
        self.source = source
        self.tokens = list(self._tokens())
        self.index = 0

    def error(self, message: str) -> StacksError:
        return StacksError(f"EvaluateYqExpression: failed to evaluate YQ expression '{self.source}': {message}")

    def _tokens(self) -> Iterator[_Token]:
        position, text = 0, self.source.strip()
        while position < len(text):
            match = _TOKEN.match(text, position)
            if not match:
                raise self.error(f"invalid input text {text[position:]!r}")
            kind = str(match.lastgroup)
            yield _Token(kind, match[kind])
            position = match.end()
        yield _Token("end", "")

    @property
    def kind(self) -> str:
        return self.tokens[self.index].kind

    @property
    def text(self) -> str:
        token = self.tokens[self.index]
        return "" if token.kind == "string" else token.text

    def take(self, text: str = "") -> _Token:
        token = self.tokens[self.index]
        if text and (token.kind == "string" or token.text != text):
            raise self.error(f"expected '{text}'")
        self.index += 1
        return token

    def expression(self, level: int) -> Step:
        if level == len(_LEVELS):
            return self.postfix()
        left = self.expression(level + 1)
        while self.kind in ("sign", "name") and self.text in _LEVELS[level]:
            operator = self.take().text
            left = _binary(operator, left, self.expression(level + 1))
        return left

    def postfix(self) -> Step:
        step = self.primary()
        while True:
            if self.kind == "field":
                step = _pipe(step, _field(_name(self.take().text)))
            elif self.text == "[":
                step = self._brackets(step)
            elif (self.text == "." and self.tokens[self.index + 1].text == "[") or self.text == "?":
                self.take()
            else:
                return step

    def _brackets(self, step: Step) -> Step:
        self.take("[")
        if self.text == "]":
            self.take()
            return _pipe(step, items)
        if self.text == ":":
            start: Step = _constant(None)
        else:
            start = self.expression(0)
        if self.text == ":":
            self.take()
            end = _constant(None) if self.text == "]" else self.expression(0)
            self.take("]")
            return _slice(step, start, end)
        self.take("]")
        return _index(step, start)

    def primary(self) -> Step:
        token = self.take()
        if token.kind == "number":
            return _constant(float(token.text) if "." in token.text else int(token.text))
        if token.kind == "string":
            return _constant(json.loads(token.text))
        if token.kind == "field":
            return _field(_name(token.text))
        if token.kind == "name":
            return self._call(token.text)
        return self._sign(token.text)

    def _sign(self, text: str) -> Step:
        if text == ".":
            return _identity
        if text == "..":
            return _descend
        if text == "(":
            step = self.expression(0)
            self.take(")")
            return step
        if text == "-":
            return _binary("-", _constant(0), self.postfix())
        if text == "[":
            return self._list()
        if text == "{":
            return self._object()
        raise self.error(f"unexpected '{text}'" if text else "unexpected end")

    def _list(self) -> Step:
        if self.text == "]":
            self.take()
            return _constant([])
        inner = self.expression(0)
        self.take("]")
        return lambda data: [inner(data)]

    def _object(self) -> Step:
        entries: list[tuple[Step, Step]] = []
        while self.text != "}":
            token = self.take()
            key = _constant(json.loads(token.text) if token.kind == "string" else token.text)
            if token.kind == "sign" and token.text == "(":
                key = self.expression(0)
                self.take(")")
            if self.text == ":":
                self.take()
                entries.append((key, self.expression(2)))
            else:
                entries.append((key, _field(token.text)))
            if self.text == ",":
                self.take()
        self.take("}")
        return lambda data: [{str(key(data)[0]): (value(data) or [None])[0] for key, value in entries}]

    def _call(self, name: str) -> Step:
        if name in _CONSTANTS:
            return _constant(_CONSTANTS[name])
        arguments: list[Step] = []
        if self.text == "(":
            self.take()
            arguments.append(self.expression(0))
            self.take(")")
        if arguments and name in WITH_ARGUMENT:
            function = WITH_ARGUMENT[name]
            return lambda data: function(data, arguments[0])
        if not arguments and name in PLAIN:
            plain = PLAIN[name]
            return lambda data: [plain(data)]
        raise self.error(f"unknown function '{name}'")


_CONSTANTS = {"true": True, "false": False, "null": None}


def _name(token: str) -> str:
    return json.loads(token[1:]) if token.startswith('."') else token[1:]


def _identity(data: Any) -> Values:
    return [data]


def _constant(value: Any) -> Step:
    return lambda _: [value]


def _pipe(first: Step, second: Step) -> Step:
    return lambda data: [result for each in first(data) for result in second(each)]


def _field(name: str) -> Step:
    def step(data: Any) -> Values:
        if isinstance(data, dict):
            return [data.get(name)]
        if isinstance(data, list):
            raise StacksError(f"EvaluateYqExpression: cannot index array with '{name}'")
        return [None]

    return step


def _descend(data: Any) -> Values:
    return [data, *(found for each in items(data) for found in _descend(each))]


def _index(step: Step, index: Step) -> Step:
    def pick(data: Any) -> Values:
        return [_at(each, key) for each in step(data) for key in index(data)]

    return pick


def _at(data: Any, key: Any) -> Any:
    if isinstance(data, dict):
        return data.get(key if isinstance(key, str) else str(key))
    if isinstance(data, list) and isinstance(key, int):
        return data[key] if -len(data) <= key < len(data) else None
    return None


def _slice(step: Step, start: Step, end: Step) -> Step:
    return lambda data: [each[start(data)[0] : end(data)[0]] for each in step(data) if isinstance(each, list | str)]


def _binary(operator: str, left: Step, right: Step) -> Step:
    if operator == "|":
        return _pipe(left, right)
    if operator == ",":
        return lambda data: [*left(data), *right(data)]
    if operator == "//":
        return lambda data: [each for each in left(data) if truth(each)] or right(data)
    calculate = OPERATORS[operator]
    return lambda data: [calculate(a, b) for a in left(data) for b in right(data)]
