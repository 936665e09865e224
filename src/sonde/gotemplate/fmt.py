"""Go's fmt: Sprintf, Sprint and Sprintln with Go's answers to wrong verbs and arguments."""

import re
from typing import Any, Final

from sonde.gotemplate.fmt_values import Verb, format_value
from sonde.gotemplate.values import MISSING, type_name

_DIRECTIVE: Final = re.compile(
    r"%([+\-# 0]*)(\[[^\]]*\])?(\*|[0-9]+)?(?:(\.)(\[[^\]]*\])?(\*|-?[0-9]*))?(\[[^\]]*\])?(.?)", re.DOTALL
)
_TOO_LARGE: Final = 1_000_000
_SIMPLE: Final = {"s": str, "v": str, "d": int}


def sprint(*args: Any) -> str:
    """fmt.Sprint: spaces between operands when neither is a string."""
    out: list[str] = []
    previous_string = True
    for number, arg in enumerate(args):
        is_string = isinstance(arg, str)
        if number and not is_string and not previous_string:
            out.append(" ")
        out.append(show(arg))
        previous_string = is_string
    return "".join(out)


def sprintln(*args: Any) -> str:
    """fmt.Sprintln: spaces between operands, a newline at the end."""
    return " ".join(map(show, args)) + "\n"


def show(value: Any) -> str:
    """What %v gives, except that nothing at all is `<no value>` where text/template prints it."""
    kind = type(value)
    if kind is str:
        return value  # type: ignore[no-any-return]
    if kind is int:
        return str(value)
    if value is MISSING:
        value = None
    return format_value(value, Verb("v"))


def sprintf(template: str, *args: Any) -> str:
    """fmt.Sprintf with explicit argument indexes, `*` widths, and `%!d(string=x)` for what does not fit."""
    run = _Run(args)
    out: list[str] = []
    at = 0
    while (start := template.find("%", at)) >= 0:
        out.append(template[at:start])
        if template[start + 1 : start + 2] in _SIMPLE and run.plain(template[start + 1]):
            out.append(str(run.take()))
            at = start + 2
            continue
        found = _DIRECTIVE.match(template, start)
        assert found  # noqa: S101  the pattern matches at every percent sign
        out.append(run.directive(found))
        at = found.end()
    out.append(template[at:])
    return "".join(out) + run.extra()


class _Run:
    """The arguments of one Sprintf call and how far they are used."""

    __slots__ = ("args", "bad_index", "next", "reordered")

    def __init__(self, args: tuple[Any, ...]) -> None:
        self.args = args
        self.next = 0
        self.reordered = False
        self.bad_index = False

    def plain(self, verb: str) -> bool:
        return self.next < len(self.args) and type(self.args[self.next]) is _SIMPLE[verb]

    def take(self) -> Any:
        self.next += 1
        return self.args[self.next - 1]

    def index(self, text: str | None) -> None:
        """Follow an explicit argument index such as [2]."""
        if text is None:
            return
        self.reordered = True
        number = text[1:-1]
        if number.isdecimal() and 1 <= int(number) <= len(self.args):
            self.next = int(number) - 1
        else:
            self.bad_index = True

    def number(self, text: str | None, out: list[str], complaint: str) -> int | None:
        """A width or precision: digits, or the next argument for `*`; too large or no number leaves a complaint."""
        if text is None or text == "":
            return None
        if text != "*":
            return int(text) if int(text) <= _TOO_LARGE else None
        value = self.take() if self.next < len(self.args) else None
        if not isinstance(value, int) or isinstance(value, bool) or abs(value) > _TOO_LARGE:
            out.append(complaint)
            return None
        return value

    def directive(self, found: re.Match[str]) -> str:
        flags, index1, width, dot, index2, precision, index3, letter = found.groups()
        out: list[str] = []
        self.bad_index = False
        self.index(index1)
        verb = Verb(letter, flags)
        wide = self.number(width, out, "%!(BADWIDTH)")
        if wide is not None and wide < 0:
            verb.minus, wide = True, -wide
        verb.width = wide
        if dot:
            self.index(index2)
            exact = self.number(precision, out, "%!(BADPREC)")
            verb.precision = 0 if precision == "" else exact if exact is not None and exact >= 0 else None
            if precision == "*" and exact is not None and exact < 0:
                out.append("%!(BADPREC)")
        self.index(index3)
        return "".join(out) + self._argument(verb, letter)

    def _argument(self, verb: Verb, letter: str) -> str:
        if not letter:
            return "%!(NOVERB)"
        if letter == "%":
            return "%"
        if self.bad_index:
            return f"%!{letter}(BADINDEX)"
        if self.next >= len(self.args):
            return f"%!{letter}(MISSING)"
        return format_value(self.take(), verb)

    def extra(self) -> str:
        """The complaint about arguments that no verb used."""
        if self.reordered or self.next >= len(self.args):
            return ""
        rest = [("<nil>" if arg is None else f"{type_name(arg)}={show(arg)}") for arg in self.args[self.next :]]
        return f"%!(EXTRA {', '.join(rest)})"
