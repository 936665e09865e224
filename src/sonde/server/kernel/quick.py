"""The shortest way from a socket to a grouped write and back: the hottest requests, without a task and a framework for each.

uvicorn's protocol does all of HTTP; here only what becomes of a whole request differs. A request that is large, encoded,
pipelined or must wait for something goes uvicorn's way, through the same door.
"""

import asyncio
from collections.abc import Callable, Mapping

from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from sonde.server.kernel.door import HotDoor, MustWaitError
from sonde.server.kernel.http import Answer, Call
from sonde.server.kernel.ids import new_trace_id
from sonde.server.kernel.patience import PatientProtocol

OTHER_WAY = frozenset({b"content-encoding", b"transfer-encoding", b"expect", b"upgrade"})  # headers that uvicorn heeds


class _Exchange:
    """One request and its answer, with what uvicorn's protocol asks of such a thing."""

    def __init__(self, door: HotDoor, *, keep_alive: bool) -> None:
        self.door, self.keep_alive = door, keep_alive
        self.body = b""
        self.more_body = True
        self.response_started = self.response_complete = self.disconnected = False
        self.message_event = _NOBODY_WAITS


class _NobodyWaits(asyncio.Event):
    def set(self) -> None:
        """Nobody waits for a part of a request: it is looked at when it is whole."""


_NOBODY_WAITS = _NobodyWaits()


class QuickProtocol(PatientProtocol):
    """`doors` by method and path answer their requests quickly."""

    doors: Mapping[tuple[bytes, bytes], HotDoor] = {}

    def on_headers_complete(self) -> None:
        """The head is whole: whose request is it?"""
        door = self.doors.get((self.parser.get_method(), self.url))
        if door is None or not self._is_plain():
            super().on_headers_complete()
            return
        self._headed()
        self._before = self.cycle
        self.cycle = _Exchange(door, keep_alive=self.parser.should_keep_alive())  # type: ignore[assignment]

    def _is_plain(self) -> bool:
        if self.cycle is not None and not self.cycle.response_complete:
            return False
        length = -1
        for name, value in self.headers:
            if name == b"content-length":
                length = int(value)
            elif name in OTHER_WAY:
                return False
        return 0 <= length <= HIGH_WATER_LIMIT and self.parser.get_http_version() == "1.1"

    def on_body(self, body: bytes) -> None:
        """More of a body: nearly always all of it."""
        exchange = self.cycle
        if isinstance(exchange, _Exchange):
            self._came += len(body)
            exchange.body = exchange.body + body if exchange.body else body
        else:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is whole."""
        exchange = self.cycle
        super().on_message_complete()
        if not isinstance(exchange, _Exchange):
            return
        try:
            exchange.door.quickly(self._call(exchange), self._teller(exchange))
        except MustWaitError:
            self.cycle = self._before
            super().on_headers_complete()
            self.cycle.body += exchange.body
            super().on_message_complete()

    def _call(self, exchange: _Exchange) -> Call:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in self.headers}
        path = self.url.decode("latin-1")
        method = self.parser.get_method().decode("latin-1")
        peer = self.client[0] if self.client else ""
        return Call(method, path, exchange.body, headers, {}, {}, new_trace_id(), peer)

    def _teller(self, exchange: _Exchange) -> Callable[[Answer], None]:
        def tell(answer: Answer) -> None:
            exchange.response_started = exchange.response_complete = True
            if exchange.disconnected or self.transport.is_closing():  # its client hung up
                return
            headers = (*self.server_state.default_headers, *answer.headers)
            head = [b"%s: %s\r\n" % header for header in headers]
            last = b"\r\n" if exchange.keep_alive else b"connection: close\r\n\r\n"
            self.transport.write(b"".join([STATUS_LINE[answer.status], *head, last, answer.body]))
            if not exchange.keep_alive:
                self.transport.close()
            self.on_response_complete()

        return tell


def quick(doors: Mapping[tuple[str, str], HotDoor]) -> type[QuickProtocol]:
    """Uvicorn's HTTP/1.1 with these doors."""
    by_bytes = {(method.encode(), path.encode()): door for (method, path), door in doors.items()}
    return type("QuickProtocol", (QuickProtocol,), {"doors": by_bytes})
