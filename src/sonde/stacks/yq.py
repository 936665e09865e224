"""yq expressions, the part that stack manifests and `--query` use: paths, pipes, defaults, comparisons, arithmetic, functions.

A result is printed by yq as YAML and read again by Atmos, so a string that looks like a number becomes one (stacks.md §7).
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sonde.stacks import goyaml, yamldump
from sonde.stacks.errors import StacksError

_TOKEN = re.compile(
    r"""\s*(?:(?P<number>[0-9]+(?:\.[0-9]+)?(?![\w.]))|(?P<string>"(?:[^"\\]|\\.)*")|(?P<field>\.[A-Za-z_$][\w$-]*|\."(?:[^"\\]|\\.)*")
    |(?P<name>[A-Za-z_][\w]*)|(?P<sign>\.\.|//|==|!=|<=|>=|[.|,\[\](){}:+\-*/%<>?]))""",
    re.VERBOSE,
)
Values = list[Any]
Step = Callable[[Any], Values]
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


def truth(value: Any) -> bool:
    """Yq's truth: everything but false and null."""
    return value is not None and value is not False


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
            return _pipe(step, _items)
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
        if arguments and name in _WITH_ARGUMENT:
            function = _WITH_ARGUMENT[name]
            return lambda data: function(data, arguments[0])
        if not arguments and name in _PLAIN:
            plain = _PLAIN[name]
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


def _items(data: Any) -> Values:
    if isinstance(data, dict):
        return list(data.values())
    return list(data) if isinstance(data, list) else []


def _descend(data: Any) -> Values:
    return [data, *(found for each in _items(data) for found in _descend(each))]


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
    calculate = _OPERATORS[operator]
    return lambda data: [calculate(a, b) for a in left(data) for b in right(data)]


def _add(a: Any, b: Any) -> Any:
    if a is None or b is None:
        return b if a is None else a
    if isinstance(a, str) or isinstance(b, str):
        return f"{_text(a)}{_text(b)}"
    if isinstance(a, dict) and isinstance(b, dict):
        return a | b
    if isinstance(a, list):
        return a + (b if isinstance(b, list) else [b])
    return a + b


def _multiply(a: Any, b: Any) -> Any:
    from sonde.stacks.merge import merge

    return merge([a, b]) if isinstance(a, dict) and isinstance(b, dict) else a * b


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return yamldump.dump(value).rstrip("\n")


_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "==": lambda a, b: a == b and isinstance(a, bool) == isinstance(b, bool),
    "!=": lambda a, b: not (a == b and isinstance(a, bool) == isinstance(b, bool)),
    "<": lambda a, b: a < b,
    ">": lambda a, b: a > b,
    "<=": lambda a, b: a <= b,
    ">=": lambda a, b: a >= b,
    "and": lambda a, b: truth(a) and truth(b),
    "or": lambda a, b: truth(a) or truth(b),
    "+": _add,
    "-": lambda a, b: [each for each in a if each not in b] if isinstance(a, list) else a - b,
    "*": _multiply,
    "/": lambda a, b: a.split(b) if isinstance(a, str) else a / b,
    "%": lambda a, b: a % b,
}


def _length(data: Any) -> int:
    return 0 if data is None else len(data) if isinstance(data, dict | list | str) else 1


def _keys(data: Any) -> list[Any]:
    return list(data) if isinstance(data, dict) else list(range(_length(data)))


def _unique(data: Iterable[Any]) -> list[Any]:
    found: list[Any] = []
    for each in data:
        if each not in found:
            found.append(each)
    return found


def _flatten(data: Any) -> list[Any]:
    return [inner for each in data for inner in (_flatten(each) if isinstance(each, list) else [each])]


def _type(data: Any) -> str:
    names = {dict: "!!map", list: "!!seq", str: "!!str", bool: "!!bool", int: "!!int", float: "!!float"}
    return names.get(type(data), "!!null")


def _number(data: Any) -> Any:
    text = str(data)
    return float(text) if "." in text else int(text)


def _reduce(data: Iterable[Any]) -> Any:
    result = None
    for each in data:
        result = _add(result, each)
    return result


_PLAIN: dict[str, Callable[[Any], Any]] = {
    "length": _length,
    "keys": _keys,
    "not": lambda data: not truth(data),
    "to_entries": lambda data: [{"key": key, "value": value} for key, value in data.items()],
    "from_entries": lambda data: {str(each["key"]): each.get("value") for each in data},
    "sort": lambda data: sorted(data, key=_text),
    "unique": _unique,
    "reverse": lambda data: list(reversed(data)),
    "flatten": _flatten,
    "first": lambda data: data[0] if data else None,
    "last": lambda data: data[-1] if data else None,
    "add": _reduce,
    "any": lambda data: any(truth(each) for each in data),
    "all": lambda data: all(truth(each) for each in data),
    "min": lambda data: min(data, default=None),
    "max": lambda data: max(data, default=None),
    "type": _type,
    "tag": _type,
    "to_string": _text,
    "tostring": _text,
    "to_number": _number,
    "tonumber": _number,
    "upcase": lambda data: str(data).upper(),
    "ascii_upcase": lambda data: str(data).upper(),
    "downcase": lambda data: str(data).lower(),
    "ascii_downcase": lambda data: str(data).lower(),
    "trim": lambda data: str(data).strip(),
    "to_json": json.dumps,
    "from_json": json.loads,
    "from_yaml": lambda data: goyaml.load(data, name="yq").value,
}


def _select(data: Any, test: Step) -> Values:
    return [data for result in test(data) if truth(result)]


def _map(data: Any, step: Step) -> Values:
    return [[result for each in _items(data) for result in step(each)]]


def _contains(data: Any, argument: Step) -> Values:
    return [_holds(data, part) for part in argument(data)]


def _holds(data: Any, part: Any) -> bool:
    if isinstance(data, dict) and isinstance(part, dict):
        return all(key in data and _holds(data[key], value) for key, value in part.items())
    if isinstance(data, list):
        parts = part if isinstance(part, list) else [part]
        return all(any(_holds(each, wanted) for each in data) for wanted in parts)
    return part in data if isinstance(data, str) and isinstance(part, str) else bool(data == part)


def _each(function: Callable[[Any, Any], Any]) -> Callable[[Any, Step], Values]:
    return lambda data, argument: [function(data, each) for each in argument(data)]


def _entries(data: Any, step: Step) -> Values:
    entries = [result for key, value in data.items() for result in step({"key": key, "value": value})]
    return [{str(each["key"]): each.get("value") for each in entries}]


_WITH_ARGUMENT: dict[str, Callable[[Any, Step], Values]] = {
    "select": _select,
    "map": _map,
    "contains": _contains,
    "with_entries": _entries,
    "has": _each(
        lambda data, key: key in data if isinstance(data, dict) else isinstance(key, int) and key < _length(data)
    ),
    "join": _each(lambda data, sign: sign.join(_text(each) for each in data)),
    "split": _each(lambda data, sign: data.split(sign)),
    "test": _each(lambda data, pattern: re.search(pattern, _text(data)) is not None),
    "sort_by": lambda data, step: [sorted(data, key=lambda each: _text(step(each)[0]))],
    "any_c": lambda data, step: [any(truth(step(each)[0]) for each in data)],
    "all_c": lambda data, step: [all(truth(step(each)[0]) for each in data)],
    "map_values": lambda data, step: [{key: step(value)[0] for key, value in data.items()}],
}
