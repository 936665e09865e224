"""gomplate: the namespaces `conv` and `test` and their aliases."""

import re
from collections.abc import Mapping
from typing import Any

from sonde.gotemplate.errors import FunctionError
from sonde.gotemplate.functions import gourl
from sonde.gotemplate.functions.casts import conv_bool, conv_float, conv_int, conv_string
from sonde.gotemplate.functions.equality import contains
from sonde.gotemplate.functions.host import Host
from sonde.gotemplate.strconv import parse_float
from sonde.gotemplate.values import (
    INT_MAX,
    INT_MIN,
    BoolList,
    FloatList,
    GoFunc,
    Int64,
    Int64List,
    IntList,
    Namespace,
    StrList,
    Uint8,
    Uint64,
    kind_name,
    truth,
    type_name,
)

_TRUE, _NUMBER = ("1", "t", "T", "TRUE", "true", "True"), re.compile(r"[+-]?[0-9a-zA-Z]+")


def interface_slice(value: Any) -> list[Any]:
    """Gomplate's InterfaceSlice: the very list if it is plain, a new one of any other slice."""
    if isinstance(value, bytes):
        return [Uint8(byte) for byte in value]
    if not isinstance(value, (list, tuple)):
        raise FunctionError("expected an array or slice, but got a reflect.Value")
    return value if type(value) is list else list(value)


def join(value: Any, mark: str) -> str:
    if not isinstance(value, (list, tuple, bytes)):
        raise FunctionError("input to Join must be an array: expected an array or slice, but got a reflect.Value")
    return mark.join(map(conv_string, interface_slice(value)))


def has(value: Any, key: str) -> bool:
    if isinstance(value, Mapping):
        return key in value
    return isinstance(value, (list, tuple)) and contains(value, key)


def make_dict(*items: Any) -> dict[str, Any]:
    padded = [*items, ""] if len(items) % 2 else list(items)
    return {conv_string(key): value for key, value in zip(padded[::2], padded[1::2], strict=True)}


def parse_int(value: Any, base: int, bits: int) -> Int64:
    """strconv.ParseInt whose error is ignored: malformed is 0, too large is the largest."""
    text = conv_string(value)
    number = _parsed(text, base)
    limit = 2 ** ((bits or 64) - 1)
    return Int64(max(-limit, min(limit - 1, number)))


def _parsed(text: str, base: int) -> int:
    plain = text if base == 0 or "_" not in text else ""
    if not _NUMBER.fullmatch(plain.replace("_", "")):
        return 0
    if base == 0 and re.fullmatch(r"[+-]?0[0-7]+", plain):
        base = 8
    if base != 0 and re.match(r"[+-]?0[xXoObB]", plain) and base in (2, 8, 16):
        return 0
    try:
        return int(plain, base)
    except ValueError:
        return 0


def parse_uint(value: Any, base: int, bits: int) -> Uint64:
    text = conv_string(value)
    if text[:1] in ("+", "-"):
        return Uint64(0)
    return Uint64(min(2 ** (bits or 64) - 1, _parsed(text, base)))


def _atoi(value: Any) -> int:
    text = conv_string(value)
    return max(INT_MIN, min(INT_MAX, int(text))) if re.fullmatch(r"[+-]?[0-9]+", text, re.ASCII) else 0


def default(fallback: Any, value: Any) -> Any:
    return value if truth(value) else fallback


def to_bool_text(value: Any) -> bool:
    return conv_string(value) in _TRUE


def _conv() -> dict[str, GoFunc]:
    return {
        "Bool": GoFunc(to_bool_text, "any"),
        "ToBool": GoFunc(conv_bool, "any"),
        "ToBools": GoFunc(lambda *values: BoolList(map(conv_bool, values)), "...any"),
        "Slice": GoFunc(lambda *values: list(values), "...any"),
        "Join": GoFunc(join, "any", "string"),
        "Has": GoFunc(has, "any", "string"),
        "ParseInt": GoFunc(parse_int, "any", "int", "int"),
        "ParseFloat": GoFunc(lambda value, _: parse_float(conv_string(value)) or 0.0, "any", "int"),
        "ParseUint": GoFunc(parse_uint, "any", "int", "int"),
        "Atoi": GoFunc(_atoi, "any"),
        "URL": GoFunc(lambda value: gourl.parse(conv_string(value)), "any"),
        "ToInt64": GoFunc(lambda value: Int64(conv_int(value)), "any"),
        "ToInt": GoFunc(conv_int, "any"),
        "ToInt64s": GoFunc(lambda *values: Int64List(map(Int64, map(conv_int, values))), "...any"),
        "ToInts": GoFunc(lambda *values: IntList(map(conv_int, values)), "...any"),
        "ToFloat64": GoFunc(conv_float, "any"),
        "ToFloat64s": GoFunc(lambda *values: FloatList(map(conv_float, values)), "...any"),
        "ToString": GoFunc(conv_string, "any"),
        "ToStrings": GoFunc(lambda *values: StrList(map(conv_string, values)), "...any"),
        "Default": GoFunc(default, "any", "any"),
        "Dict": GoFunc(make_dict, "...any"),
    }


def _assert(*args: Any) -> str:
    if not args:
        raise FunctionError("runtime error: index out of range [-1]")
    holds = conv_bool(args[-1])
    if len(args) > 2:
        raise FunctionError(f"wrong number of args: want 1 or 2, got {len(args)}")
    message = _message(args)
    if not holds:
        raise FunctionError(f"assertion failed: {message}" if message else "assertion failed")
    return ""


def _message(args: tuple[Any, ...]) -> str:
    if len(args) < 2:
        return ""
    if not isinstance(args[0], str):
        raise FunctionError(f"at <1>: expected string; found {type_name(args[0])}")
    return args[0]


def _fail(*args: Any) -> str:
    if len(args) > 1:
        raise FunctionError(f"wrong number of args: want 0 or 1, got {len(args)}")
    message = conv_string(args[0]) if args else ""
    raise FunctionError(f"template generation failed: {message}" if message else "template generation failed")


def _required(*args: Any) -> Any:
    if len(args) not in (1, 2):
        raise FunctionError(f"wrong number of args: want 1 or 2, got {len(args)}")
    message = _message(args)
    if args[-1] is None or (isinstance(args[-1], str) and not args[-1]):
        raise FunctionError(message or "can not render template: a required value was not set")
    return args[-1]


def _is_kind(wanted: str, value: Any) -> bool:
    kind = kind_name(value)
    if wanted == "number":
        return kind.startswith(("int", "uint", "float", "complex")) and kind != "interface"
    return kind == wanted


def _test() -> dict[str, GoFunc]:
    return {
        "Assert": GoFunc(_assert, "...any"),
        "Fail": GoFunc(_fail, "...any"),
        "Required": GoFunc(_required, "...any"),
        "Ternary": GoFunc(lambda one, two, choice: one if conv_bool(choice) else two, "any", "any", "any"),
        "Kind": GoFunc(kind_name, "any"),
        "IsKind": GoFunc(_is_kind, "string", "any"),
    }


def table(host: Host) -> Mapping[str, Any]:  # noqa: ARG001  one signature for all libraries
    """The functions of this library by name."""
    conv, test = _conv(), _test()
    return {f"{name[0].lower()}{name[1:]}": function for name, function in test.items()} | {
        "conv": Namespace("conv", conv),
        "test": Namespace("test", test),
        "urlParse": conv["URL"],
        "bool": conv["Bool"],
        "join": conv["Join"],
        "default": conv["Default"],
    }
