"""Letter case by words: goutils and huandu/xstrings, as sprig uses them."""

import unicodedata
from itertools import groupby
from typing import Final

from sonde.gotemplate.values import to_bytes

SPACE: Final = "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
_FIRST_CJK: Final = 0x2E80
CONNECTOR, PUNCTUATION, UPPER, LETTERS, NUMBER, OTHER, END = (
    "connector",
    "punct",
    "upper",
    "letters",
    "number",
    "other",
    "end",
)


def uncapitalize(text: str) -> str:
    """The first letter of each word in lower case."""
    out, start = [], True
    for char in text:
        if char in SPACE:
            start = True
        elif start:
            char, start = _same_size(char, char.lower()), False  # noqa: PLW2901
        out.append(char)
    return "".join(out)


def _same_size(char: str, mapped: str) -> str:
    return mapped if len(mapped) == 1 else char


def _latin(text: str) -> str:
    """Goutils walks bytes as if each were a character."""
    return text if text.isascii() else to_bytes(text).decode("latin-1")


def delete_white_space(text: str) -> str:
    if text.isascii():
        return "".join(char for char in text if char not in SPACE)
    latin = _latin(text)
    kept = "".join(char for char in latin if char not in SPACE)
    return text if len(kept) == len(latin) else kept


def initials(text: str) -> str:
    """The first letter of each word."""
    out, gap = [], True
    for char in _latin(text):
        if char in SPACE:
            gap = True
        elif gap:
            out.append(char)
            gap = False
    return "".join(out)


def swap_case(text: str) -> str:
    out, space = [], True
    for char in text:
        if char.isupper() or char.istitle():
            char, space = _same_size(char, char.lower()), False  # noqa: PLW2901
        elif char.islower():
            char = _same_size(char, char.title() if space else char.upper())  # noqa: PLW2901
            space = False
        else:
            space = char in SPACE
        out.append(char)
    return "".join(out)


def _connects(char: str) -> bool:
    return char in "-_" or char in SPACE


def pascal_case(text: str) -> str:
    """xstrings.ToPascalCase: connectors go, the letter after one is upper case; further upper case letters are lowered."""
    head = next((number for number, char in enumerate(text) if not _connects(char)), None)
    if head is None:
        return text + text[-1:]  # xstrings writes the last connector twice
    out = list(text[:head])
    first_upper = text[head].isupper()
    pending = _same_size(text[head], text[head].upper())
    for char in text[head + 1 :]:
        before, pending = pending, char
        if _connects(char) and _connects(before):
            out.append(before)
        elif _connects(before):
            first_upper = char.isupper()
            pending = _same_size(char, char.upper())
        else:
            if first_upper and char.isupper():
                pending = _same_size(char, char.lower())
            else:
                first_upper = False
            out.append(before)
    return "".join([*out, pending])


def _class(char: str) -> str:
    if _connects(char):
        return CONNECTOR
    category = unicodedata.category(char)
    if category[0] == "P":
        return PUNCTUATION
    if category == "Lu":
        return UPPER
    if category[0] == "L":
        return LETTERS if ord(char) < _FIRST_CJK else OTHER
    return NUMBER if category[0] == "N" else OTHER


def _words(text: str) -> list[tuple[str, str]]:
    """xstrings.nextWord over a whole text: an upper case run gives its last letter to the letters that follow."""
    runs = [(kind, "".join(run)) for kind, run in groupby(text, _class)]
    found: list[tuple[str, str]] = []
    for number, (kind, run) in enumerate(runs):
        follows = runs[number + 1][0] if number + 1 < len(runs) else END
        if kind == UPPER and follows == LETTERS:
            if len(run) > 1:
                found.append((UPPER, run[:-1]))
            found.append((UPPER, run[-1]))
        elif kind == LETTERS and found and number and runs[number - 1][0] == UPPER:
            found[-1] = (UPPER, found[-1][1] + run)
        else:
            found.append((kind, run))
    return found


def separated(text: str, mark: str) -> str:
    """xstrings.ToSnakeCase and ToKebabCase."""
    return _Separator(_words(text), mark).run() if text else ""


class _Separator:
    """The walk of xstrings.camelCaseToLowerCase: a word, then what it and its followers decide about the mark."""

    def __init__(self, found: list[tuple[str, str]], mark: str) -> None:
        self.rest = iter(found)
        self.mark = mark
        self.left = len(found)
        self.out: list[str] = []

    def next(self) -> tuple[str, str]:
        self.left -= 1
        return next(self.rest, (END, ""))

    def write(self, kind: str, word: str) -> None:
        self.out.append(self.mark * len(word) if kind == CONNECTOR else word.lower() if kind == UPPER else word)

    def take_letters(self, kind: str, word: str) -> tuple[str, str]:
        while kind in (LETTERS, NUMBER):
            self.write(kind, word)
            kind, word = self.next()
        return kind, word

    def separate(self, kind: str) -> None:
        if kind not in (END, PUNCTUATION, CONNECTOR):
            self.out.append(self.mark)

    def run(self) -> str:
        kind, word = self.next()
        while self.left > 0:
            if kind != CONNECTOR:
                self.write(kind, word)
            before, last = kind, word
            kind, word = self.next()
            if before == NUMBER:
                kind, word = self.take_letters(kind, word)
                self.separate(kind)
            elif before == CONNECTOR:
                self.write(before, last)
            elif before != PUNCTUATION:
                kind, word = self.after_letters(kind, word)
        self.write(kind, word)
        return "".join(self.out)

    def after_letters(self, kind: str, word: str) -> tuple[str, str]:
        if kind != NUMBER:
            self.separate(kind) if kind != END else self.out.append(self.mark)
            return kind, word
        if self.left <= 0:
            return kind, word
        last = word
        kind, word = self.next()
        if kind != LETTERS:
            self.write(NUMBER, last)
            self.separate(kind) if kind != END else self.out.append(self.mark)
            return kind, word
        self.out.append(self.mark)
        self.write(NUMBER, last)
        kind, word = self.take_letters(kind, word)
        self.separate(kind)
        return kind, word
