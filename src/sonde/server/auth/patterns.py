r"""Patterns of permission rows (product.md §1.1): `*`, a text as it is, or a regular expression for the whole text.

A pattern is a regular expression if it holds one of `^ $ * + ? ( ) [ ] | \`; so `plan.yaml` is a text whose dot is a dot.
Branch names are chosen by whoever pushes, so matching takes time linear in the text, whatever the pattern: the expression
becomes a machine of states (Thompson 1968) and nothing is ever tried twice. What it has no word for is an error, not a guess.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache

ANYTHING = "*"
MAX_PATTERN = 200  # characters
MAX_TEXT = 1024  # characters that an expression is tried on; GitHub's names are shorter
MAX_DEPTH = 20  # groups in groups
SPECIAL = frozenset("^$*+?()[]|\\")
CLASSES: dict[str, Callable[[str], bool]] = {
    "d": lambda char: char.isascii() and char.isdigit(),
    "w": lambda char: char.isascii() and (char.isalnum() or char == "_"),
    "s": lambda char: char in " \t\n\r\f\v",
}

Test = Callable[[str], bool]


class PatternError(ValueError):
    """A pattern that is none. The text says what is wrong with it."""


def check(pattern: str) -> None:
    """Raise PatternError for what is no pattern."""
    if not pattern or len(pattern) > MAX_PATTERN or not pattern.isprintable():
        raise PatternError(f"{pattern[:60]!r} is no pattern; one has 1 to {MAX_PATTERN} printable characters")
    if pattern != ANYTHING and SPECIAL & set(pattern):
        _machine(pattern)


def exactly(text: str) -> str:
    """The pattern that fits this text and no other."""
    if not SPECIAL & set(text):
        return text
    return "".join(f"\\{char}" if char in SPECIAL or char == "." else char for char in text)


def fits(pattern: str, text: str) -> bool:
    """Whether the whole text fits. The empty text, which a claim that is not there leaves, fits `*` alone."""
    if pattern == ANYTHING or not text:
        return pattern == ANYTHING
    if not SPECIAL & set(pattern):
        return pattern == text
    return len(text) <= MAX_TEXT and _matches(pattern, text)


@lru_cache(maxsize=4096)  # jobs of one workflow ask the same again and again
def _matches(pattern: str, text: str) -> bool:
    try:
        return _run(_machine(pattern), text)
    except PatternError:  # a row that a newer version wrote: what is not understood gives nothing
        return False


@dataclass
class _State:
    """Goes on to each of `after` where `test` takes the next character; without one, at once, if `at` allows it."""

    after: list["_State"] = field(default_factory=list)
    test: Test | None = None
    at: str = ""  # ^ or $


END = _State()


def _run(start: _State, text: str) -> bool:
    now = _closure([start], 0, len(text))
    for place, char in enumerate(text):
        taken = [one for state in now if state.test and state.test(char) for one in state.after]
        now = _closure(taken, place + 1, len(text))
    return any(state is END for state in now)


def _closure(states: list[_State], place: int, length: int) -> list[_State]:
    found: dict[int, _State] = {}
    waiting = list(states)
    while waiting:
        state = waiting.pop()
        if id(state) in found:
            continue
        found[id(state)] = state
        open_here = not state.at or (place == 0 if state.at == "^" else place == length)
        if state.test is None and open_here:
            waiting += state.after
    return list(found.values())


@lru_cache(maxsize=1024)
def _machine(pattern: str) -> _State:
    parser = _Parser(pattern)
    start = parser.either(END, 0)
    if parser.at < len(pattern):
        raise PatternError(f"{pattern!r}: a ) without its (")
    return start


class _Parser:
    """Builds the machine from the end of each sequence: what follows is known when a part is made."""

    def __init__(self, pattern: str) -> None:
        self.text, self.at = pattern, 0

    def either(self, after: _State, depth: int) -> _State:
        if depth > MAX_DEPTH:
            raise PatternError(f"{self.text!r}: too many groups in groups")
        starts = [self.sequence(after, depth)]
        while self.next_is("|"):
            self.at += 1
            starts.append(self.sequence(after, depth))
        return starts[0] if len(starts) == 1 else _State(starts)

    def sequence(self, after: _State, depth: int) -> _State:
        """Parts up to | or ). Each is made with an empty state behind it, which then leads to the next part."""
        first = here = _State()
        while self.at < len(self.text) and self.text[self.at] not in "|)":
            behind = _State()
            here.after.append(self.repeated(behind, depth))
            here = behind
        here.after.append(after)
        return first

    def repeated(self, after: _State, depth: int) -> _State:
        again = _State([after])  # behind the part: go on, or for * and + once more
        part = self.part(again, depth)
        if self.at >= len(self.text) or self.text[self.at] not in "*+?":
            return part
        sign, self.at = self.text[self.at], self.at + 1
        if part.at:
            raise PatternError(f"{self.text!r}: {sign} repeats {part.at}, which takes no character")
        if sign in "*+":
            again.after.append(part)
        if self.at < len(self.text) and self.text[self.at] in "*+?":
            raise PatternError(f"{self.text!r}: two signs of repetition in a row")
        return part if sign == "+" else _State([part, after])

    def part(self, after: _State, depth: int) -> _State:
        char, self.at = self.text[self.at], self.at + 1
        if char in "*+?":
            raise PatternError(f"{self.text!r}: {char} repeats nothing")
        if char in "^$":
            return _State([after], at=char)
        if char == "(":
            return self.group(after, depth)
        return _State([after], self.one(char))

    def group(self, after: _State, depth: int) -> _State:
        if self.text.startswith("?:", self.at):
            self.at += 2
        elif self.next_is("?"):
            raise PatternError(f"{self.text!r}: of (?… only (?: is known")
        start = self.either(after, depth + 1)
        if not self.next_is(")"):
            raise PatternError(f"{self.text!r}: a ( without its )")
        self.at += 1
        return start

    def one(self, char: str) -> Test:
        """What takes one character."""
        if char == ".":
            return lambda other: other != "\n"
        if char == "[":
            return self.chosen()
        if char == "\\":
            return self.escaped()
        return lambda other: other == char

    def escaped(self) -> Test:
        if self.at >= len(self.text):
            raise PatternError(f"{self.text!r}: nothing stands after \\")
        char, self.at = self.text[self.at], self.at + 1
        if char in CLASSES:
            return CLASSES[char]
        if char.isalnum():
            raise PatternError(f"{self.text!r}: \\{char} is not known; \\d, \\w, \\s and signs are")
        return lambda other: other == char

    def chosen(self) -> Test:
        """`[a-z]`, `[^a-z]`: what stands after the bracket."""
        turned = self.next_is("^")
        self.at += turned
        tests: list[Test] = []
        while not self.next_is("]"):
            if self.at >= len(self.text):
                raise PatternError(f"{self.text!r}: a [ without its ]")
            tests.append(self.span())
        self.at += 1
        if not tests:
            raise PatternError(f"{self.text!r}: [] takes nothing")
        return lambda other: any(test(other) for test in tests) is not turned

    def span(self) -> Test:
        char, self.at = self.text[self.at], self.at + 1
        if char == "\\":
            return self.escaped()
        if not self.next_is("-") or self.text.startswith("-]", self.at):
            return lambda other: other == char
        if self.at + 1 >= len(self.text) or self.text[self.at + 1] in "\\[" or self.text[self.at + 1] < char:
            raise PatternError(f"{self.text!r}: a range goes from one character to a later one")
        last = self.text[self.at + 1]
        self.at += 2
        return lambda other: char <= other <= last

    def next_is(self, sign: str) -> bool:
        return self.text.startswith(sign, self.at)
