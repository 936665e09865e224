"""A request body as a wire object: read with the types of `wire`, in pieces, so that no body keeps other requests waiting.

Why in pieces: docs/adr/0010-large-bodies-are-cut-before-they-are-built.md.
"""

from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from typing import Any, TypeVar, cast, get_args, get_origin

import msgspec

from sonde.server.kernel.http import bad_body
from sonde.wire.codec import WireError, WireObject, from_json, hints_of, read_value
from sonde.wire.executions import RESULT
from sonde.wire.limits import MAX_MAP, MIB

T = TypeVar("T", bound=WireObject)
PIECE = 64 * 1024  # bytes of JSON that are built in one go, and may be read twice: a millisecond at most
DEPTH = 8  # down to here what is larger is cut into pieces
CROWD = 100_000  # values, counted as commas; each piece of a list is an object to make, however small it is
LEAN = 12  # bytes that each has in a crowd. What clients send has 18 and more
MANY = 20_000  # values in an object, likewise; a part of an object costs more than one of a list


def decode(cls: type[T], body: bytes) -> T:
    """A body as a wire object. Raises RefusedError 400 naming the field; nothing else, whatever the bytes are.

    One call that builds all of a large body would keep every thread waiting, the event loop too: 350 ms for a map of a
    million keys (reliability.md T10). So what is larger than a PIECE is cut first, which skips 1 MiB in a millisecond, and
    its parts are built one by one. What nobody asked for is never built.
    """
    if b"\x00" in body or _escapes_nul(body):
        raise bad_body("a string holds the character NUL, which no database stores")
    if len(body) > CROWD and len(body) // LEAN < (values := _values(body)) > CROWD:
        raise bad_body(f"{values:,} values in {len(body):,} bytes are no upload; send less at once")
    try:
        return _object(cls, body, "body", 0)
    except UNREADABLE as error:
        raise bad_body(_reason(error)) from error


def let_go(items: list[Any]) -> None:
    """Empty a long list bite by bite: freeing 100,000 objects at once would keep every thread waiting until the last is gone."""
    while items:
        del items[-500:]


def _object(cls: type[T], raw: bytes | msgspec.Raw, where: str, depth: int) -> T:
    if len(raw) <= PIECE or depth > DEPTH:
        try:
            return _whole(cls, raw)
        except msgspec.ValidationError:  # perhaps `null` for an absent value, as Go reads it
            return _tolerant(cls, raw, where)
    found = _cut(cls).decode(raw)
    hints, told = hints_of(cls), {}
    for one in fields(cls):
        part, path = getattr(found, one.name), f"{where}.{cls.JSON.get(one.name, one.name)}"
        if len(part) and bytes(part) != b"null":
            told[one.name] = _field(hints[one.name], part, path, depth + 1)
        elif one.default is MISSING and one.default_factory is MISSING:
            raise WireError(f"{where}: {cls.JSON.get(one.name, one.name)} is missing")
    return cls(**told)


def _whole(cls: type[T], raw: bytes | msgspec.Raw) -> T:
    found = _decoder(cls).decode(raw)
    return cls(**{one.name: getattr(found, one.name) for one in fields(cls)}) if cls.JSON else found


def _tolerant(cls: type[T], raw: bytes | msgspec.Raw, where: str) -> T:
    return from_json(cls, msgspec.json.decode(raw), where)


def _field(hint: Any, raw: msgspec.Raw, where: str, depth: int) -> Any:
    for choice in (hint, *get_args(hint)):
        of = get_args(choice)
        if is_dataclass(choice):
            return _object(cast("type[WireObject]", choice), raw, where, depth)
        if get_origin(choice) is tuple and is_dataclass(of[0]):
            inner = cast("type[WireObject]", of[0])
            return _items(inner, raw, where, depth)
        if get_origin(choice) is Mapping and len(raw) > MAX_MAP:
            raise WireError(f"{where} has more than {MAX_MAP // 1024} KiB")
    return _value(raw, where, depth) if hint is Any else read_value(hint, msgspec.json.decode(raw), where)


def _items(cls: type[T], raw: msgspec.Raw, where: str, depth: int) -> tuple[T, ...]:
    """A list of wire objects, one by one; 100,000 of them want the short way, which says nothing of where they stand."""
    quick, found = _decoder(cls).decode, []
    for at, item in enumerate(_LIST.decode(raw)):
        try:
            found.append(
                quick(item) if len(item) <= PIECE and not cls.JSON else _object(cls, item, f"{where}[{at}]", depth)
            )
        except msgspec.ValidationError:
            found.append(_object(cls, item, f"{where}[{at}]", depth))
    return tuple(found)


def _value(raw: msgspec.Raw, where: str, depth: int) -> Any:
    """Anything: the result of an execution. Of a large one the parts are built one by one."""
    first = bytes(memoryview(raw)[:1])
    if len(raw) > PIECE and depth <= DEPTH and first == b"[":
        return [_value(item, f"{where}[{at}]", depth + 1) for at, item in enumerate(_LIST.decode(raw))]
    if len(raw) > PIECE and depth <= DEPTH and first == b"{":
        return {name: _value(item, f"{where}.{name}", depth + 1) for name, item in _parts(raw, where).items()}
    return msgspec.json.decode(raw)


def _parts(raw: msgspec.Raw, where: str) -> Mapping[str, msgspec.Raw]:
    """The parts of a large object; of one with very many values those that an execution's result is known to have."""
    if _values(raw) <= MANY:
        return _MAP.decode(raw)
    found = _RESULT.decode(raw)
    if known := {name: part for name in RESULT if len(part := getattr(found, name))}:
        return known
    raise WireError(f"{where} has more than {MANY:,} values")


def _values(raw: bytes | msgspec.Raw) -> int:
    """How many values there are at most. Others have their turn between the pieces."""
    whole = memoryview(raw)
    return sum(bytes(whole[at : at + MIB]).count(b",") for at in range(0, len(whole), MIB))


_LIST = msgspec.json.Decoder(list[msgspec.Raw])
_MAP = msgspec.json.Decoder(dict[str, msgspec.Raw])
_RESULT = msgspec.json.Decoder(msgspec.defstruct("Result", [(name, msgspec.Raw, msgspec.Raw(b"")) for name in RESULT]))


@cache
def _decoder(cls: type[WireObject]) -> msgspec.json.Decoder[Any]:
    """What builds a wire object in one go; one whose names differ from those in JSON as a struct that knows them."""
    if not cls.JSON:
        return msgspec.json.Decoder(cls)
    hints = hints_of(cls)
    specs = [(one.name, hints[one.name], *([] if one.default is MISSING else [one.default])) for one in fields(cls)]
    return msgspec.json.Decoder(msgspec.defstruct(cls.__name__, specs, rename=dict(cls.JSON)))


@cache
def _cut(cls: type[WireObject]) -> msgspec.json.Decoder[Any]:
    """What cuts a wire object into its fields, each as it stands in the body; one that is not there is empty."""
    specs = [(one.name, msgspec.Raw, msgspec.Raw(b"")) for one in fields(cls)]
    return msgspec.json.Decoder(msgspec.defstruct(cls.__name__, specs, rename=dict(cls.JSON)))


def _escapes_nul(body: bytes) -> bool:
    """Whether an escaped NUL is a character: behind an odd number of backslashes it is text.

    No regular expression: it would take a second for a large body, and no other thread runs meanwhile.
    """
    return rb"\u0000" in body and rb"\u0000" in body.replace(rb"\\", b"__")


UNREADABLE = (msgspec.DecodeError, WireError, RecursionError, ValueError)  # ValueError: bytes that are no UTF-8


def _reason(error: BaseException) -> str:
    return "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
