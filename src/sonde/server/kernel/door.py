"""The door of the API as ASGI, without a framework's request in between: what comes in is a `Call`, what goes out an envelope.

`Lane` lets the hottest paths through to their doors before any routing; every other path is the framework's.
"""

from collections.abc import Awaitable, Callable, Mapping
from urllib.parse import parse_qsl

from anyio import to_thread
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sonde.server.kernel.http import (
    Answer,
    Call,
    RefusedError,
    Reply,
    accepts_gzip,
    answer_for,
    read_body,
    success,
    zipped,
)
from sonde.server.kernel.ids import new_trace_id
from sonde.server.kernel.log import traced

PREFIX = "/api/v1/"
Handler = Callable[[Call], Reply]
HotHandler = Callable[[Call], Awaitable[Reply]]


class ApiDoor:
    """One endpoint. `handler` runs on a worker thread, `hot` in its stead on the event loop, which it must not hold up."""

    def __init__(self, cap: int, *, handler: Handler | None = None, hot: HotHandler | None = None) -> None:
        self._cap, self._handler, self._hot = cap, handler, hot

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; whatever goes wrong becomes an envelope here."""
        trace_id = new_trace_id()
        asked = f"{scope['method']} {scope['path'].removeprefix(PREFIX)}"  # its URL trusts the Host header
        traced(trace_id)
        try:
            call = await _call(scope, receive, self._cap, trace_id)
            answer = await self._answer(call, asked)
        except Exception as error:  # noqa: BLE001 - the one place where whatever went wrong becomes an envelope
            answer = answer_for(error, trace_id=trace_id, request=asked)
        await deliver(answer, send)

    async def _answer(self, call: Call, asked: str) -> Answer:
        if self._hot:
            return success(await self._hot(call), trace_id=call.trace_id, request=asked)
        assert self._handler is not None  # noqa: S101 - one of the two is given
        return await to_thread.run_sync(_answered, self._handler, call, asked)


def _answered(handler: Handler, call: Call, asked: str) -> Answer:
    """A handler's reply as bytes, on the worker's thread: the instances of a repository are megabytes."""
    answer = success(handler(call), trace_id=call.trace_id, request=asked)
    return zipped(answer) if accepts_gzip(call.headers.get("accept-encoding", "")) else answer


class Lane:
    """`doors` by method and exact path are asked before `app`."""

    def __init__(self, app: ASGIApp, doors: Mapping[tuple[str, str], ASGIApp]) -> None:
        self.app, self._doors = app, doors

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request; a path that is not spelled exactly finds the same door by the routes."""
        door = self._doors.get((scope["method"], scope["path"])) if scope["type"] == "http" else None
        await (door or self.app)(scope, receive, send)


async def deliver(answer: Answer, send: Send) -> None:
    """An answer as ASGI messages."""
    await send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
    await send({"type": "http.response.body", "body": answer.body})


async def _call(scope: Scope, receive: Receive, cap: int, trace_id: str) -> Call:
    path, query = scope["path"], _query(scope)
    if "\x00" in path or any("\x00" in part for part in (*query, *query.values())):
        raise RefusedError.bad("The address holds the character NUL (%00), which no database stores.")
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    body = await _body(scope, receive, headers, cap)
    return Call(scope["method"], path, body, headers, query, scope.get("path_params", {}), trace_id)


def _query(scope: Scope) -> Mapping[str, str]:
    text = scope["query_string"]
    return dict(parse_qsl(text.decode("latin-1"), keep_blank_values=True)) if text else {}


async def _body(scope: Scope, receive: Receive, headers: Mapping[str, str], cap: int) -> bytes:
    if "content-encoding" in headers:
        return await read_body(Request(scope, receive), cap)
    first = await receive()
    if first["type"] == "http.request" and not first.get("more_body") and len(first.get("body", b"")) <= cap:
        return bytes(first.get("body", b""))  # nearly every body comes whole
    return await read_body(Request(scope, _after(first, receive)), cap)


def _after(first: Message, receive: Receive) -> Receive:
    waiting = [first]

    async def again() -> Message:
        return waiting.pop() if waiting else await receive()

    return again
