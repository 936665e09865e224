"""Number constants of templates: one text, all the Go numbers it can stand for (text/template/parse, newNumber)."""

from sonde.gotemplate.nodes import Number
from sonde.gotemplate.strconv import parse_float, parse_int, quote, unquote_char
from sonde.gotemplate.values import INT_MAX, INT_MIN

_UINT_MAX = 2**64 - 1


def rune(pos: int, text: str) -> Number:
    """A character constant; ValueError with Go's message if it is malformed."""
    char, end = unquote_char(text, 1, "'")
    if end != len(text) - 1:
        raise ValueError(f"malformed character constant: {text}")
    code = char if isinstance(char, int) else ord(char)
    return Number(pos, text, code, code, float(code))


def complex_number(pos: int, text: str) -> Number:
    """A constant such as 1+2i."""
    split = max(text.rfind("+"), text.rfind("-"))
    real, imaginary = parse_float(text[:split].replace("_", "")), parse_float(text[split:-1].replace("_", ""))
    if real is None or imaginary is None:
        raise ValueError("syntax error scanning complex number")
    return _simplified(pos, text, complex(real, imaginary))


def _simplified(pos: int, text: str, value: complex) -> Number:
    if value.imag != 0:
        return Number(pos, text, None, None, None, value)
    return Number(pos, text, *_whole(value.real), value.real, value)


def _whole(real: float) -> tuple[int | None, int | None]:
    """The float as int64 and as uint64, where that loses nothing."""
    if real in (float("inf"), float("-inf")) or real != int(real):
        return None, None
    number = int(real)
    return (number if INT_MIN <= number <= INT_MAX else None), (number if 0 <= number <= _UINT_MAX else None)


def number(pos: int, text: str) -> Number:
    """An integer, floating-point or imaginary constant; ValueError with Go's message if it is none."""
    if text.endswith("i"):
        imaginary = parse_float(text[:-1])
        if imaginary is not None:
            return _simplified(pos, text, complex(0, imaginary))
    whole = parse_int(text)
    if whole is not None and INT_MIN <= whole <= _UINT_MAX:
        integer = whole if whole <= INT_MAX else None
        unsigned = whole if whole >= 0 and not text.startswith("+") else None
        return Number(pos, text, integer, unsigned, float(whole))
    real = parse_float(text)
    if real is None:
        raise ValueError(f"illegal number syntax: {quote(text)}")
    if not any(mark in text for mark in ".eEpP"):
        raise ValueError(f"integer overflow: {quote(text)}")
    return Number(pos, text, *_whole(real), real)
