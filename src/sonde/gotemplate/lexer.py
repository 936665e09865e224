"""Template text to tokens, as Go's text/template/parse does it. Positions are offsets in the text, in characters."""

import re
from collections.abc import Callable
from typing import Final, NamedTuple

from sonde.gotemplate.strconv import quote

ERROR, EOF, TEXT, LEFT, RIGHT, SPACE, ASSIGN, DECLARE, PIPE, CHAR, STRING, RAW, VARIABLE, FIELD, DOT, NUMBER, COMPLEX, RUNE, IDENTIFIER, BOOL, OPEN, CLOSE, NIL, KEYWORD = range(24)  # fmt: skip
KEYWORDS: Final = frozenset(("block", "break", "continue", "define", "else", "end", "if", "range", "template", "with"))
_SPACES: Final = " \t\r\n"


class Token(NamedTuple):
    kind: int
    pos: int
    text: str

    def __str__(self) -> str:
        if self.kind == EOF:
            return "EOF"
        if self.kind == ERROR:
            return self.text
        if self.kind in (KEYWORD, NIL, DOT):
            return f"<{self.text}>"
        return (
            quote(self.text[:10]) + "..."
            if len(self.text.encode("utf-8", "surrogateescape")) > 10
            else quote(self.text)
        )


class _LexError(Exception):
    def __init__(self, message: str, pos: int) -> None:
        super().__init__(message)
        self.message = message
        self.pos = pos


def tokenize(text: str, left: str, right: str) -> list[Token]:
    """All tokens, the last one EOF, or ERROR with the message as its text."""
    lexer = _Lexer(text, left, right)
    try:
        lexer.run()
    except _LexError as error:
        lexer.tokens.append(Token(ERROR, error.pos, error.message))
    return lexer.tokens


_SPACE_RUN: Final = re.compile(r"[ \t\r\n]+")
_WORD: Final = re.compile(r"\w*")
_QUOTED: Final = re.compile(r'"(?:[^"\\\n]|\\[^\n])*"')
_RUNE: Final = re.compile(r"'(?:[^'\\\n]|\\[^\n])*'")
_DIGITS: Final = re.compile(
    r"[+-]?(?:0[xX][0-9a-fA-F_]*(?:\.[0-9a-fA-F_]*)?(?:[pP][+-]?[0-9_]*)?"
    r"|0[oO][0-7_]*(?:\.[0-7_]*)?|0[bB][01_]*(?:\.[01_]*)?"
    r"|[0-9_]*(?:\.[0-9_]*)?(?:[eE][+-]?[0-9_]*)?)i?",
)


def _is_word(char: str) -> bool:
    return char == "_" or char.isalpha() or char.isdecimal()


class _Lexer:
    __slots__ = ("depth", "left", "pos", "right", "text", "tokens")

    def __init__(self, text: str, left: str, right: str) -> None:
        self.text = text
        self.left = left
        self.right = right
        self.pos = 0
        self.depth = 0
        self.tokens: list[Token] = []

    def run(self) -> None:
        while self.outside():
            while self.inside():
                pass
        self.tokens.append(Token(EOF, len(self.text), "EOF"))

    def emit(self, kind: int, end: int) -> bool:
        self.tokens.append(Token(kind, self.pos, self.text[self.pos : end]))
        self.pos = end
        return True

    def outside(self) -> bool:
        """Text up to the next action; False at the end of the template."""
        text = self.text
        while (start := text.find(self.left, self.pos)) >= 0:
            after = start + len(self.left)
            trims = text[after : after + 1] == "-" and text[after + 1 : after + 2] in _SPACES and after + 1 < len(text)
            literal = text[self.pos : start]
            if trims:
                literal = literal.rstrip(_SPACES)
            if literal:
                self.tokens.append(Token(TEXT, self.pos, literal))
            body = after + 2 if trims else after
            if not text.startswith("/*", body):
                self.tokens.append(Token(LEFT, start, self.left))
                self.pos = body
                self.depth = 0
                return True
            self.pos = body
            self.comment()
        if self.pos < len(text):
            self.emit(TEXT, len(text))
        return False

    def comment(self) -> None:
        end = self.text.find("*/", self.pos + 2)
        if end < 0:
            raise _LexError("unclosed comment", self.pos)
        width, trims = self.right_at(end + 2)
        if not width:
            raise _LexError("comment ends before closing delimiter", self.pos)
        self.pos = end + 2 + width
        if trims:
            self.skip_spaces()

    def right_at(self, at: int) -> tuple[int, bool]:
        """Length of a closing delimiter at this place (0 for none) and whether it trims."""
        text = self.text
        if text[at + 1 : at + 2] == "-" and text[at] in _SPACES and text.startswith(self.right, at + 2):
            return 2 + len(self.right), True
        return (len(self.right), False) if text.startswith(self.right, at) else (0, False)

    def skip_spaces(self) -> None:
        found = _SPACE_RUN.match(self.text, self.pos)
        if found:
            self.pos = found.end()

    def close(self, width: int, *, trims: bool) -> bool:
        if self.depth:
            raise _LexError("unclosed left paren", self.pos)
        self.pos += 2 if trims else 0
        self.emit(RIGHT, self.pos + width - (2 if trims else 0))
        if trims:
            self.skip_spaces()
        return False

    def inside(self) -> bool:
        """One token of an action; False when the action is closed."""
        width, trims = self.right_at(self.pos)
        if width:
            return self.close(width, trims=trims)
        if self.pos >= len(self.text):
            raise _LexError("unclosed action", self.pos)
        char = self.text[self.pos]
        if char in _SPACES:
            return self.space()
        scan = _SCANNERS.get(char)
        if scan:
            return scan(self)
        if _is_word(char):
            return self.identifier()
        if " " <= char <= "~":
            return self.emit(CHAR, self.pos + 1)
        raise _LexError(f"unrecognized character in action: {_show(char)}", self.pos)

    def space(self) -> bool:
        found = _SPACE_RUN.match(self.text, self.pos)
        assert found  # noqa: S101  the caller saw a space
        end = found.end()
        if self.text.startswith("-", end) and self.text.startswith(self.right, end + 1):
            end -= 1
            if end == self.pos:
                return self.close(2 + len(self.right), trims=True)
        return self.emit(SPACE, end)

    def word_end(self, at: int) -> int:
        found = _WORD.match(self.text, at)
        end = found.end() if found else at
        word = self.text[at:end]
        if word.isascii():
            return end
        return at + next((number for number, char in enumerate(word) if not _is_word(char)), len(word))

    def require_terminator(self, at: int) -> None:
        char = self.text[at : at + 1]
        if char and char not in " \t\r\n.,|:)(" and not self.text.startswith(self.right, at):
            raise _LexError(f"bad character {_show(char)}", self.pos)

    def identifier(self) -> bool:
        end = self.word_end(self.pos)
        word = self.text[self.pos : end]
        self.require_terminator(end)
        if word in KEYWORDS:
            return self.emit(KEYWORD, end)
        if word == "nil":
            return self.emit(NIL, end)
        return self.emit(BOOL if word in ("true", "false") else IDENTIFIER, end)

    def field(self) -> bool:
        if "0" <= self.text[self.pos + 1 : self.pos + 2] <= "9":
            return self.number()
        return self.name(FIELD, DOT)

    def variable(self) -> bool:
        return self.name(VARIABLE, VARIABLE)

    def name(self, kind: int, bare: int) -> bool:
        end = self.word_end(self.pos + 1)
        self.require_terminator(end)
        return self.emit(bare if end == self.pos + 1 else kind, end)

    def colon(self) -> bool:
        if not self.text.startswith("=", self.pos + 1):
            raise _LexError("expected :=", self.pos)
        return self.emit(DECLARE, self.pos + 2)

    def open(self) -> bool:
        self.depth += 1
        return self.emit(OPEN, self.pos + 1)

    def close_paren(self) -> bool:
        self.depth -= 1
        if self.depth < 0:
            raise _LexError("unexpected right paren", self.pos)
        return self.emit(CLOSE, self.pos + 1)

    def quoted(self) -> bool:
        return self.literal(_QUOTED, STRING, "unterminated quoted string")

    def rune(self) -> bool:
        return self.literal(_RUNE, RUNE, "unterminated character constant")

    def literal(self, pattern: re.Pattern[str], kind: int, complaint: str) -> bool:
        found = pattern.match(self.text, self.pos)
        if not found:
            raise _LexError(complaint, self.pos)
        return self.emit(kind, found.end())

    def raw(self) -> bool:
        end = self.text.find("`", self.pos + 1)
        if end < 0:
            raise _LexError("unterminated raw quoted string", self.pos)
        return self.emit(RAW, end + 1)

    def digits(self, at: int) -> int:
        found = _DIGITS.match(self.text, at)
        end = found.end() if found else at
        if end < len(self.text) and _is_word(self.text[end]):
            raise _LexError(f"bad number syntax: {quote(self.text[self.pos : end + 1])}", self.pos)
        return end

    def number(self) -> bool:
        end = self.digits(self.pos)
        if self.text[end : end + 1] not in ("+", "-"):
            return self.emit(NUMBER, end)
        end = self.digits(end)
        if self.text[end - 1] != "i":
            raise _LexError(f"bad number syntax: {quote(self.text[self.pos : end])}", self.pos)
        return self.emit(COMPLEX, end)


def _show(char: str) -> str:
    code = ord(char)
    return f"U+{code:04X}" + (f" '{char}'" if char.isprintable() else "")


_SCANNERS: Final[dict[str, Callable[[_Lexer], bool]]] = {
    "=": lambda lexer: lexer.emit(ASSIGN, lexer.pos + 1),
    "|": lambda lexer: lexer.emit(PIPE, lexer.pos + 1),
    ":": _Lexer.colon,
    '"': _Lexer.quoted,
    "`": _Lexer.raw,
    "$": _Lexer.variable,
    "'": _Lexer.rune,
    ".": _Lexer.field,
    "(": _Lexer.open,
    ")": _Lexer.close_paren,
    **dict.fromkeys("+-0123456789", _Lexer.number),
}
