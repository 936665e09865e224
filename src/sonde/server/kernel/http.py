"""Requests and answers of `/api/v1`: one envelope for every answer, refusals in one place.

A handler is a plain function from a `Call` to a `Reply`; what it raises becomes an envelope in `answer_for`. No route
declares a body model (FastAPI would parse it on the event loop): `body` reads the bytes, a handler gives them to `decode`
on a worker thread.
"""

import gzip
import json
import re
from collections.abc import Mapping
from typing import Any

import msgspec
from starlette.requests import ClientDisconnect

from sonde.server.kernel.log import log, refused
from sonde.server.kernel.outage import unavailable
from sonde.wire.codec import to_json
from sonde.wire.envelope import Envelope, ErrorTag

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
    peer: str = ""  # the address at the other end of the connection: a client's or its proxy's
    site_url: str = ""  # the address people and clients know this server by
    raw_path: str = ""  # as it came, parts still percent-encoded; empty where nothing needs it


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


def bad_body(reason: str) -> RefusedError:
    """400 for a request body that cannot be read."""
    return RefusedError.bad(f"The request body is not valid: {reason}")


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
    crash = str((refusal.context or {}).get("crash", ""))
    refused(refusal.status, refusal.tag, refusal.message, trace_id=trace_id, request=request, crash=crash)
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


def refusal_of(error: BaseException) -> RefusedError:
    """What the client hears of anything that went wrong; what was not foreseen is logged."""
    if isinstance(error, RefusedError):
        return error
    if isinstance(error, ClientDisconnect):
        log.info("request.broken_off")
        return bad_body("the connection ended before it was complete")
    if unavailable(error):
        log.error("database.unavailable", reason=str(error.__cause__ or error))
        return RefusedError(
            503, ErrorTag.UNAVAILABLE, "The server cannot write to its database now; nothing was stored. Try again."
        )
    log.error("request.crashed", exc_info=error)
    return RefusedError(500, ErrorTag.INTERNAL, "The server met an error of its own. Give its operator the trace id.")
