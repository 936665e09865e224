"""The HTTP door of `/api/v1`: bytes under a cap, one envelope for every answer, refusals in one place.

No route declares a body model (FastAPI would parse it on the event loop): the door reads bytes, a handler decodes them on a
worker thread. A handler is a plain function; what it raises becomes an envelope in `answer_for`.
"""

import asyncio
import gzip
import json
import re
import sqlite3
import zlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from typing import Any, TypeVar, cast, get_args, get_origin

import msgspec
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.requests import ClientDisconnect, Request

from sonde.server.kernel.log import log
from sonde.wire.codec import WireError, WireObject, from_json, hints_of, read_value, to_json
from sonde.wire.envelope import Envelope, ErrorTag
from sonde.wire.executions import RESULT
from sonde.wire.limits import MAX_MAP, MIB

T = TypeVar("T", bound=WireObject)
GZIP = frozenset({"gzip", "x-gzip"})
REFUSED = re.compile(r"q=0(\.0*)?")
WORTH_ZIPPING = 1400  # bytes: what fits one packet goes as it is


class Call(msgspec.Struct, frozen=True):
    """One request as a handler sees it: `body` is decompressed and under its cap, `parameters` come from the path."""

    method: str
    path: str
    body: bytes
    headers: Mapping[str, str]
    query: Mapping[str, str]
    parameters: Mapping[str, str]
    trace_id: str
    site_url: str = ""  # the address people and clients know this server by


class Reply(msgspec.Struct, frozen=True):
    """A handler's success: `data` for the envelope, extra headers, and the one field that an old answer has beside `data`."""

    data: Mapping[str, Any] = {}
    status: int = 200
    headers: Mapping[str, str] = {}
    url: str | None = None


class RefusedError(Exception):
    """A request that is refused at the door. `message` says what and the next step; it is all that most clients print."""

    def __init__(
        self,
        status: int,
        tag: ErrorTag,
        message: str,
        *,
        context: Mapping[str, Any] | None = None,
        data: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.tag, self.message, self.context, self.data = status, tag, message, context, data

    def __reduce__(self) -> tuple[Any, ...]:
        return _refused, (self.status, self.tag, self.message, self.context, self.data)

    @classmethod
    def bad(cls, message: str) -> "RefusedError":
        """400."""
        return cls(400, ErrorTag.BAD_REQUEST, message)


def _refused(status: int, tag: ErrorTag, message: str, context: Any, data: Any) -> RefusedError:
    """A refusal that was said in another process."""
    return RefusedError(status, tag, message, context=context, data=data)


PIECE = 64 * 1024  # bytes of JSON that are built in one go, and may be read twice: a millisecond at most
DEPTH = 8  # down to here what is larger is cut into pieces
CROWD = 100_000  # values, counted as commas; each piece of a list is an object to make, however small it is
LEAN = 12  # bytes that each has in a crowd. What clients send has 18 and more
PASSED_OVER = 64 * MIB  # bytes that are read of a body that is refused, so that its sender hears it
MANY = 20_000  # values in an object, likewise; a part of an object costs more than one of a list


def decode(cls: type[T], body: bytes) -> T:
    """A body as a wire object. Raises RefusedError 400 naming the field; nothing else, whatever the bytes are.

    One call that builds all of a large body would keep every thread waiting, the event loop too: 350 ms for a map of a
    million keys (reliability.md T10). So what is larger than a PIECE is cut first, which skips 1 MiB in a millisecond, and
    its parts are built one by one. What nobody asked for is never built.
    """
    if b"\x00" in body or _escapes_nul(body):
        raise _bad("a string holds the character NUL, which no database stores")
    if len(body) > CROWD and len(body) // LEAN < (values := _values(body)) > CROWD:
        raise _bad(f"{values:,} values in {len(body):,} bytes are no upload; send less at once")
    try:
        return _object(cls, body, "body", 0)
    except UNREADABLE as error:
        raise _bad(_reason(error)) from error


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


def _bad(reason: str) -> RefusedError:
    return RefusedError.bad(f"The request body is not valid: {reason}")


async def read_body(request: Request, cap: int) -> bytes:
    """The body, decompressed.

    Raises RefusedError 413 past `cap` bytes (decompressed size counts), 400 for gzip that is broken, cut off or has more
    behind it, 415 for another encoding.
    """
    encoding = request.headers.get("content-encoding", "").strip().lower()
    if encoding and encoding != "identity" and encoding not in GZIP:
        raise RefusedError(
            415,
            ErrorTag.BAD_REQUEST,
            f"The request body is encoded as {encoding[:40]!r}. Send it as it is, or with gzip.",
        )
    inflate = zlib.decompressobj(31) if encoding in GZIP else None
    parts: list[bytes] = []
    size, stream = 0, request.stream()
    try:
        async for chunk in _inflated(stream, inflate):
            size += len(chunk)
            if size > cap:
                parts.clear()
                await _pass_over(stream)
                raise RefusedError(
                    413,
                    ErrorTag.PAYLOAD_TOO_LARGE,
                    f"The request body is over {cap // 1024 // 1024} MiB. Send it in smaller parts.",
                )
            parts.append(chunk)
    except zlib.error as error:
        raise _bad(f"the gzip encoding is broken ({error})") from error
    if inflate and (not inflate.eof or inflate.unused_data):
        raise _bad("the gzip encoding is cut off, or something stands behind its end")
    return b"".join(parts)


async def _pass_over(stream: AsyncIterator[bytes]) -> None:
    """Read what is left of a body and forget it: who hangs up on one that still sends is never heard (RFC 9112 §9.6)."""
    size = 0
    async for chunk in stream:
        size += len(chunk)
        if size > PASSED_OVER:
            return


async def _inflated(stream: AsyncIterator[bytes], inflate: Any) -> AsyncIterator[bytes]:
    """The chunks as they were before compression. One of 64 KiB may be 64 MiB, so others have their turn between its pieces."""
    async for chunk in stream:
        if inflate is None:
            yield chunk
            continue
        given, piece = chunk, b""
        while given or len(piece) == PIECE:
            piece = inflate.decompress(given, PIECE)
            given = inflate.unconsumed_tail
            yield piece
            await asyncio.sleep(0)


class Answer(msgspec.Struct, frozen=True):
    """An HTTP response, ready to be sent."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes


def zipped(answer: Answer) -> Answer:
    """A large answer compressed, for a client that takes gzip. What must not be stored is left: its size would tell of it."""
    names = {name: value for name, value in answer.headers if name != b"content-length"}
    if len(answer.body) < WORTH_ZIPPING or b"cache-control" in names:
        return answer
    body = gzip.compress(answer.body, 5, mtime=0)
    told = [*names.items(), (b"content-encoding", b"gzip"), (b"vary", b"Accept-Encoding")]
    return Answer(answer.status, [(b"content-length", b"%d" % len(body)), *told], body)


def accepts_gzip(header: str) -> bool:
    """Whether an `Accept-Encoding` names gzip and does not refuse it (RFC 9110 §12.5.3)."""
    if "gzip" not in header.lower():
        return False
    offers = [[word.strip().lower() for word in offer.split(";")] for offer in header.split(",")]
    return any(name in GZIP and not REFUSED.fullmatch("".join(rest)) for name, *rest in offers)


def envelope(body: Envelope, headers: Mapping[str, str] | None = None) -> Answer:
    """An envelope as a response; the HTTP status is the envelope's."""
    return _answer(body.status, to_json(body), headers or {}, body.trace_id or "")


def _answer(status: int, body: Any, headers: Mapping[str, str], trace_id: str) -> Answer:
    content = _encoded(body)
    told = [(b"content-length", b"%d" % len(content)), (b"content-type", b"application/json")]
    for name, value in headers.items():
        told.append((name.lower().encode("latin-1"), value.encode("latin-1")))
    return Answer(status, [*told, (b"x-trace-id", trace_id.encode())], content)


def _encoded(value: Any) -> bytes:
    try:
        return msgspec.json.encode(value)
    except ValueError:  # a text with half a surrogate pair, which only escapes can carry
        return json.dumps(value).encode()


def success(reply: Reply, *, trace_id: str, request: str) -> Answer:
    """The envelope of a handler's reply."""
    body = {"success": True, "status": reply.status, "data": reply.data, "request": request, "traceId": trace_id}
    if reply.url is not None:
        body["url"] = reply.url
    return _answer(reply.status, body, reply.headers, trace_id)


def answer_for(error: BaseException, *, trace_id: str, request: str) -> Answer:
    """The envelope of anything that went wrong: a refusal, a database that cannot be written, a bug."""
    refusal = refusal_of(error)
    body = Envelope(
        success=False,
        status=refusal.status,
        data=refusal.data,
        request=request,
        error_tag=str(refusal.tag),
        error_message=refusal.message,
        trace_id=trace_id,
        context=refusal.context,
    )
    headers = {"Retry-After": "5"} if refusal.status == 503 else {}
    return envelope(body, headers)


PROGRAM_LIMIT = "54"  # PostgreSQL's class of errors of things that are too large
READ_ONLY = "25006"  # a standby, or an old primary after a failover


def unavailable(error: BaseException) -> bool:
    """Whether the database cannot be reached or written now: disk full, read-only, connection lost, all in use.

    SQLite calls a statement that it does not understand, such as one about a column that is not there, operational too;
    PostgreSQL one with a value that no index can hold. Another try would end the same way.
    """
    if isinstance(error, PoolTimeoutError):
        return True
    if not isinstance(error, DBAPIError):
        return False
    state = getattr(error.orig, "sqlstate", None) or ""
    if getattr(error.orig, "sqlite_errorcode", None) == sqlite3.SQLITE_ERROR or state.startswith(PROGRAM_LIMIT):
        return False
    return isinstance(error, OperationalError) or error.connection_invalidated or state == READ_ONLY


def refusal_of(error: BaseException) -> RefusedError:
    """What the client hears of anything that went wrong; what was not foreseen is logged."""
    if isinstance(error, RefusedError):
        return error
    if isinstance(error, ClientDisconnect):
        log.info("request.broken_off")
        return _bad("the connection ended before it was complete")
    if unavailable(error):
        log.error("database.unavailable", reason=str(error.__cause__ or error))
        return RefusedError(
            503, ErrorTag.UNAVAILABLE, "The server cannot write to its database now; nothing was stored. Try again."
        )
    log.error("request.crashed", exc_info=error)
    return RefusedError(500, ErrorTag.INTERNAL, "The server met an error of its own. Give its operator the trace id.")
