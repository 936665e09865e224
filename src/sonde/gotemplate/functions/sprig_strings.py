"""sprig: functions on strings."""

from collections.abc import Mapping
from typing import Any

from sonde.gotemplate.errors import FunctionError
from sonde.gotemplate.functions import words
from sonde.gotemplate.functions.casts import strval
from sonde.gotemplate.functions.host import Host
from sonde.gotemplate.functions.text import abbreviate, split_n, trim, wrap
from sonde.gotemplate.strconv import quote
from sonde.gotemplate.values import GoFunc, StrList, StrMap, from_bytes, to_bytes

_MAX_REPEAT = 2**28


def repeat(count: int, text: str) -> str:
    if count < 0:
        raise FunctionError("strings: negative Repeat count")
    if count * len(text) > _MAX_REPEAT:
        raise FunctionError("strings: Repeat output length overflow")
    return text * count


def trunc(count: int, text: str) -> str:
    data = to_bytes(text)
    if count < 0 and len(data) + count > 0:
        return from_bytes(data[len(data) + count :])
    return from_bytes(data[:count]) if 0 <= count < len(data) else text


def substr(start: int, end: int, text: str) -> str:
    data = to_bytes(text)
    if start < 0:
        return _part(data, 0, end)
    if end < 0 or end > len(data):
        return _part(data, start, len(data))
    return _part(data, start, end)


def _part(data: bytes, start: int, end: int) -> str:
    if end > len(data) or end < 0:
        raise FunctionError(
            f"runtime error: slice bounds out of range [:{end}]" + (f" with length {len(data)}" if end >= 0 else "")
        )
    if start > end:
        raise FunctionError(f"runtime error: slice bounds out of range [{start}:{end}]")
    return from_bytes(data[start:end])


def indent(spaces: int, text: str) -> str:
    pad = repeat(spaces, " ")
    return pad + text.replace("\n", "\n" + pad)


def nindent(spaces: int, text: str) -> str:
    return "\n" + indent(spaces, text)


def quoted(*values: Any) -> str:
    return " ".join(quote(strval(value)) for value in values if value is not None)


def squoted(*values: Any) -> str:
    return " ".join(f"'{strval(value)}'" for value in values if value is not None)


def cat(*values: Any) -> str:
    return " ".join(strval(value) for value in values if value is not None)


def strings_of(value: Any) -> StrList:
    """Sprig's strslice: the texts of a list without its nils; anything else is a list of one."""
    if isinstance(value, StrList):
        return value
    if isinstance(value, (list, tuple, bytes)):
        return StrList(strval(item) for item in value if item is not None)
    return StrList() if value is None else StrList([strval(value)])


def split(separator: str, text: str) -> StrMap:
    return StrMap({f"_{number}": part for number, part in enumerate(split_n(text, separator, -1))})


def splitn(separator: str, count: int, text: str) -> StrMap:
    return StrMap({f"_{number}": part for number, part in enumerate(split_n(text, separator, count))})


def split_list(separator: str, text: str) -> StrList:
    return StrList(split_n(text, separator, -1))


def abbrev(width: int, text: str) -> str:
    return text if width < 4 else _abbreviated(text, 0, width)


def abbrevboth(left: int, right: int, text: str) -> str:
    return text if right < 4 or (left > 0 and right < 7) else _abbreviated(text, left, right)


def _abbreviated(text: str, offset: int, width: int) -> str:
    try:
        return abbreviate(text, offset, width)
    except FunctionError:
        return ""


def sort_alpha(value: Any) -> StrList:
    if isinstance(value, (list, tuple)):
        return StrList(sorted(strings_of(value), key=to_bytes))
    return StrList([strval(value)])


def title(text: str) -> str:
    """strings.Title: the first letter of each word; a word ends at what is no letter, digit or underscore."""
    out, previous = [], " "
    for char in text:
        out.append(_upper_title(char) if _separates(previous) else char)
        previous = char
    return "".join(out)


def _upper_title(char: str) -> str:
    upper = char.title()
    return upper if len(upper) == 1 else char


def _separates(char: str) -> bool:
    if char.isascii():
        return not (char.isalnum() or char == "_")
    return not (char.isalpha() or char.isdecimal()) and char.isspace()


def plural(one: str, many: str, count: int) -> str:
    return one if count == 1 else many


def one_to_one(convert: str, text: str) -> str:
    """Go maps case rune by rune; a character whose Python mapping is longer stays as Go leaves it."""
    result = getattr(text, convert)()
    if len(result) == len(text):
        return str(result)
    return "".join(mapped if len(mapped := getattr(char, convert)()) == 1 else char for char in text)


def upper(text: str) -> str:
    return one_to_one("upper", text)


def lower(text: str) -> str:
    return text.lower() if text.isascii() else "".join(_lower(char) for char in text)


def _lower(char: str) -> str:
    mapped = char.lower()
    return mapped if len(mapped) == 1 else "i" if char == "\u0130" else char


def _shuffle(host: Host, text: str) -> str:
    if not text:
        return text
    runes = list(text)
    host.chance().shuffle(runes)
    return "".join(runes)


def table(host: Host) -> Mapping[str, GoFunc]:
    """The functions of this library by name."""
    two = ("string", "string")
    return {
        "hello": GoFunc(lambda: "Hello!"),
        "abbrev": GoFunc(abbrev, "int", "string"),
        "abbrevboth": GoFunc(abbrevboth, "int", "int", "string"),
        "trunc": GoFunc(trunc, "int", "string"),
        "trim": GoFunc(lambda text: text.strip(words.SPACE), "string"),
        "upper": GoFunc(upper, "string"),
        "lower": GoFunc(lower, "string"),
        "title": GoFunc(title, "string"),
        "untitle": GoFunc(words.uncapitalize, "string"),
        "substr": GoFunc(substr, "int", "int", "string"),
        "repeat": GoFunc(repeat, "int", "string"),
        "trimall": GoFunc(lambda cut, text: trim(text, cut), *two),
        "trimAll": GoFunc(lambda cut, text: trim(text, cut), *two),
        "trimSuffix": GoFunc(lambda suffix, text: text.removesuffix(suffix), *two),
        "trimPrefix": GoFunc(lambda prefix, text: text.removeprefix(prefix), *two),
        "nospace": GoFunc(words.delete_white_space, "string"),
        "initials": GoFunc(words.initials, "string"),
        "swapcase": GoFunc(words.swap_case, "string"),
        "shuffle": GoFunc(lambda text: _shuffle(host, text), "string"),
        "snakecase": GoFunc(lambda text: words.separated(text, "_"), "string"),
        "camelcase": GoFunc(words.pascal_case, "string"),
        "kebabcase": GoFunc(lambda text: words.separated(text, "-"), "string"),
        "wrap": GoFunc(lambda width, text: wrap(text, width, "", long_words=False), "int", "string"),
        "wrapWith": GoFunc(lambda width, mark, text: wrap(text, width, mark, long_words=True), "int", *two),
        "contains": GoFunc(lambda part, text: part in text, *two),
        "hasPrefix": GoFunc(lambda part, text: text.startswith(part), *two),
        "hasSuffix": GoFunc(lambda part, text: text.endswith(part), *two),
        "quote": GoFunc(quoted, "...any"),
        "squote": GoFunc(squoted, "...any"),
        "cat": GoFunc(cat, "...any"),
        "indent": GoFunc(indent, "int", "string"),
        "nindent": GoFunc(nindent, "int", "string"),
        "replace": GoFunc(lambda old, new, text: text.replace(old, new), "string", *two),
        "plural": GoFunc(plural, "string", "string", "int"),
        "toString": GoFunc(strval, "any"),
        "toStrings": GoFunc(strings_of, "any"),
        "split": GoFunc(split, *two),
        "splitList": GoFunc(split_list, *two),
        "splitn": GoFunc(splitn, "string", "int", "string"),
        "join": GoFunc(lambda mark, value: mark.join(strings_of(value)), "string", "any"),
        "sortAlpha": GoFunc(sort_alpha, "any"),
    }
