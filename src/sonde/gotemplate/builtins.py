"""The functions that text/template itself defines (text/template/funcs.go)."""

from collections.abc import Mapping
from typing import Any, Final

from sonde.gotemplate.binding import as_function
from sonde.gotemplate.compare import eq, ge, gt, le, lt, ne
from sonde.gotemplate.errors import FunctionError
from sonde.gotemplate.fmt import sprint, sprintf, sprintln
from sonde.gotemplate.values import (
    MISSING,
    GoFunc,
    StrMap,
    Uint8,
    byte_length,
    from_bytes,
    kind_name,
    to_bytes,
    truth,
    type_name,
)

_HTML: Final = str.maketrans({"\0": "\ufffd", '"': "&#34;", "'": "&#39;", "&": "&amp;", "<": "&lt;", ">": "&gt;"})
_JS: Final = {"\\": "\\\\", "'": "\\'", '"': '\\"', "<": "\\u003C", ">": "\\u003E", "&": "\\u0026", "=": "\\u003D"}
_URL_SAFE: Final = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~")


def _joined(args: tuple[Any, ...]) -> str:
    if len(args) == 1 and isinstance(args[0], str):
        return args[0]
    return sprint(*("<no value>" if arg is None else arg for arg in args))


def html_escape(*args: Any) -> str:
    return _joined(args).translate(_HTML)


def js_escape(*args: Any) -> str:
    return "".join(_js_char(char) for char in _joined(args))


def _js_char(char: str) -> str:
    if char in _JS:
        return _JS[char]
    if char < " ":
        return f"\\u{ord(char):04X}"
    return char if char.isprintable() or char == "\x7f" else f"\\u{ord(char):04X}"


def query_escape(text: str) -> str:
    """url.QueryEscape."""
    return "".join(chr(b) if b in _URL_SAFE else "+" if b == 0x20 else f"%{b:02X}" for b in to_bytes(text))


def url_query(*args: Any) -> str:
    return query_escape(_joined(args))


def _position(index: Any, limit: int) -> int:
    if index is None or index is MISSING:
        raise FunctionError("cannot index slice/array with nil")
    if not isinstance(index, int) or isinstance(index, bool):
        raise FunctionError(f"cannot index slice/array with type {type_name(index)}")
    if not 0 <= index <= limit:
        raise FunctionError(f"index out of range: {int(index)}")
    return int(index)


def index(item: Any, *indexes: Any) -> Any:
    """Index x 1 "a": the element of a list, string or map; an absent key is the zero value."""
    if item is None or item is MISSING:
        raise FunctionError("index of untyped nil")
    for key in indexes:
        item = _element(item, key)
    return item


def _element(item: Any, key: Any) -> Any:
    if item is None:
        raise FunctionError("index of nil pointer")
    if isinstance(item, Mapping):
        return _entry(item, key)
    if isinstance(item, str):
        item = to_bytes(item)
    elif not isinstance(item, (list, tuple, bytes)):
        raise FunctionError(f"can't index item of type {type_name(item)}")
    at = _position(key, len(item))
    if at == len(item):
        raise FunctionError(
            "reflect: string index out of range" if isinstance(item, bytes) else "reflect: slice index out of range"
        )
    return Uint8(item[at]) if isinstance(item, bytes) else item[at]


def _entry(item: Mapping[Any, Any], key: Any) -> Any:
    if key is None or key is MISSING:
        raise FunctionError("value is nil; should be of type string")
    if not isinstance(key, str) and not any(not isinstance(known, str) for known in item):
        raise FunctionError(f"value has type {type_name(key)}; should be string")
    return item.get(key, "" if isinstance(item, StrMap) else None)


def slice_(item: Any, *indexes: Any) -> Any:
    """Slice x 1 2: part of a list or string, as Go's x[1:2]."""
    if item is None or item is MISSING:
        raise FunctionError("slice of untyped nil")
    if len(indexes) > 3:
        raise FunctionError(f"too many slice indexes: {len(indexes)}")
    text = isinstance(item, str)
    if text and len(indexes) == 3:
        raise FunctionError("cannot 3-index slice a string")
    if not isinstance(item, (str, list, bytes)):
        raise FunctionError(f"can't slice item of type {type_name(item)}")
    body = to_bytes(item) if isinstance(item, str) else item
    bounds = [0, len(body), len(body)]
    for number, bound in enumerate(indexes):
        bounds[number] = _position(bound, len(body))
    if bounds[0] > bounds[1]:
        raise FunctionError(f"invalid slice index: {bounds[0]} > {bounds[1]}")
    if len(indexes) == 3 and bounds[1] > bounds[2]:
        raise FunctionError(f"invalid slice index: {bounds[1]} > {bounds[2]}")
    part = body[bounds[0] : bounds[1]]
    if isinstance(item, str) and isinstance(part, bytes):
        return from_bytes(part)
    return type(item)(part)


def length(item: Any) -> int:
    """Len x: bytes of a string, items of a list or map."""
    if item is MISSING:
        raise FunctionError("reflect: call of reflect.Value.Type on zero Value")
    if item is None:
        raise FunctionError("len of nil pointer")
    if isinstance(item, str):
        return byte_length(item)
    if isinstance(item, (list, tuple, bytes, Mapping)):
        return len(item)
    raise FunctionError(f"len of type {type_name(item)}")


def call(function: Any, *args: Any) -> Any:
    """Call .f 1 2: call a function that is a value."""
    if function is None or function is MISSING:
        raise FunctionError("call of nil")
    if kind_name(function) != "func":
        raise FunctionError(f"non-function of type {type_name(function)}")
    return as_function("call", function).call(*(None if arg is MISSING else arg for arg in args))


def _not(value: Any) -> bool:
    return not truth(value)


BUILTINS: Final[dict[str, GoFunc]] = {
    "and": GoFunc(truth, "value", "...value"),  # and, or: evaluated by the interpreter, since they stop early
    "or": GoFunc(truth, "value", "...value"),
    "not": GoFunc(_not, "value"),
    "call": GoFunc(call, "value", "...value"),
    "html": GoFunc(html_escape, "...any"),
    "index": GoFunc(index, "value", "...value"),
    "slice": GoFunc(slice_, "value", "...value"),
    "js": GoFunc(js_escape, "...any"),
    "len": GoFunc(length, "value"),
    "print": GoFunc(sprint, "...any"),
    "printf": GoFunc(sprintf, "string", "...any"),
    "println": GoFunc(sprintln, "...any"),
    "urlquery": GoFunc(url_query, "...any"),
    "eq": GoFunc(eq, "value", "...value"),
    "ge": GoFunc(ge, "value", "value"),
    "gt": GoFunc(gt, "value", "value"),
    "le": GoFunc(le, "value", "value"),
    "lt": GoFunc(lt, "value", "value"),
    "ne": GoFunc(ne, "value", "value"),
}
