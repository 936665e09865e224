"""How much of a head and how long a standstill the server bears before it ends a connection (reliability.md T10).

Below here there is no route and no framework yet; what is refused still answers an envelope.
"""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from sonde.server.kernel.http import envelope
from sonde.server.kernel.ids import new_trace_id
from sonde.server.kernel.log import log
from sonde.wire.envelope import Envelope, ErrorTag

MAX_HEAD = 64 * 1024  # bytes of request line and headers
HEAD_SECONDS = 5.0  # in which a head must be whole
BODY_SECONDS = 20.0  # in which more of a body must come


class PatientProtocol(HttpToolsProtocol):
    """uvicorn's HTTP/1.1 with bounds. A request that comes in one piece, as nearly all do, costs no timer."""

    _stage = "head"
    _size = 0
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
        self._stage, self._size = "head", 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """The head is whole."""
        self._stage = "body"
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The request is whole."""
        self._stage = "whole"
        super().on_message_complete()

    def data_received(self, data: bytes) -> None:
        """Some bytes of a request, or of several."""
        super().data_received(data)
        if self.transport.is_closing() or self._stage == "whole":
            self._stop_waiting()
        elif self._stage == "body":
            self._wait(BODY_SECONDS)
        else:
            self._size += len(data)
            if self._size > MAX_HEAD:
                self._refuse(431, f"The head of the request is over {MAX_HEAD // 1024} KiB.")
            elif self._timer is None:
                self._wait(HEAD_SECONDS)

    def send_400_response(self, msg: str) -> None:
        """What is no HTTP."""
        del msg
        self._refuse(400, "The request is not valid HTTP/1.1.")

    def _wait(self, seconds: float) -> None:
        self._stop_waiting()
        self._timer = self.loop.call_later(seconds, self._late)

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _late(self) -> None:
        self._timer = None
        if self._stage == "body" and self.flow.read_paused:  # it is we who do not read
            self._wait(BODY_SECONDS)
        elif self._stage == "head" and self._size == 0 and self.cycle is None:
            self.transport.close()  # nothing was asked: a browser that connected ahead
        else:
            self._refuse(408, f"The rest of the request's {self._stage} did not come. Send it again.")

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
