"""gomplate: the namespace `strings` and its aliases."""

import re
import unicodedata
from collections.abc import Callable, Mapping
from typing import Any, Final

from sonde.gotemplate.errors import FunctionError
from sonde.gotemplate.functions import text, words
from sonde.gotemplate.functions.casts import conv_int, conv_string
from sonde.gotemplate.functions.host import Host
from sonde.gotemplate.functions.sprig_strings import repeat
from sonde.gotemplate.strconv import quote
from sonde.gotemplate.values import GoFunc, Namespace, NilStrList, StrList, byte_length, from_bytes, to_bytes, type_name

_WORD: Final = re.compile(r"[^\W_][\w]*(?:['\u2019.:][^\W_][\w]*)*|_[\w]*")


def title(value: str) -> str:
    """cases.Title: the first letter of each word upper, the others lower."""
    return _WORD.sub(lambda found: _titled(found[0]), value)


def _titled(word: str) -> str:
    at = next((number for number, char in enumerate(word) if char.upper() != char.lower()), 0)
    return word[:at] + word[at].title() + word[at + 1 :].lower()


def _keep_first(value: str, changed: str) -> str:
    """Gomplate puts the first byte back as it was, wherever that byte comes first."""
    old, new = to_bytes(changed)[:1], to_bytes(value)[:1]
    return from_bytes(to_bytes(changed).replace(chr(old[0]).encode(), chr(new[0]).encode(), 1))


def _not_blank(value: str) -> str:
    stripped = value.strip(words.SPACE)
    if not stripped:
        raise FunctionError("runtime error: index out of range [0] with length 0")
    return stripped


def camel_case(value: Any) -> str:
    given = _not_blank(conv_string(value))
    return re.sub(r"[\W_]+", "", _keep_first(given, title(given)))


def _words_with(mark: str) -> Callable[[Any], str]:
    def convert(value: Any) -> str:
        given = _not_blank(conv_string(value))
        return re.sub(r"[\W_]+", " ", _keep_first(given, given.lower())).strip().replace(" ", mark)

    return convert


def indent(*args: Any) -> str:
    """Indent text; indent "  " text; indent 2 text; indent 2 "-" text. Empty lines stay empty."""
    if not args:
        raise FunctionError("runtime error: index out of range [-1]")
    width, mark = 1, " "
    if len(args) == 2 and isinstance(args[0], str):
        mark = args[0]
    elif len(args) in (2, 3):
        if type(args[0]) is not int or (len(args) == 3 and not isinstance(args[1], str)):
            raise FunctionError("indent: invalid arguments")
        width, mark = args[0], args[1] if len(args) == 3 else " "
    value = conv_string(args[-1])
    if width <= 0 or "\n" in mark:
        return value
    return re.sub(r"^(?=[^\n])", lambda _: mark * width, value, flags=re.MULTILINE)


def trunc(length: int, value: Any) -> str:
    data = to_bytes(conv_string(value))
    return from_bytes(data if length < 0 else data[:length])


def abbrev(*args: Any) -> str:
    if len(args) < 2:
        raise FunctionError("abbrev requires a 'maxWidth' and 'input' argument")
    offset = conv_int(args[0]) if len(args) == 3 else 0
    width = conv_int(args[-2]) if len(args) in (2, 3) else 0
    value = conv_string(args[-1]) if len(args) in (2, 3) else ""
    return value if byte_length(value) <= width else text.abbreviate(value, offset, width)


def word_wrap(*args: Any) -> str:
    if not 1 <= len(args) <= 3:
        raise FunctionError(f"expected 1, 2, or 3 args, got {len(args)}")
    width, mark = 0, ""
    if len(args) == 2 and isinstance(args[0], str):
        mark = args[0]
    elif len(args) > 1:
        width = conv_int(args[0])
        mark = conv_string(args[1]) if len(args) == 3 else ""
    return text.wrap(conv_string(args[-1]), width or 80, mark, long_words=False)


def squote(value: Any) -> str:
    inner = conv_string(value).replace("'", "''")
    return f"'{inner}'"


def shell_quote(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return " ".join(_shell_quoted(_reflected(value, item)) for item in value)
    return _shell_quoted(value)


def _reflected(value: Any, item: Any) -> str:
    """Gomplate quotes the reflect.Value of an item, which is its text only in a list of strings."""
    kind = type_name(value).removeprefix("[]")
    return str(item) if kind == "string" else f"<{kind} Value>"


def _shell_quoted(value: Any) -> str:
    inner = conv_string(value).replace("'", "'\"'\"'")
    return f"'{inner}'"


def slug(value: Any) -> str:
    """gosimple/slug: latin letters, digits, dashes; accents are dropped."""
    given = conv_string(value).strip(words.SPACE).replace("&", " and ").replace("@", " at ")
    plain = unicodedata.normalize("NFKD", given.replace("\u00df", "ss")).encode("ascii", "ignore").decode().lower()
    return re.sub(r"-+", "-", re.sub(r"[^a-z0-9\-_]", "-", plain)).strip("-_")


def sort_texts(value: Any) -> StrList:
    if not isinstance(value, list):
        raise FunctionError(f"wrong type for value; expected []string; got {type_name(value)}")
    return StrList(sorted(map(conv_string, value), key=to_bytes))


def _namespace() -> dict[str, GoFunc]:
    def on_text(call: Callable[..., Any], *params: str) -> GoFunc:
        return GoFunc(lambda *args: call(*args[:-1], conv_string(args[-1])), *params, "any")

    return {
        "Abbrev": GoFunc(abbrev, "...any"),
        "ReplaceAll": on_text(lambda old, new, value: value.replace(old, new), "string", "string"),
        "Contains": on_text(lambda part, value: part in value, "string"),
        "HasPrefix": on_text(lambda part, value: value.startswith(part), "string"),
        "HasSuffix": on_text(lambda part, value: value.endswith(part), "string"),
        "Repeat": on_text(_repeat, "int"),
        "Sort": GoFunc(sort_texts, "any"),
        "Split": on_text(lambda mark, value: StrList(text.split_n(value, mark, -1)), "string"),
        "SplitN": on_text(lambda mark, count, value: _split_n(value, mark, count), "string", "int"),
        "Trim": on_text(lambda cut, value: text.trim(value, cut), "string"),
        "TrimPrefix": on_text(lambda cut, value: value.removeprefix(cut), "string"),
        "TrimSuffix": on_text(lambda cut, value: value.removesuffix(cut), "string"),
        "Title": on_text(title),
        "ToUpper": on_text(str.upper),
        "ToLower": on_text(str.lower),
        "TrimSpace": on_text(lambda value: value.strip(words.SPACE)),
        "Trunc": GoFunc(trunc, "int", "any"),
        "Indent": GoFunc(indent, "...any"),
        "Slug": GoFunc(slug, "any"),
        "Quote": on_text(quote),
        "ShellQuote": GoFunc(shell_quote, "any"),
        "Squote": GoFunc(squote, "any"),
        "SnakeCase": GoFunc(_words_with("_"), "any"),
        "CamelCase": GoFunc(camel_case, "any"),
        "KebabCase": GoFunc(_words_with("-"), "any"),
        "WordWrap": GoFunc(word_wrap, "...any"),
        "RuneCount": GoFunc(lambda *args: sum(len(conv_string(arg)) for arg in args), "...any"),
    }


def _split_n(value: str, mark: str, count: int) -> StrList:
    return StrList(text.split_n(value, mark, count)) if count else NilStrList()


def _repeat(count: int, value: str) -> str:
    if count < 0:
        raise FunctionError(f"negative count {count}")
    return repeat(count, value)


def table(host: Host) -> Mapping[str, Any]:  # noqa: ARG001  one signature for all libraries
    """The functions of this library by name."""
    members = _namespace()
    aliases = ("ReplaceAll", "Title", "ToUpper", "ToLower", "TrimSpace", "Indent", "Quote", "ShellQuote", "Squote")
    two = ("string", "string")
    return {f"{name[0].lower()}{name[1:]}": members[name] for name in aliases} | {
        "strings": Namespace("string", members),
        "contains": GoFunc(lambda value, part: part in value, *two),
        "hasPrefix": GoFunc(lambda value, part: value.startswith(part), *two),
        "hasSuffix": GoFunc(lambda value, part: value.endswith(part), *two),
        "split": GoFunc(lambda value, mark: StrList(text.split_n(value, mark, -1)), *two),
        "splitN": GoFunc(_split_n, *two, "int"),
        "trim": GoFunc(text.trim, *two),
    }
