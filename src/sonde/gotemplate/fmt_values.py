"""One value under one verb of Go's fmt: %v %+v %#v %T %q %d %x %s and the rest, with flags, width and precision."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from sonde.gotemplate.strconv import can_backquote, format_float, quote
from sonde.gotemplate.values import MISSING, from_bytes, kind_name, sorted_items, to_bytes, type_name


class Verb:
    """A verb with its flags; `width` and `precision` are None when absent."""

    __slots__ = ("letter", "minus", "plus", "plus_v", "precision", "sharp", "sharp_v", "space", "width", "zero")

    def __init__(self, letter: str, flags: str = "") -> None:
        self.letter = letter
        self.minus = "-" in flags
        self.plus = "+" in flags
        self.sharp = "#" in flags
        self.space = " " in flags
        self.zero = "0" in flags
        self.width: int | None = None
        self.precision: int | None = None
        self.plus_v = self.sharp_v = False
        if letter == "v":
            self.plus_v, self.plus = self.plus, False
            self.sharp_v, self.sharp = self.sharp, False

    def pad(self, text: str) -> str:
        if not self.width or len(text) >= self.width:
            return text
        if self.minus:
            return text.ljust(self.width)
        return text.rjust(self.width, "0" if self.zero else " ")

    def pad_spaces(self, text: str) -> str:
        if not self.width or len(text) >= self.width:
            return text
        return text.ljust(self.width) if self.minus else text.rjust(self.width)


def format_value(value: Any, verb: Verb) -> str:
    """The value as an operand of Printf."""
    if value is None or value is MISSING:
        return verb.pad("<nil>") if verb.letter in "Tv" else f"%!{verb.letter}(<nil>)"
    if verb.letter == "T":
        return _string(type_name(value), Verb_like(verb, "s"))
    if verb.letter == "p":
        return _bad(value, verb)
    return _nested(value, verb, 0)


def Verb_like(verb: Verb, letter: str) -> Verb:  # noqa: N802  a variant constructor
    """The same flags under another letter."""
    other = Verb(letter)
    for flag in ("minus", "plus", "sharp", "space", "zero", "width", "precision"):
        setattr(other, flag, getattr(verb, flag))
    return other


def _bad(value: Any, verb: Verb) -> str:
    if value is None:
        return f"%!{verb.letter}(<nil>)"
    return f"%!{verb.letter}({type_name(value)}={_nested(value, Verb_like(verb, 'v'), 0)})"


def _nested(value: Any, verb: Verb, depth: int) -> str:
    if value is None:
        return "interface {}(nil)" if verb.sharp_v else "<nil>"
    kind = kind_name(value)
    own = _METHODS.get(kind)
    stringer = getattr(type(value), "gostring", None)
    if stringer and not verb.sharp_v and verb.letter in "vsxXq":
        return _string(stringer(value), verb)
    if own:
        return own(value, verb)
    if kind == "map":
        return _map(value, verb, depth)
    if kind in ("slice", "array"):
        return _sequence(value, verb, depth)
    return _other(value, verb)


def _other(value: Any, verb: Verb) -> str:
    fields = getattr(value, "gofields", None)
    stringer = getattr(type(value), "gostring", None)
    if fields is None and stringer:
        return verb.pad(str(stringer(value)))
    if fields is None:
        return verb.pad(str(value)) if verb.letter in "vs" else _bad(value, verb)
    shown = [(f"{name}:" if verb.plus_v or verb.sharp_v else "") + _nested(item, verb, 1) for name, item in fields()]
    return "{" + (", " if verb.sharp_v else " ").join(shown) + "}"


def _map(value: Mapping[Any, Any], verb: Verb, depth: int) -> str:
    pairs = [f"{_nested(key, verb, depth + 1)}:{_nested(item, verb, depth + 1)}" for key, item in sorted_items(value)]
    if verb.sharp_v:
        return f"{type_name(value)}{{{', '.join(pairs)}}}"
    return f"map[{' '.join(pairs)}]"


def _sequence(value: Any, verb: Verb, depth: int) -> str:
    if isinstance(value, bytes):
        if verb.letter in "sqxX":
            return _string(from_bytes(value), verb)
        if verb.sharp_v:
            name = "[]byte" if kind_name(value) == "slice" else type_name(value)
            return f"{name}{{{', '.join(f'0x{byte:x}' for byte in value)}}}"
        if verb.letter not in "vd":
            verb = Verb_like(verb, verb.letter)
    items = [_nested(item, verb, depth + 1) for item in value]
    if verb.sharp_v:
        return (
            f"{type_name(value)}(nil)" if getattr(value, "nil", False) else f"{type_name(value)}{{{', '.join(items)}}}"
        )
    return f"[{' '.join(items)}]"


def _bool(value: bool, verb: Verb) -> str:  # noqa: FBT001  the value to show
    return verb.pad("true" if value else "false") if verb.letter in "tv" else _bad(value, verb)


def _string(value: str, verb: Verb) -> str:
    letter = verb.letter
    if letter == "v":
        return verb.pad(quote(value)) if verb.sharp_v else _cut_and_pad(value, verb)
    if letter == "s":
        return _cut_and_pad(value, verb)
    if letter in "xX":
        return _hex(to_bytes(value), verb)
    if letter == "q":
        cut = value if verb.precision is None else value[: verb.precision]
        if verb.sharp and can_backquote(cut):
            return verb.pad(f"`{cut}`")
        return verb.pad(quote(cut, ascii_only=verb.plus))
    return _bad(value, verb)


def _cut_and_pad(value: str, verb: Verb) -> str:
    return verb.pad(value if verb.precision is None else value[: verb.precision])


def _hex(data: bytes, verb: Verb) -> str:
    data = data if verb.precision is None else data[: verb.precision]
    pairs = [f"{byte:02x}" if verb.letter == "x" else f"{byte:02X}" for byte in data]
    mark = "0" + verb.letter if verb.sharp else ""
    if verb.space:
        text = " ".join(mark + pair for pair in pairs)
    else:
        text = (mark if pairs else "") + "".join(pairs)
    return verb.pad(text)


_BASES: Final[dict[str, Callable[[int], str]]] = {
    "d": str,
    "v": str,
    "b": lambda number: f"{number:b}",
    "o": lambda number: f"{number:o}",
    "O": lambda number: f"{number:o}",
    "x": lambda number: f"{number:x}",
    "X": lambda number: f"{number:X}",
}
_MARKS: Final = {"b": "0b", "o": "0", "x": "0x", "X": "0X"}


def _int(value: int, verb: Verb) -> str:
    letter = verb.letter
    if letter in _BASES:
        if verb.sharp_v and kind_name(value).startswith("uint"):
            return _integer(int(value), Verb_hex(verb))
        return _integer(int(value), verb)
    if letter == "c":
        return verb.pad(_rune(value))
    if letter == "q":
        return verb.pad(quote(_rune(value), "'", ascii_only=verb.plus))
    if letter == "U":
        return _unicode(value, verb)
    return _bad(value, verb)


def Verb_hex(verb: Verb) -> Verb:  # noqa: N802  a variant constructor
    """%#x, which is how %#v shows unsigned integers."""
    other = Verb_like(verb, "x")
    other.sharp = True
    return other


def _rune(value: int) -> str:
    return chr(value) if 0 <= value <= 0x10FFFF and not 0xD800 <= value < 0xE000 else "\ufffd"


def _unicode(value: int, verb: Verb) -> str:
    number = value % 2**64
    text = f"U+{number:0{max(4, verb.precision or 0)}X}"
    if verb.sharp and number <= 0x10FFFF and chr(number).isprintable():
        text += f" '{chr(number)}'"
    return verb.pad_spaces(text)


def _integer(value: int, verb: Verb) -> str:
    if verb.precision == 0 and value == 0:
        return " " * (verb.width or 0)
    digits = _BASES[verb.letter](abs(value))
    sign = "-" if value < 0 else "+" if verb.plus else " " if verb.space else ""
    if verb.precision is not None:
        digits = digits.rjust(verb.precision, "0")
    elif verb.zero and not verb.minus and verb.width:
        digits = digits.rjust(verb.width - len(sign), "0")
    if verb.sharp and verb.letter in _MARKS and not (verb.letter == "o" and digits.startswith("0")):
        digits = _MARKS[verb.letter] + digits
    if verb.letter == "O":
        digits = "0o" + digits
    return verb.pad_spaces(sign + digits)


def _float(value: float, verb: Verb) -> str:
    letter = verb.letter
    if letter not in "vbgGxXfFeE":
        return _bad(value, verb)
    if letter in "bxX":
        return verb.pad(float(value).hex())
    precision = verb.precision
    if precision is None:
        precision = -1 if letter in "vgG" else 6
    text = format_float(value, "g" if letter == "v" else letter, precision)
    if verb.sharp and "." not in text and text[-1].isdecimal():
        text += "."
    return _signed(text, verb)


def _signed(text: str, verb: Verb) -> str:
    sign, number = (text[0], text[1:]) if text[0] in "+-" else ("+", text)
    if number in ("Inf", "NaN"):
        shown = sign + number if sign == "-" or verb.plus or number == "Inf" else number
        if sign == "+" and not verb.plus:
            shown = (" " if verb.space else "") + shown if number == "NaN" else "+Inf"
        return verb.pad_spaces(shown)
    sign = sign if sign == "-" or verb.plus else " " if verb.space else ""
    if verb.zero and not verb.minus and verb.width and verb.width > len(sign + number):
        return sign + number.rjust(verb.width - len(sign), "0")
    return verb.pad_spaces(sign + number)


def _complex(value: complex, verb: Verb) -> str:
    if verb.letter not in "vbgGxXfFeE":
        return _bad(value, verb)
    plain = Verb_like(verb, verb.letter)
    plain.plus = True
    return f"({_float(value.real, verb)}{_float(value.imag, plain)}i)"


_METHODS: Final[dict[str, Callable[[Any, Verb], str]]] = {
    "string": _string,
    "bool": _bool,
    "float64": _float,
    "complex128": _complex,
    **dict.fromkeys(("int", "int64", "int32", "uint8", "uint32", "uint64"), _int),
}
