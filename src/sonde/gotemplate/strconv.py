"""Go's strconv: quoting, unquoting, numbers to text and back."""

import re
from typing import Final

from sonde.gotemplate.values import to_bytes

_ESCAPES: Final = {
    "\a": "\\a",
    "\b": "\\b",
    "\f": "\\f",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    "\v": "\\v",
    "\\": "\\\\",
}
_UNESCAPES: Final = {text[1]: char for char, text in _ESCAPES.items()}
_PLAIN: Final = re.compile(r"[ !#-\[\]-~]*")


def quote(text: str, mark: str = '"', *, ascii_only: bool = False) -> str:
    """strconv.Quote: a Go string literal of the text."""
    if mark == '"' and _PLAIN.fullmatch(text):
        return f'"{text}"'
    return mark + "".join(_quoted(char, mark, ascii_only=ascii_only) for char in text) + mark


def _quoted(char: str, mark: str, *, ascii_only: bool) -> str:
    code = ord(char)
    if char == mark:
        return "\\" + char
    if char in _ESCAPES:
        return _ESCAPES[char]
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"
    if char.isprintable() and (code < 0x80 or not ascii_only):
        return char
    if code < 0x20 or code == 0x7F:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def can_backquote(text: str) -> bool:
    """Whether a raw string literal can hold the text unchanged."""
    return (
        "`" not in text
        and "\ufeff" not in text
        and all(char == "\t" or (char >= " " and char != "\x7f") for char in text)
    )


def unquote_char(text: str, at: int, mark: str) -> tuple[str | int, int]:
    """One character or escape at `at`, as a character or as an int for a byte escape, and where it ends.

    Raises ValueError if it is not legal in a literal quoted with `mark`.
    """
    char = text[at]
    if char in (mark, "\n"):
        raise ValueError("invalid syntax")
    if char != "\\":
        return char, at + 1
    char = text[at + 1 : at + 2]
    if char in _UNESCAPES:
        return _UNESCAPES[char], at + 2
    if char == mark and char in "'\"":
        return char, at + 2
    found = _NUMERIC_ESCAPE.match(text, at + 1)
    if not found:
        raise ValueError("invalid syntax")
    body = found[0]
    if body[0] == "x":
        return int(body[1:], 16), found.end()
    if body[0] in "uU":
        code = int(body[1:], 16)
        if code > 0x10FFFF or 0xD800 <= code < 0xE000:
            raise ValueError("invalid syntax")
        return chr(code), found.end()
    if int(body, 8) > 255:
        raise ValueError("invalid syntax")
    return int(body, 8), found.end()


_NUMERIC_ESCAPE: Final = re.compile(r"x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-7]{3}")


def unquote(literal: str) -> str:
    """strconv.Unquote of a string literal in double quotes or backquotes; ValueError if it is malformed."""
    body = literal[1:-1]
    if literal[0] == "`":
        return body.replace("\r", "")
    if "\\" not in body and "\n" not in body:
        return body
    out = bytearray()
    at = 0
    while at < len(body):
        char, at = unquote_char(body, at, '"')
        out += bytes((char,)) if isinstance(char, int) else to_bytes(char)
    return out.decode("utf-8", "surrogateescape")


_INTEGER: Final = re.compile(
    r"([+-]?)(?:0[xX](_?[0-9a-fA-F]+(?:_[0-9a-fA-F]+)*)|0[bB](_?[01]+(?:_[01]+)*)|0[oO]?(_?[0-7]+(?:_[0-7]+)*)|(0|[1-9][0-9]*(?:_[0-9]+)*))"
)


def parse_int(text: str) -> int | None:
    """strconv.ParseInt with base 0 and no bound on size: 0x, 0b, 0o and old octal prefixes, underscores; None if malformed."""
    found = _INTEGER.fullmatch(text)
    if not found:
        return None
    sign, *groups = found.groups()
    for digits, base in zip(groups, (16, 2, 8, 10), strict=True):
        if digits is not None:
            number = int(digits.replace("_", ""), base)
            return -number if sign == "-" else number
    return None


_DECIMAL: Final = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_HEX: Final = re.compile(r"[+-]?0[xX](?:[0-9a-fA-F]+\.?[0-9a-fA-F]*|\.[0-9a-fA-F]+)[pP][+-]?[0-9]+")
_SPECIAL: Final = re.compile(r"[+-]?(?:inf|infinity)|nan", re.IGNORECASE)


def parse_float(text: str) -> float | None:
    """strconv.ParseFloat; None if the text is no number, or one that no float64 can hold."""
    if _DECIMAL.fullmatch(text):
        number = float(text)
        return None if number in (float("inf"), float("-inf")) else number
    if _HEX.fullmatch(text):
        try:
            return float.fromhex(text)
        except OverflowError:
            return None
    return float(text) if _SPECIAL.fullmatch(text) else None


def format_float(number: float, verb: str = "g", precision: int = -1) -> str:
    """strconv.FormatFloat for the verbs e, E, f, F, g, G; precision -1 means the fewest digits that read back."""
    if number != number:  # noqa: PLR0124  the usual test for NaN
        return "NaN"
    if number in (float("inf"), float("-inf")):
        return "+Inf" if number > 0 else "-Inf"
    if precision < 0:
        return _shortest(number, verb)
    if verb in "fF":
        return f"{number:.{precision}f}"
    if verb in "eE":
        return f"{number:.{precision}{verb}}"
    return _general(number, verb, precision or 1)


def _digits(number: float) -> tuple[str, str, int]:
    """Sign, shortest digits, and the decimal exponent of the first digit."""
    shown, _, power = repr(number).partition("e")
    sign = "-" if shown[0] == "-" else ""
    whole, _, fraction = shown.lstrip("-").partition(".")
    text = (whole + fraction).lstrip("0")
    exponent = int(power or "0") + len(whole) - 1 - (len(whole + fraction) - len(text))
    text = text.rstrip("0") or "0"
    return sign, text, (0 if text == "0" else exponent)


def _shortest(number: float, verb: str) -> str:
    sign, digits, exponent = _digits(number)
    if verb in "eE" or (verb in "gG" and not -4 <= exponent < 6):
        return sign + _scientific(digits, exponent, "e" if verb in "eg" else "E")
    return sign + _positional(digits, exponent)


def _scientific(digits: str, exponent: int, mark: str) -> str:
    fraction = f".{digits[1:]}" if len(digits) > 1 else ""
    return f"{digits[0]}{fraction}{mark}{'-' if exponent < 0 else '+'}{abs(exponent):02d}"


def _positional(digits: str, exponent: int) -> str:
    if exponent < 0:
        return "0." + "0" * (-exponent - 1) + digits
    whole = digits[: exponent + 1].ljust(exponent + 1, "0")
    fraction = digits[exponent + 1 :]
    return f"{whole}.{fraction}" if fraction else whole


def _general(number: float, verb: str, precision: int) -> str:
    from decimal import ROUND_HALF_EVEN, Context, Decimal

    rounded = Context(prec=precision, rounding=ROUND_HALF_EVEN).plus(Decimal(number))
    sign, digits, _ = _digits(number)
    text = "".join(map(str, rounded.as_tuple().digits)).rstrip("0") or "0"
    exponent = 0 if text == "0" else rounded.adjusted()
    limit = precision
    if limit > len(digits) and len(digits) >= exponent + 1:
        limit = len(digits)
    if exponent < -4 or exponent >= limit:
        return sign + _scientific(text, exponent, "e" if verb == "g" else "E")
    return sign + _positional(text, exponent)
