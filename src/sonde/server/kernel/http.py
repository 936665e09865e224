"""The HTTP door of `/api/v1`: bytes under a cap, one envelope for every answer, refusals in one place.

No route declares a body model (FastAPI would parse it on the event loop): the door reads bytes, a handler decodes them on a
worker thread. A handler is a plain function; what it raises becomes an envelope in `answer_for`.
"""

import gzip
import json
import re
import sqlite3
import zlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from functools import cache
from typing import Any, TypeVar, get_args, get_type_hints

import msgspec
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.requests import ClientDisconnect, Request

from sonde.server.kernel.log import log
from sonde.wire.codec import WireError, WireObject, from_json, to_json
from sonde.wire.envelope import Envelope, ErrorTag

T = TypeVar("T", bound=WireObject)
GZIP = frozenset({"gzip", "x-gzip"})
SMALL = 64 * 1024  # bytes: what may be read twice
REFUSED = re.compile(r"q=0(\.0*)?")
WORTH_ZIPPING = 1400  # bytes: what fits one packet goes as it is


@dataclass(frozen=True)
class Call:
    """One request as a handler sees it: `body` is decompressed and under its cap, `parameters` come from the path."""

    method: str
    path: str
    body: bytes
    headers: Mapping[str, str]
    query: Mapping[str, str]
    parameters: Mapping[str, str]
    trace_id: str
    site_url: str = ""  # the address people and clients know this server by


@dataclass(frozen=True)
class Reply:
    """A handler's success: `data` for the envelope, extra headers, and the one field that an old answer has beside `data`."""

    data: Mapping[str, Any] = field(default_factory=dict)
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
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

    @classmethod
    def bad(cls, message: str) -> "RefusedError":
        """400."""
        return cls(400, ErrorTag.BAD_REQUEST, message)


LARGE = 256 * 1024  # bytes


def decode(cls: type[T], body: bytes) -> T:
    """A body as a wire object. Raises RefusedError 400 naming the field; nothing else, whatever the bytes are."""
    if b"\x00" in body or _escapes_nul(body):
        raise _bad("a string holds the character NUL, which no database stores")
    try:
        return _typed(cls, body)
    except msgspec.ValidationError as error:  # perhaps `null` for an absent value, as Go reads it
        if len(body) > SMALL and not _nests(cls):
            raise _bad(str(error)) from error
        return _tolerant(cls, body)
    except UNREADABLE as error:
        raise _bad(_reason(error)) from error


def _typed(cls: type[T], body: bytes) -> T:
    """Decode without building what nobody asked for: a million unknown fields are skipped in a blink."""
    if not cls.JSON:
        return (_piecewise(cls, body) if len(body) > LARGE else None) or msgspec.json.decode(body, type=cls)
    found = msgspec.json.decode(body, type=_renamed(cls))
    return cls(**{field.name: getattr(found, field.name) for field in fields(cls)})


def let_go(items: list[Any]) -> None:
    """Empty a long list bite by bite: freeing 100,000 objects at once would keep every thread waiting until the last is gone."""
    while items:
        del items[-500:]


def _piecewise(cls: type[T], body: bytes) -> T | None:
    """The same, with the items of its lists read one by one, so that the event loop gets its turn between them.

    One call for 4 MiB would keep every thread waiting for 30 ms. None where that cannot be, or where the whole must say what
    is wrong and where.
    """
    items = _lists(cls)
    try:
        found = msgspec.json.decode(body, type=_raw(cls)) if items else None
        if found is None:
            return None
        told = {field.name: getattr(found, field.name) for field in fields(cls)}
        for name, decoder in items.items():
            told[name] = tuple([decoder.decode(item) for item in told[name]])
        return cls(**told)
    except msgspec.DecodeError:
        return None


@cache
def _lists(cls: type[WireObject]) -> Mapping[str, msgspec.json.Decoder[Any]]:
    """Fields that are lists of wire objects, and what reads one of those."""
    hints = get_type_hints(cls)
    inner = {field.name: get_args(hints[field.name]) for field in fields(cls)}
    return {name: msgspec.json.Decoder(of[0]) for name, of in inner.items() if len(of) == 2 and is_dataclass(of[0])}


@cache
def _raw(cls: type[WireObject]) -> type[msgspec.Struct]:
    """A wire class whose lists are only cut into items."""
    hints = {**get_type_hints(cls), **dict.fromkeys(_lists(cls), list[msgspec.Raw])}
    specs = [
        (field.name, hints[field.name], *([] if field.default is MISSING else [field.default])) for field in fields(cls)
    ]
    return msgspec.defstruct(cls.__name__, specs)


@cache
def _renamed(cls: type[WireObject]) -> type[msgspec.Struct]:
    """A wire class as msgspec wants it where names differ from those in JSON."""
    hints = get_type_hints(cls)
    specs = [
        (field.name, hints[field.name], *([] if field.default is MISSING else [field.default])) for field in fields(cls)
    ]
    return msgspec.defstruct(cls.__name__, specs, rename=dict(cls.JSON))


@cache
def _nests(cls: type[WireObject]) -> bool:
    """Whether wire objects lie in it: an upload, which may be large and must be read tolerantly all the same."""
    inner = [choice for hint in get_type_hints(cls).values() for choice in (hint, *get_args(hint))]
    return any(is_dataclass(part) for choice in inner for part in (choice, *get_args(choice)))


def _escapes_nul(body: bytes) -> bool:
    """Whether an escaped NUL is a character: behind an odd number of backslashes it is text.

    No regular expression: it would take a second for a large body, and no other thread runs meanwhile.
    """
    return rb"\u0000" in body and rb"\u0000" in body.replace(rb"\\", b"__")


def _tolerant(cls: type[T], body: bytes) -> T:
    try:
        return from_json(cls, msgspec.json.decode(body))
    except UNREADABLE as error:
        raise _bad(_reason(error)) from error


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
    size = 0
    try:
        async for chunk in _inflated(request.stream(), inflate, cap):
            size += len(chunk)
            if size > cap:
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


async def _inflated(stream: AsyncIterator[bytes], inflate: Any, cap: int) -> AsyncIterator[bytes]:
    async for chunk in stream:
        yield inflate.decompress(chunk, cap + 1) if inflate else chunk


@dataclass(frozen=True)
class Answer:
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
    refusal = error if isinstance(error, RefusedError) else _unexpected(error)
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


def _unexpected(error: BaseException) -> RefusedError:
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
