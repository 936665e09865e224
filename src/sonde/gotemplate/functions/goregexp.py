"""Go's regexp (RE2 syntax) on Python's `re`: the pattern is translated, matching follows Go's rules for empty matches."""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final, NoReturn

from sonde.gotemplate.errors import FunctionError
from sonde.gotemplate.functions.unicode_classes import category_ranges

_PERL: Final = {"d": "0-9", "w": "0-9A-Za-z_", "s": r"\t\n\f\r "}
_NOT_PERL: Final = {
    "D": r"\x00-/:-\U0010ffff",
    "W": r"\x00-/:-@\[-\^`{-\U0010ffff",
    "S": r"\x00-\x08\x0b\x0e-\x1f!-\U0010ffff",
}
_POSIX: Final = {
    "alnum": "0-9A-Za-z",
    "alpha": "A-Za-z",
    "ascii": r"\x00-\x7f",
    "blank": r"\t ",
    "cntrl": r"\x00-\x1f\x7f",
    "digit": "0-9",
    "graph": "!-~",
    "lower": "a-z",
    "print": " -~",
    "punct": r"!-/:-@\[-`{-~",
    "space": r"\t\n\v\f\r ",
    "upper": "A-Z",
    "word": "0-9A-Za-z_",
    "xdigit": "0-9A-Fa-f",
}
_CONTROLS: Final = {"a": r"\x07", "f": r"\f", "n": r"\n", "r": r"\r", "t": r"\t", "v": r"\v"}
_REPEAT: Final = re.compile(r"\{([0-9]+)(,([0-9]*))?\}")
_HEX: Final = re.compile(r"x([0-9A-Fa-f]{2})|x\{([0-9A-Fa-f]+)\}")
_GROUP: Final = re.compile(r"\(\?(?:P?<([^>]*)>|([imsU]*)(?:-([imsU]+))?([:)]))")
_NAME: Final = re.compile(r"[A-Za-z0-9_]+")


@lru_cache(maxsize=512)
def compile_pattern(pattern: str) -> re.Pattern[str]:
    """The pattern as Python's; FunctionError with Go's text if Go refuses it."""
    translated = _Translator(pattern).run()
    try:
        return re.compile(translated)
    except (re.error, OverflowError, RecursionError) as error:
        raise FunctionError(f"error parsing regexp: {error}: `{pattern}`") from None


class _Translator:
    def __init__(self, pattern: str) -> None:
        self.text = pattern
        self.at = 0
        self.out: list[str] = []
        self.flags = {"i": False, "m": False, "s": False, "U": False}
        self.stack: list[tuple[dict[str, bool], int]] = []
        self.extra = 0  # groups opened by a bare (?i), closed where their group closes
        self.repeatable = False
        self.last_repeat: int | None = None

    def fail(self, why: str, part: str) -> NoReturn:
        raise FunctionError(f"error parsing regexp: {why}: `{part}`")

    def run(self) -> str:
        while self.at < len(self.text):
            self.step()
        if self.stack:
            self.fail("missing closing )", self.text)
        return "".join(self.out) + ")" * self.extra

    def step(self) -> None:
        char = self.text[self.at]
        if char in "*+?":
            self.repeat(char, self.at + 1)
            return
        if char == "{" and (found := _REPEAT.match(self.text, self.at)):
            self.counted(found)
            return
        self.last_repeat = None
        self.repeatable = True
        if char == "(":
            self.open()
        elif char == ")":
            self.close()
        elif char == "|":
            self.put("|", 1, repeatable=False)
        elif char == "[":
            self.bracket()
        elif char == "\\":
            self.escape()
        else:
            self.plain(char)

    def put(self, text: str, width: int, *, repeatable: bool = True) -> None:
        self.out.append(text)
        self.at += width
        self.repeatable = repeatable

    def plain(self, char: str) -> None:
        if char == ".":
            self.put("(?s:.)" if self.flags["s"] else "[^\\n]", 1)
        elif char == "^":
            self.put("(?m:^)" if self.flags["m"] else r"(?:\A)", 1)
        elif char == "$":
            self.put("(?m:$)" if self.flags["m"] else r"(?:\Z)", 1)
        else:
            self.put(re.escape(char), 1)

    def repeat(self, mark: str, end: int) -> None:
        if not self.repeatable:
            self.fail("missing argument to repetition operator", self.text[self.at : end])
        lazy = self.text.startswith("?", end)
        end += lazy
        if self.last_repeat is not None:
            self.fail("invalid nested repetition operator", self.text[self.last_repeat : end])
        self.out.append(mark + ("?" if lazy != self.flags["U"] else ""))
        self.last_repeat = self.at
        self.at = end

    def counted(self, found: re.Match[str]) -> None:
        low = int(found[1])
        high = low if found[2] is None else int(found[3]) if found[3] else -1
        if low > 1000 or high > 1000 or (high >= 0 and low > high):
            self.fail("invalid repeat count", found[0])
        self.repeat(found[0], found.end())

    def open(self) -> None:
        if not self.text.startswith("(?", self.at):
            self.push("(", 1)
            return
        found = _GROUP.match(self.text, self.at)
        if not found:
            self.bad_group()
        name, on, off, end = found.groups()
        if name is not None:
            if not _NAME.fullmatch(name):
                self.fail("invalid named capture", found[0])
            self.push(f"(?P<g_{name}>", len(found[0]))
            return
        flags = self.flags | dict.fromkeys(on or "", True) | dict.fromkeys(off or "", False)
        if off is None and found[0].endswith(("-:", "-)")):
            self.fail("missing argument to repetition operator", found[0])
        change = self.ignore_case(flags)
        if end == ":":
            self.push(f"(?{change}:", len(found[0]))
            self.flags = flags
        elif change:
            self.extra += 1
            self.put(f"(?{change}:", len(found[0]), repeatable=False)
            self.flags = flags
        else:
            self.put("", len(found[0]), repeatable=False)
            self.flags = flags

    def ignore_case(self, flags: dict[str, bool]) -> str:
        if flags["i"] == self.flags["i"]:
            return ""
        return "i" if flags["i"] else "-i"

    def bad_group(self) -> NoReturn:
        rest = self.text[self.at :]
        if rest.startswith(("(?P<", "(?<")) and not rest.startswith(("(?<=", "(?<!")):
            self.fail("invalid named capture", rest)
        for width in (3, 4):
            if width == 4 and rest.startswith("(?<"):
                self.fail("invalid or unsupported Perl syntax", rest[:4])
        end = next((number for number, char in enumerate(rest[2:], 2) if char not in "imsU-"), len(rest))
        if end == len(rest):
            self.fail("missing closing )", self.text)
        self.fail("invalid or unsupported Perl syntax", rest[: end + 1])

    def push(self, text: str, width: int) -> None:
        self.stack.append((self.flags, self.extra))
        self.extra = 0
        self.put(text, width, repeatable=False)

    def close(self) -> None:
        if not self.stack:
            self.fail("unexpected )", self.text)
        inner = self.extra
        self.flags, self.extra = self.stack.pop()
        self.put(")" * (inner + 1), 1)

    def escape(self) -> None:
        rest = self.text[self.at + 1 : self.at + 2]
        if not rest:
            raise FunctionError("error parsing regexp: trailing backslash at end of expression: ``")
        if rest in _PERL or rest in _NOT_PERL:
            self.put(f"[{_PERL.get(rest) or _NOT_PERL[rest]}]", 2)
        elif rest == "Q":
            self.quoted()
        elif rest in "AzbB":
            self.put({"A": r"(?:\A)", "z": r"(?:\Z)", "b": r"(?a:\b)", "B": r"(?a:\B)"}[rest], 2)
        elif rest in "pP":
            self.put(f"[{self.category()}]", 0)
        else:
            self.put(re.escape(self.character()), 0)

    def quoted(self) -> None:
        end = self.text.find(r"\E", self.at)
        body = self.text[self.at + 2 : end if end >= 0 else len(self.text)]
        self.put(re.escape(body[:-1]) + re.escape(body[-1:]), len(body) + (4 if end >= 0 else 2), repeatable=bool(body))

    def category(self) -> str:
        found = re.compile(r"\\([pP])(?:\{(\^?)(\w*)\}|(\w))").match(self.text, self.at)
        if not found:
            self.fail("invalid character class range", self.text[self.at :])
        name = found[3] or found[4]
        ranges = category_ranges(name, negated=(found[1] == "P") != bool(found[2]))
        if ranges is None:
            self.fail("invalid character class range", found[0])
        self.at = found.end()
        return ranges

    def character(self) -> str:
        """The character that an escape at this place stands for; moves past it."""
        char = self.text[self.at + 1]
        if char in _CONTROLS:
            self.at += 2
            return {"a": "\a", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}[char]
        found = _HEX.match(self.text, self.at + 1)
        if found and int(found[1] or found[2], 16) <= 0x10FFFF:
            self.at = found.end()
            return chr(int(found[1] or found[2], 16))
        octal = re.compile(r"0[0-7]{0,2}|[1-7][0-7]{1,2}").match(self.text, self.at + 1)
        if octal:
            self.at = octal.end()
            return chr(int(octal[0], 8))
        if char.isascii() and not char.isalnum():
            self.at += 2
            return char
        return self.fail("invalid escape sequence", self.text[self.at : self.at + 2])

    def bracket(self) -> None:
        start = self.at
        self.at += 1
        negated = self.text.startswith("^", self.at)
        self.at += negated
        parts: list[str] = []
        first = True
        while first or not self.text.startswith("]", self.at):
            if self.at >= len(self.text):
                self.fail("missing closing ]", self.text[start:])
            parts.append(self.member(start))
            first = False
        self.at += 1
        body = "".join(parts)
        if negated and not self.flags["s"]:
            pass  # like RE2, a negated class matches a newline
        self.put(f"[{'^' if negated else ''}{body}]", 0)

    def member(self, start: int) -> str:
        text = self.text
        if text.startswith("[:", self.at) and (end := text.find(":]", self.at)) >= 0:
            return self.posix(end)
        if text[self.at] == "\\" and self.at + 1 < len(text):
            rest = text[self.at + 1]
            if rest in _PERL or rest in _NOT_PERL:
                self.at += 2
                return _PERL.get(rest) or _NOT_PERL[rest]
            if rest in "pP":
                return self.category()
        begin = self.at
        low = self.one(start)
        if not text.startswith("-", self.at) or text.startswith("-]", self.at) or self.at + 1 >= len(text):
            return _in_class(low)
        self.at += 1
        high = self.one(start)
        if high < low:
            self.fail("invalid character class range", text[begin : self.at])
        return f"{_in_class(low)}-{_in_class(high)}"

    def one(self, start: int) -> str:
        if self.at >= len(self.text):
            self.fail("missing closing ]", self.text[start:])
        if self.text[self.at] == "\\":
            if self.at + 1 >= len(self.text):
                raise FunctionError("error parsing regexp: trailing backslash at end of expression: ``")
            return self.character()
        self.at += 1
        return self.text[self.at - 1]

    def posix(self, end: int) -> str:
        name = self.text[self.at + 2 : end]
        ranges = _POSIX.get(name.removeprefix("^"))
        if ranges is None:
            self.fail("invalid character class range", self.text[self.at : end + 2])
        self.at = end + 2
        if not name.startswith("^"):
            return ranges
        inside = re.compile(f"[{ranges}]")
        return (
            "".join(_in_class(chr(code)) for code in range(0x80) if not inside.match(chr(code))) + "\\x80-\\U0010ffff"
        )


def _in_class(char: str) -> str:
    return "\\" + char if char in "[]^-\\&~|" else re.escape(char) if char.isspace() else char


def _matches(pattern: re.Pattern[str], text: str, count: int) -> Iterator[re.Match[str]]:
    """Go's FindAll: an empty match right after a match does not count."""
    at, previous = 0, -1
    while count and at <= len(text):
        found = pattern.search(text, at)
        if found is None:
            return
        accepted = not (found.end() == at and found.start() == previous)
        at = at + 1 if found.end() == at else found.end()
        previous = found.end()
        if accepted:
            yield found
            count -= 1


def find_all(pattern: str, text: str, count: int) -> list[str]:
    return [found[0] for found in _matches(compile_pattern(pattern), text, count)]


def find(pattern: str, text: str) -> str:
    found = compile_pattern(pattern).search(text)
    return found[0] if found else ""


def matches(pattern: str, text: str) -> bool:
    return compile_pattern(pattern).search(text) is not None


def replace_all(pattern: str, text: str, replacement: str, *, literal: bool) -> str:
    """ReplaceAllString, where $1 and ${name} stand for groups, or ReplaceAllLiteralString."""
    compiled = compile_pattern(pattern)
    plain = literal or "$" not in replacement
    out: list[str] = []
    last = at = 0
    while at <= len(text):
        found = compiled.search(text, at)
        if found is None:
            break
        out.append(text[last : found.start()])
        if found.end() > last or found.start() == 0:
            out.append(replacement if plain else expand(replacement, found))
        last = found.end()
        at = max(at + 1, last)
    return "".join(out) + text[last:]


_REFERENCE: Final = re.compile(r"\$(?:\$|\{(\w+)\}|([0-9A-Za-z_]+))", re.ASCII)


def expand(template: str, found: re.Match[str]) -> str:
    """Regexp.Expand: groups by number or name; unknown ones are empty, $$ is a dollar."""

    def group(reference: re.Match[str]) -> str:
        name = reference[1] or reference[2]
        if name is None:
            return "$"
        if name.isdecimal() and (name == "0" or name[0] != "0"):
            return (found[int(name)] or "") if int(name) <= (found.re.groups or 0) else ""
        return found.groupdict().get(f"g_{name}") or ""

    return _REFERENCE.sub(group, template)


def split(pattern: str, text: str, count: int) -> list[str] | None:
    """Regexp.Split; None where Go gives a nil slice."""
    if count == 0:
        return None
    compiled = compile_pattern(pattern)
    if pattern and not text:
        return [""]
    parts: list[str] = []
    begin = end = 0
    for found in _matches(compiled, text, count):
        if count > 0 and len(parts) == count - 1:
            break
        end = found.start()
        if found.end() != 0:
            parts.append(text[begin:end])
        begin = found.end()
    if end != len(text):
        parts.append(text[begin:])
    return parts


def quote_meta(text: str) -> str:
    return re.sub(r"[\\.+*?()|\[\]{}^$]", r"\\\g<0>", text)
