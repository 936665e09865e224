"""How much of a head and how slow a client the server bears before it ends a connection (reliability.md T10).

Below here there is no route and no framework yet; what is refused still answers an envelope.

A head has a time as a whole, however it trickles. A body has none, since a large upload over a slow line must be able to
finish, but a least progress: while it is not whole, each BODY_SECONDS must bring BODY_PROGRESS bytes of it. So a small
body has BODY_SECONDS as a whole, one of 4 MiB (what clients put into a request) at least ten minutes, and whoever wants
to keep a connection has to work for it. An unmodified client gives a whole request 30 s and so never comes near.
"""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from sonde.server.kernel.http import envelope
from sonde.server.kernel.ids import new_trace_id
from sonde.server.kernel.log import log
from sonde.wire.envelope import Envelope, ErrorTag

MAX_HEAD = 64 * 1024  # bytes of request line and headers, and of trailers
HEAD_SECONDS = 5.0  # in which a head must be whole
BODY_SECONDS = 20.0  # in which a body must be whole or have got on
BODY_PROGRESS = 128 * 1024  # bytes of it by which it must have got on: 6.4 KiB/s, what a modem of 2000 sent


class PatientProtocol(HttpToolsProtocol):
    """uvicorn's HTTP/1.1 with bounds. A request that comes in one piece, as nearly all do, costs no timer."""

    _stage = "head"
    _size = 0  # bytes of the head, then of the trailers
    _came = 0  # bytes of the body since the timer was set
    _answered = False  # before the body was whole
    _begun = False  # a request, by the bytes at hand
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client is there; it has HEAD_SECONDS to ask."""
        super().connection_made(transport)
        self._wait(HEAD_SECONDS)

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone, and no timer is left behind."""
        self._stop_waiting()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """The first byte of a request."""
        self._stage, self._size, self._begun = "head", 0, True
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header; those behind a body are read over, and counted."""
        if self._stage == "head":  # as uvicorn does, without another call for each of them
            name = name.lower()
            if name == b"expect" and value.lower() == b"100-continue":
                self.expect_100_continue = True
            self.headers.append((name, value))
        else:
            self._size += len(name) + len(value)

    def on_headers_complete(self) -> None:
        """The head is whole."""
        self._headed()
        super().on_headers_complete()

    def _headed(self) -> None:
        self._stop_waiting()
        self._stage, self._size = "body", 0

    def on_body(self, body: bytes) -> None:
        """More of a body."""
        self._came += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is whole."""
        self._stop_waiting()
        self._stage = "whole"
        super().on_message_complete()

    def data_received(self, data: bytes) -> None:
        """Some bytes of a request, or of several."""
        before, self._begun = self._stage, False
        super().data_received(data)
        if before == self._stage == "whole" and not self._begun and self.cycle.response_complete:
            self._stage = "head"  # empty lines: they begin no request, but uvicorn waits no more for one to begin
        if self.transport.is_closing() or self._stage == "whole":
            self._stop_waiting()
            return
        if self._stage == "head":
            self._size += len(data)
        if self._size > MAX_HEAD:
            self._refuse(431, f"The head of the request is over {MAX_HEAD // 1024} KiB.")
        elif self._timer is None:
            self._wait(BODY_SECONDS if self._stage == "body" else HEAD_SECONDS)

    def send_400_response(self, msg: str) -> None:
        """What is no HTTP."""
        del msg
        self._refuse(400, "The request is not valid HTTP/1.1.")

    def _wait(self, seconds: float) -> None:
        self._stop_waiting()
        self._came, self._answered = 0, False
        self._timer = self.loop.call_later(seconds, self._late)

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _late(self) -> None:
        self._timer = None
        if self._stage == "body":
            self._late_body()
        elif self._size == 0 and self.cycle is None:
            self.transport.close()  # nothing was asked: a browser that connected ahead
        else:
            self._refuse(408, "The rest of the request's head did not come in time. Send it again.")

    def _late_body(self) -> None:
        answered = self.cycle.response_complete
        if self._answered:
            self.transport.close()  # it had this long to read the answer, and sends on
        elif answered or self._came >= BODY_PROGRESS or self.flow.read_paused:  # paused: it is we who do not read
            self._wait(BODY_SECONDS)
            self._answered = answered
        else:
            self._refuse(408, "The rest of the request's body did not come in time. Send it again over a faster line.")

    def _refuse(self, status: int, message: str) -> None:
        self._stop_waiting()
        trace_id = new_trace_id()
        log.info("request.refused", status=status, because=message, trace_id=trace_id)
        if self.cycle is None or self.cycle.response_complete or not self.cycle.response_started:
            self.transport.write(_raw(status, message, trace_id))
        self.transport.close()


def _raw(status: int, message: str, trace_id: str) -> bytes:
    facts: dict[str, Any] = {"request": "", "error_tag": str(ErrorTag.BAD_REQUEST), "error_message": message}
    answer = envelope(Envelope(success=False, status=status, trace_id=trace_id, **facts))
    head = [STATUS_LINE[status], *(b"%s: %s\r\n" % header for header in answer.headers), b"connection: close\r\n\r\n"]
    return b"".join([*head, answer.body])
