"""Grouped writes in a process of their own, so that accepting requests and committing them do not share one interpreter.

Two threads of one process would: one interpreter runs one thread at a time (ADR 2). The two ends of a socket pair speak in
frames, a length and a pickle; nobody else can write there. The server's end is a part of its event loop, the writer's end one
thread that reads, commits and answers. Whatever came while it was committing shares the next commit.
"""

import asyncio
import pickle
import select
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from sonde.server.kernel.grouped import BATCH, Begin, Grouped, answers
from sonde.server.kernel.http import RefusedError, refusal_of
from sonde.server.kernel.ids import new_trace_id
from sonde.server.kernel.log import log, retraced
from sonde.wire.envelope import ErrorTag

A = TypeVar("A")
R = TypeVar("R")
HEAD = 8  # bytes of a frame's length
CHUNK = 1 << 20  # bytes read at a time
ROOM = 4 << 20  # bytes that a writer may be behind before the loop has to wait for it; the system may give less
SOME = 16  # that are worth a frame while the loop is still reading others
PRESSED = 16  # waiting for one writer, so that another is worth its memory
AGAIN = 10.0  # seconds in which a new writer may do what the last one was asked: then its client may have given up
PATIENCE = 30.0  # seconds that a writer gets to finish when the server ends

Asked = tuple[int, str, Any]  # a number for the answer, the write's crash point, the item
Waits = tuple["asyncio.Future[Any]", Grouped[Any, Any], Any]  # for the answer, of which write, to which item
Start = Callable[[socket.socket], "subprocess.Popen[bytes]"]  # runs a writer on that end of a socket pair


@dataclass(frozen=True)
class Again:
    """An item that another writer died with; it is not begun after `until`, by the clock that all processes share."""

    item: Any
    until: float


class Frames:
    """Bytes as they come, cut into what was sent."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    def add(self, data: bytes) -> list[Any]:
        """The frames that are whole by now."""
        self._bytes += data
        whole, start = [], 0
        while len(self._bytes) - start >= HEAD:
            end = start + HEAD + int.from_bytes(self._bytes[start : start + HEAD])
            if end > len(self._bytes):
                break
            with memoryview(self._bytes) as view:
                whole.append(pickle.loads(view[start + HEAD : end]))  # noqa: S301 - from our own other half
            start = end
        del self._bytes[:start]
        return whole


def framed(what: Any) -> tuple[bytes, bytes]:
    """One frame: its length, and it. They are not joined, since it may be long."""
    body = pickle.dumps(what, pickle.HIGHEST_PROTOCOL)
    return len(body).to_bytes(HEAD), body


class WriterProcess(asyncio.Protocol):
    """The server's end. `start` runs a writer on the other end of a socket pair; `heard` is told the database's clock.

    Whether a write stands whose writer died is not known. What may be asked again (`Grouped.again`) is, of the next writer,
    once: no client asks twice for a lock. Who waits for anything else hears 503.
    """

    def __init__(self, start: Start, heard: Callable[[int], None]) -> None:
        self._start, self._heard = start, heard
        self._socket: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._channel: asyncio.WriteTransport | None = None
        self._opening: asyncio.Task[None] | None = None
        self._waiting: dict[int, Waits] = {}
        self._asked_again: set[int] = set()
        self._closing = False
        self._tick: list[Asked] = []
        self._frames = Frames()
        self.count = 0  # of what was asked

    def busy(self) -> int:
        """How many wait for an answer."""
        return len(self._waiting)

    def runs(self) -> bool:
        """Whether a writer is at the other end."""
        return self._channel is not None

    def collects(self) -> bool:
        """Whether something waits here to be handed over."""
        return bool(self._tick)

    def asked(self, write: Grouped[A, R], item: A) -> "asyncio.Future[R]":
        """What one turn of the loop asks goes over in a frame or two: as soon as there is some, or nothing more comes."""
        self.count = number = self.count + 1
        loop = asyncio.get_running_loop()
        future: asyncio.Future[R] = loop.create_future()
        tick = self._tick
        if not tick:
            loop.call_soon(self._hand_over)
        tick.append((number, write.point, item))
        self._waiting[number] = future, write, item
        if len(tick) >= SOME and self._channel:
            self._hand_over()
        return future

    def _hand_over(self) -> None:
        if self._channel is None:
            self.open()
        elif self._tick:
            self._channel.writelines(framed(self._tick))
            self._tick = []

    def open(self) -> None:
        """Start a writer, unless one is there. Its first answer takes as long as Python takes to begin."""
        if self._channel is None and self._opening is None:
            self._opening = asyncio.get_running_loop().create_task(self._open())

    async def _open(self) -> None:
        self._socket, theirs = socket.socketpair()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, ROOM)
        try:
            with theirs:
                self._process = self._start(theirs)
            await asyncio.get_running_loop().create_connection(lambda: self, sock=self._socket)
        except OSError as error:
            log.error("writer.not_started", because=str(error))
            self._socket.close()
            self._lost(again=False)
        finally:
            self._opening = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A writer listens, or will in a moment."""
        self._channel = transport  # type: ignore[assignment]
        self._hand_over()

    def data_received(self, data: bytes) -> None:
        """Answers, each after its commit."""
        for now, told in self._frames.add(data):
            self._heard(now)
            for number, answer in told:
                future, _, _ = self._waiting.pop(number)
                self._asked_again.discard(number)
                if future.done():  # its client went away
                    continue
                if isinstance(answer, Exception):
                    future.set_exception(answer)
                else:
                    future.set_result(answer)

    def connection_lost(self, exc: Exception | None) -> None:
        """The writer is gone; what may be asked again, and whoever asks next, gets another."""
        del exc
        self._lost(again=not self._closing)

    def _lost(self, *, again: bool) -> None:
        code = self._process.wait() if self._process else None
        if self._waiting or code:
            log.error("writer.ended", exit_code=code, waiting=len(self._waiting))
        lost, self._waiting = self._waiting, {}
        self._channel, self._tick, self._frames = None, [], Frames()
        for number, (future, write, item) in lost.items():
            if future.done():  # its client went away
                continue
            if again and number not in self._asked_again and write.again(item):
                self._asked_again.add(number)
                self._waiting[number] = future, write, item
                self._tick.append((number, write.point, Again(item, time.monotonic() + AGAIN)))
                continue
            self._asked_again.discard(number)
            future.set_exception(gone())
        if self._tick:
            self.open()

    def close(self) -> None:
        """End the writer after what it has. Nobody may ask any more."""
        self._closing = True
        if self._process and self._socket and self._process.poll() is None:
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_WR)
            self._process.wait(PATIENCE)
        if self._channel:
            self._channel.close()


def gone() -> RefusedError:
    """What hears who waited for a writer that died."""
    return RefusedError(
        503,
        ErrorTag.UNAVAILABLE,
        "The process that writes to the database ended in the middle. Try again: what was stored already is not stored twice.",
    )


class Writers:
    """Writers side by side: one from the start, another once those that run are pressed.

    Each handful of what is asked goes to the one that has least to do.
    """

    def __init__(self, writers: Sequence[WriterProcess]) -> None:
        self._writers, self._next = writers, writers[0]

    @property
    def count(self) -> int:
        """How much was asked."""
        return sum(writer.count for writer in self._writers)

    def asked(self, write: Grouped[A, R], item: A) -> "asyncio.Future[R]":
        """From the event loop."""
        if not self._next.collects():
            self._next = self._idlest()
        return self._next.asked(write, item)

    def _idlest(self) -> WriterProcess:
        running = [writer for writer in self._writers if writer.runs()]
        if not running:
            return self._writers[0]
        best = min(running, key=WriterProcess.busy)
        if len(running) < len(self._writers) and best.busy() >= PRESSED:
            next(writer for writer in self._writers if not writer.runs()).open()
        return best

    def open(self) -> None:
        """Start the first, so that nobody waits for it."""
        self._writers[0].open()

    def close(self) -> None:
        """End all of them after what they have."""
        for writer in self._writers:
            writer.close()


def drain(
    channel: socket.socket, begin: Begin, writes: Mapping[str, Grouped[Any, Any]], clock: Callable[[], int]
) -> None:
    """The writer's end: answer until the server is gone. `clock` is what the database's clock said in the last transaction.

    What the server had asked before it was killed is not begun any more: whoever asked has heard that his request failed, and
    a writer that was only starting then would do it seconds later.
    """
    frames, here = Frames(), _presence(channel)
    while data := channel.recv(CHUNK):
        asked = [one for frame in frames.add(data) for one in frame]
        while len(asked) < BATCH:
            try:
                data = channel.recv(CHUNK, socket.MSG_DONTWAIT)
            except BlockingIOError:
                break
            if not data:
                break
            asked.extend(one for frame in frames.add(data) for one in frame)
        if late := _late(asked):
            channel.sendall(b"".join(framed((clock(), [(number, gone()) for number in late]))))
        for point, mine in _by_point([one for one in asked if one[0] not in late]).items():
            if not here():
                return
            told = answers(begin, writes[point], [_item(one) for one in mine])
            numbers = [number for number, _, _ in mine]
            channel.sendall(b"".join(framed((clock(), list(zip(numbers, map(_sendable, told), strict=True))))))


def _late(asked: Sequence[Asked]) -> list[int]:
    now = time.monotonic()
    return [number for number, _, item in asked if isinstance(item, Again) and now > item.until]


def _item(asked: Asked) -> Any:
    item = asked[2]
    return item.item if isinstance(item, Again) else item


def _presence(channel: socket.socket) -> Callable[[], bool]:
    """Whether somebody is at the other end who could hear an answer; one that only says no more is still there."""
    poll = select.poll()
    poll.register(channel, 0)  # a hang-up is always told
    return lambda: not poll.poll(0)


def _by_point(asked: Sequence[Asked]) -> dict[str, list[Asked]]:
    groups: dict[str, list[Asked]] = {}
    for one in asked:
        groups.setdefault(one[1], []).append(one)
    return groups


def _sendable(answer: Any) -> Any:
    """An error as the answer to its request: what it was is logged here, where it happened."""
    if not isinstance(answer, Exception) or isinstance(answer, RefusedError):
        return answer
    crash = new_trace_id()
    retraced(crash)  # the trace id of the request stayed with the server: its line names this one
    refusal = refusal_of(answer)
    if refusal.status >= 500:
        refusal.context = {"crash": crash}
    return refusal
