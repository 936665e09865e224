"""The door of the API as ASGI, without a framework's request in between: what comes in is a `Call`, what goes out an envelope.

`Lane` lets the hottest paths through to their doors before any routing; every other path is the framework's.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any, Protocol
from urllib.parse import parse_qsl

import msgspec
from anyio import to_thread
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sonde.server.kernel.body import read_body
from sonde.server.kernel.db import Database
from sonde.server.kernel.grouped import Grouped
from sonde.server.kernel.http import Answer, Call, RefusedError, Reply, accepts_gzip, answer_for, success, zipped
from sonde.server.kernel.ids import new_trace_id
from sonde.server.kernel.log import log, retraced, traced
from sonde.server.kernel.strangers import Gate

PREFIX = "/api/v1/"
Handler = Callable[[Call], Reply]


class ApiDoor:
    """One endpoint, whose `handler` runs on a worker thread."""

    def __init__(self, cap: int, gate: Gate, handler: Handler) -> None:
        self._cap, self._gate, self._handler = cap, gate, handler

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        await _serve(scope, receive, send, self._cap, self._answer)

    async def _answer(self, call: Call) -> Answer:
        try:
            if self._gate.doubts(call):
                await self._gate.admit(call)
            return await to_thread.run_sync(_answered, self._handler, call)
        except Exception as error:  # noqa: BLE001 - the one place where whatever went wrong becomes an envelope
            return _failure(self._gate, call, error)


class Ask(msgspec.Struct, frozen=True):
    """What a hot request asks of the database, and the reply that its answer makes; `reply` may raise RefusedError."""

    write: Grouped[Any, Any]
    item: Any
    reply: Callable[[Any], Reply]


class MustWaitError(Exception):
    """What was asked needs a file, the network or the database first: again on a thread, which may wait."""


class HotHandler(Protocol):
    """Says what a request asks. On the event loop it may not wait, and raises MustWaitError where it would have to."""

    def __call__(self, call: Call, *, may_wait: bool) -> Ask: ...


class HotDoor:
    """One of the hottest endpoints: answered on the event loop, out of a grouped write."""

    def __init__(self, cap: int, gate: Gate, db: Database, handler: HotHandler) -> None:
        self._cap, self._gate, self._db, self._handler = cap, gate, db, handler

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request that came by the framework, or that must wait for something."""
        await _serve(scope, receive, send, self._cap, self._in_time)

    async def _in_time(self, call: Call) -> Answer:
        try:
            if self._gate.doubts(call):
                await self._gate.admit(call)
            try:
                ask = self._handler(call, may_wait=False)
            except MustWaitError:
                ask = await to_thread.run_sync(partial(self._handler, call, may_wait=True))
            return self._answer(ask, call, await self._db.grouped(ask.write, ask.item))
        except Exception as error:  # noqa: BLE001 - the one place where whatever went wrong becomes an envelope
            return _failure(self._gate, call, error)

    def quickly(self, call: Call, tell: Callable[[Answer], None]) -> None:
        """Answer one request without a task of its own; `tell` gets the answer, soon. Raises MustWaitError."""
        if self._gate.doubts(call):
            raise MustWaitError
        try:
            ask = self._handler(call, may_wait=False)
        except MustWaitError:
            raise
        except Exception as error:  # noqa: BLE001 - as above
            tell(_failure(self._gate, call, error))
            return
        future = self._db.grouped(ask.write, ask.item)
        future.add_done_callback(partial(self._told, ask, call, tell))

    def _told(self, ask: Ask, call: Call, tell: Callable[[Answer], None], future: "asyncio.Future[Any]") -> None:
        retraced(call.trace_id)
        try:
            answer = self._answer(ask, call, future.result())
        except Exception as error:  # noqa: BLE001 - as above
            answer = _failure(self._gate, call, error)
        tell(answer)

    @staticmethod
    def _answer(ask: Ask, call: Call, told: Any) -> Answer:
        return success(ask.reply(told), trace_id=call.trace_id, request=asked(call.method, call.path))


async def _serve(
    scope: Scope, receive: Receive, send: Send, cap: int, answered: Callable[[Call], Awaitable[Answer]]
) -> None:
    """Read one request, and send what it is answered; one that cannot be read gets an envelope too."""
    trace_id = new_trace_id()
    traced(trace_id)
    try:
        call = await _call(scope, receive, cap, trace_id)
    except Exception as error:  # noqa: BLE001 - as above
        answer = answer_for(error, trace_id=trace_id, request=asked(scope["method"], scope["path"]))
    else:
        answer = await answered(call)
    await deliver(answer, send)


def _failure(gate: Gate, call: Call, error: Exception) -> Answer:
    retraced(call.trace_id)
    gate.note(call, error)
    return answer_for(error, trace_id=call.trace_id, request=asked(call.method, call.path))


def asked(method: str, path: str) -> str:
    """How answers name a request: not by its URL, which trusts the Host header."""
    return f"{method} {path.removeprefix(PREFIX)}"


def _answered(handler: Handler, call: Call) -> Answer:
    """A handler's reply as bytes, on the worker's thread: the instances of a repository are megabytes."""
    answer = success(handler(call), trace_id=call.trace_id, request=asked(call.method, call.path))
    return zipped(answer) if accepts_gzip(call.headers.get("accept-encoding", "")) else answer


class Lane:
    """`doors` by method and exact path are asked before `app`."""

    def __init__(self, app: ASGIApp, doors: Mapping[tuple[str, str], "HotDoor"]) -> None:
        self.app, self.doors = app, doors

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request; a path that is not spelled exactly finds the same door by the routes."""
        door = self.doors.get((scope["method"], scope["path"])) if scope["type"] == "http" else None
        await (door or self.app)(scope, receive, _heard(send))


CLOSED = "the handler is closed"  # uvloop, of a connection that its client has ended; nobody was told yet


def _heard(send: Send) -> Send:
    """`send` for a client that may hang up before its answer: that is no error of ours."""

    async def told(message: Message) -> None:
        try:
            await send(message)
        except RuntimeError as error:
            if CLOSED not in str(error):
                raise
            log.info("request.unheard")

    return told


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
    peer, raw_path = (scope.get("client") or ("",))[0], scope.get("raw_path", b"").decode("latin-1")
    parameters = scope.get("path_params", {})
    return Call(scope["method"], path, body, headers, query, parameters, trace_id, peer, raw_path=raw_path)


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
