"""sprig: regular expressions."""

from collections.abc import Mapping

from sonde.gotemplate.errors import FunctionError
from sonde.gotemplate.functions import goregexp
from sonde.gotemplate.functions.host import Host
from sonde.gotemplate.values import GoFunc, NilStrList, StrList


def _match(pattern: str, text: str) -> bool:
    try:
        return goregexp.matches(pattern, text)
    except FunctionError:
        return False


def must_compile(pattern: str) -> None:
    """Go's MustCompile, whose panic names the expression."""
    try:
        goregexp.compile_pattern(pattern)
    except FunctionError as error:
        raise FunctionError(f"regexp: Compile(`{pattern}`): {error}") from None


def _find_all(pattern: str, text: str, count: int) -> StrList:
    return StrList(goregexp.find_all(pattern, text, count)) or NilStrList()


def _find(pattern: str, text: str) -> str:
    return goregexp.find(pattern, text)


def _replace(pattern: str, text: str, replacement: str) -> str:
    return goregexp.replace_all(pattern, text, replacement, literal=False)


def _replace_literal(pattern: str, text: str, replacement: str) -> str:
    return goregexp.replace_all(pattern, text, replacement, literal=True)


def _split(pattern: str, text: str, count: int) -> StrList:
    parts = goregexp.split(pattern, text, count)
    return NilStrList() if parts is None else StrList(parts)


def _strict(function: GoFunc) -> GoFunc:
    def call(pattern: str, *rest: object) -> object:
        must_compile(pattern)
        return function.call(pattern, *rest)

    return GoFunc(call, *function.params)


def table(host: Host) -> Mapping[str, GoFunc]:  # noqa: ARG001  one signature for all libraries
    """The functions of this library by name; those without `must` panic where the others return the error."""
    must = {
        "regexFindAll": GoFunc(_find_all, "string", "string", "int"),
        "regexFind": GoFunc(_find, "string", "string"),
        "regexReplaceAll": GoFunc(_replace, "string", "string", "string"),
        "regexReplaceAllLiteral": GoFunc(_replace_literal, "string", "string", "string"),
        "regexSplit": GoFunc(_split, "string", "string", "int"),
    }
    named = {f"mustR{name[1:]}": function for name, function in must.items()}
    return (
        {name: _strict(function) for name, function in must.items()}
        | named
        | {
            "regexMatch": GoFunc(_match, "string", "string"),
            "mustRegexMatch": GoFunc(goregexp.matches, "string", "string"),
            "regexQuoteMeta": GoFunc(goregexp.quote_meta, "string"),
        }
    )
