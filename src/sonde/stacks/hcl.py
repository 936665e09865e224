"""HCL, as far as a component's interface needs it: blocks, attributes, and the values of plain literals.

Expressions are not evaluated: each keeps its source text, and gives a value only when it is a literal.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from sonde.stacks.errors import StacksError

_TOKEN = re.compile(
    r"""(?P<space>[ \t\r]+)|(?P<newline>\n)|(?P<comment>\#[^\n]*|//[^\n]*|/\*.*?\*/)|(?P<heredoc><<-?[A-Za-z_][\w-]*\r?\n)
    |(?P<string>")|(?P<number>[0-9]+(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?)|(?P<name>[^\W\d][\w-]*)
    |(?P<sign>=>|==|!=|<=|>=|&&|\|\||\.\.\.|[{}\[\]().,:=?+\-*/%<>!&|`])""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\"}
_OPEN, _CLOSE = "{[(", "}])"
_NOT_LITERAL = object()


@dataclass(frozen=True, slots=True)
class Token:
    kind: str
    text: str
    start: int
    end: int
    line: int
    plain: bool = True  # a string without interpolation; `text` is then its value


@dataclass(frozen=True)
class Attribute:
    """`name = expression`."""

    name: str
    line: int
    text: str  # the expression's source
    value: Any  # of a literal; NotLiteral otherwise

    @property
    def is_literal(self) -> bool:
        return self.value is not _NOT_LITERAL


@dataclass(frozen=True)
class Block:
    """`type "label" { … }`, or a file's own content."""

    type: str
    labels: tuple[str, ...]
    line: int
    attributes: dict[str, Attribute] = field(default_factory=dict)
    blocks: list["Block"] = field(default_factory=list)


def unknown() -> Any:
    """The value of an expression that is no literal."""
    return _NOT_LITERAL


def parse(text: str, name: str) -> Block:
    """The content of a file. Raises StacksError with file and line."""
    return _Parser(text, name).file()


def attributes(text: str, name: str) -> dict[str, Any]:
    """The attributes of a flat file (tfvars) as values; blocks become maps."""
    return _values(parse(text, name), name)


def _values(block: Block, name: str) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for attribute in block.attributes.values():
        if not attribute.is_literal:
            raise StacksError(
                f"{name}:{attribute.line}: variables and functions may not be used here: {attribute.text}"
            )
        result[attribute.name] = attribute.value
    for inner in block.blocks:
        target = result.setdefault(inner.type, {})
        for label in inner.labels:
            target = target.setdefault(label, {})
        target.update(_values(inner, name))
    return result


class _Parser:
    def __init__(self, text: str, name: str) -> None:
        self.text = text
        self.name = name
        self.tokens = list(self._tokens())
        self.index = 0

    def error(self, line: int, message: str) -> StacksError:
        return StacksError(f"{self.name}:{line}: {message}")

    # ------------------------------------------------------------------ tokens

    def _tokens(self) -> Iterator[Token]:
        position, line, depth = 0, 1, 0
        while position < len(self.text):
            match = _TOKEN.match(self.text, position)
            if not match:
                raise self.error(line, f"Invalid character: {self.text[position]!r}")
            kind, text, end, plain = str(match.lastgroup), match[0], match.end(), True
            if kind == "string":
                text, end, plain = self._string(end, line)
            elif kind == "heredoc":
                text, end, plain = self._heredoc(match[0], end, line)
            depth += (kind == "sign" and text in "[(") - (kind == "sign" and text in "])")
            if kind not in ("space", "comment") and not (kind == "newline" and depth > 0):
                yield Token("string" if kind == "heredoc" else kind, text, position, end, line, plain)
            line += self.text.count("\n", position, end)
            position = end
        yield Token("newline", "\n", position, position, line)
        yield Token("end", "", position, position, line)

    def _string(self, position: int, line: int) -> tuple[str, int, bool]:
        """From behind the opening quote: the value, where it ends, and whether it is free of interpolation."""
        value: list[str] = []
        plain = True
        while position < len(self.text):
            char = self.text[position]
            if char == '"':
                return "".join(value), position + 1, plain
            if char == "\n":
                break
            if char in "$%" and self.text.startswith(
                char + "{", position + 1 if self.text[position + 1 : position + 2] == char else position
            ):
                escaped = self.text[position + 1] == char
                end = position + 2 if escaped else self._interpolation(position + 2, line)
                plain = plain and escaped
                value.append(char if escaped else self.text[position:end])
                position = end
                continue
            if char == "\\":
                piece, position = self._escape(position, line)
                value.append(piece)
                continue
            value.append(char)
            position += 1
        raise self.error(line, "Unterminated string: a quoted string may not span several lines")

    def _escape(self, position: int, line: int) -> tuple[str, int]:
        char = self.text[position + 1 : position + 2]
        if char in ("u", "U"):
            size = 4 if char == "u" else 8
            return chr(int(self.text[position + 2 : position + 2 + size], 16)), position + 2 + size
        if char not in _ESCAPES:
            raise self.error(line, f"Invalid escape sequence: \\{char}")
        return _ESCAPES[char], position + 2

    def _interpolation(self, position: int, line: int) -> int:
        """From behind `${`: where the closing brace ends."""
        depth = 1
        while position < len(self.text):
            char = self.text[position]
            if char == '"':
                _, position, _ = self._string(position + 1, line)
                continue
            depth += (char == "{") - (char == "}")
            position += 1
            if depth == 0:
                return position
        raise self.error(line, "Unclosed interpolation")

    def _heredoc(self, start: str, position: int, line: int) -> tuple[str, int, bool]:
        marker = start.strip().lstrip("<-")
        end = re.compile(rf"^[ \t]*{re.escape(marker)}[ \t]*\r?$", re.MULTILINE).search(self.text, position)
        if not end:
            raise self.error(line, f"Unterminated heredoc {marker}")
        body = self.text[position : end.start()]
        if start.startswith("<<-"):
            lines = body.splitlines(keepends=True)
            indent = min((len(each) - len(each.lstrip(" \t")) for each in lines if each.strip()), default=0)
            body = "".join(each[indent:] if each.strip() else each.lstrip(" \t") for each in lines)
        return body, end.end(), "${" not in body and "%{" not in body

    # ------------------------------------------------------------------ grammar

    @property
    def token(self) -> Token:
        return self.tokens[self.index]

    def take(self) -> Token:
        token = self.token
        self.index += 1
        return token

    def file(self) -> Block:
        block = Block("", (), 1)
        self._body(block, "end")
        return block

    def _body(self, block: Block, until: str) -> None:
        while True:
            while self.token.kind == "newline":
                self.index += 1
            token = self.take()
            if token.kind == until or (token.kind == "sign" and token.text == until):
                return
            if token.kind not in ("name", "string"):
                raise self.error(token.line, "Argument or block definition required")
            self._item(block, token)

    def _item(self, block: Block, name: Token) -> None:
        if self.token.kind == "sign" and self.token.text == "=":
            self.index += 1
            if name.text in block.attributes:
                raise self.error(name.line, f'Attribute redefined: The argument "{name.text}" was already set')
            block.attributes[name.text] = self._attribute(name)
            return
        labels = []
        while self.token.kind in ("name", "string"):
            labels.append(self.take().text)
        if self.token.text != "{" or self.token.kind != "sign":
            raise self.error(name.line, "Invalid block definition: expected `=` or `{`")
        self.index += 1
        inner = Block(name.text, tuple(labels), name.line)
        self._body(inner, "}")
        block.blocks.append(inner)

    def _attribute(self, name: Token) -> Attribute:
        first = self.index
        depth = 0
        while True:
            token = self.token
            if token.kind == "end" or (
                depth == 0 and (token.kind == "newline" or (token.kind == "sign" and token.text in _CLOSE))
            ):
                break
            if token.kind == "sign":
                depth += (token.text in _OPEN) - (token.text in _CLOSE)
            self.index += 1
        if depth or self.index == first:
            raise self.error(
                name.line, "Invalid expression: expected the start of an expression, or brackets do not match"
            )
        part = [token for token in self.tokens[first : self.index] if token.kind != "newline"]
        source = self.text[part[0].start : part[-1].end]
        return Attribute(name.text, name.line, source, _literal(part))


def _literal(tokens: list[Token]) -> Any:
    """The value of a literal expression, or a mark that it is none."""
    reader = _Literal(tokens)
    value = reader.value()
    return value if reader.index == len(tokens) else _NOT_LITERAL


class _Literal:
    """Reads literals: strings, numbers, booleans, null, lists and objects of them."""

    def __init__(self, tokens: list[Token]) -> None:
        self.tokens = tokens
        self.index = 0

    def peek(self) -> str:
        token = self.tokens[self.index] if self.index < len(self.tokens) else None
        return token.text if token and token.kind != "string" else ""

    def value(self) -> Any:
        if self.index >= len(self.tokens):
            return _NOT_LITERAL
        token = self.tokens[self.index]
        self.index += 1
        if token.kind == "string":
            return token.text if token.plain else _NOT_LITERAL
        if token.kind == "number":
            return float(token.text) if any(char in token.text for char in ".eE") else int(token.text)
        if token.kind == "name":
            return {"true": True, "false": False, "null": None}.get(token.text, _NOT_LITERAL)
        return self._sign(token)

    def _sign(self, token: Token) -> Any:
        if token.text == "-":
            number = self.value()
            return -number if isinstance(number, int | float) else _NOT_LITERAL
        if token.text == "[":
            return self._list()
        return self._object() if token.text == "{" else _NOT_LITERAL

    def _list(self) -> Any:
        items = []
        while self.peek() != "]":
            item = self.value()
            if item is _NOT_LITERAL or self.peek() not in (",", "]"):
                return _NOT_LITERAL
            items.append(item)
            self.index += self.peek() == ","
        self.index += 1
        return items

    def _object(self) -> Any:
        found: dict[str, Any] = {}
        while self.peek() != "}":
            if self.index >= len(self.tokens):
                return _NOT_LITERAL
            key = self.tokens[self.index]
            self.index += 1
            if key.kind not in ("name", "string", "number") or self.peek() not in ("=", ":"):
                return _NOT_LITERAL
            self.index += 1
            found[key.text] = self.value()
            if found[key.text] is _NOT_LITERAL:
                return _NOT_LITERAL
            self.index += self.peek() == ","
        self.index += 1
        return found
