"""The one thread that runs grouped writes where the server is not a process of its own: tests, and closures of `db.submit`.

Whatever was asked while the last transaction was committing goes into the next (`kernel/grouped.py`).
"""

import asyncio
import queue
import threading
from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from sonde.server.kernel.grouped import BATCH, Begin, Grouped, answers

A = TypeVar("A")
R = TypeVar("R")


@dataclass(frozen=True)
class Asked:
    """One item, and who waits for its answer: a coroutine of `loop`, or a thread."""

    write: Grouped[Any, Any]
    item: Any
    future: "asyncio.Future[Any] | Future[Any]"
    loop: asyncio.AbstractEventLoop | None = None


Answer = tuple[Asked, Any]


class Writer:
    """A queue and the thread that empties it. `begin` opens a write transaction at a crash point."""

    def __init__(self, begin: Begin) -> None:
        self._begin = begin
        self._queue: queue.SimpleQueue[Sequence[Asked] | None] = queue.SimpleQueue()
        self._ticks: dict[asyncio.AbstractEventLoop, list[Asked]] = {}
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()
        self.count = 0  # of what was asked, about

    def ask(self, write: Grouped[A, R], item: A) -> "Future[R]":
        """From a thread. The future resolves after the commit, never before."""
        self._start()
        self.count += 1
        future: Future[R] = Future()
        self._queue.put([Asked(write, item, future)])
        return future

    def asked(self, write: Grouped[A, R], item: A) -> "asyncio.Future[R]":
        """From an event loop. What one turn of its loop asks goes to the thread at once: handing over is what costs."""
        self._start()
        self.count += 1
        loop = asyncio.get_running_loop()
        future: asyncio.Future[R] = loop.create_future()
        asked = Asked(write, item, future, loop)
        if loop in self._ticks:
            self._ticks[loop].append(asked)
        else:
            self._ticks[loop] = [asked]
            loop.call_soon(self._hand_over, loop)
        return future

    def _hand_over(self, loop: asyncio.AbstractEventLoop) -> None:
        self._queue.put(self._ticks.pop(loop))

    def _start(self) -> None:
        if self._thread is None:
            with self._starting:
                if self._thread is None:
                    self._thread = threading.Thread(target=self._drain, name="db-writer", daemon=True)
                    self._thread.start()

    def _drain(self) -> None:
        while (first := self._queue.get()) is not None:
            batch = list(first)
            while len(batch) < BATCH and not self._queue.empty():
                following = self._queue.get()
                if following is None:
                    self._queue.put(None)
                    break
                batch.extend(following)
            for asked in _by_write(batch):
                told = answers(self._begin, asked[0].write, [one.item for one in asked])
                _answer(list(zip(asked, told, strict=True)))

    def close(self) -> None:
        """Answer what was asked, then end the thread."""
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join()
            self._thread = None


def _by_write(batch: Iterable[Asked]) -> Iterable[list[Asked]]:
    groups: dict[int, list[Asked]] = {}
    for asked in batch:
        groups.setdefault(id(asked.write), []).append(asked)
    return groups.values()


def _answer(told: Sequence[Answer]) -> None:
    """Threads at once; coroutines with one call for each loop, which is what wakes it."""
    waiting: dict[asyncio.AbstractEventLoop, list[Answer]] = {}
    for asked, answer in told:
        if asked.loop is None:
            _settle([(asked, answer)])
        else:
            waiting.setdefault(asked.loop, []).append((asked, answer))
    for loop, mine in waiting.items():
        with suppress(RuntimeError):  # the loop was closed meanwhile: nobody waits any more
            loop.call_soon_threadsafe(_settle, mine)


def _settle(told: Sequence[Answer]) -> None:
    for asked, answer in told:
        if asked.future.done():  # its client went away
            continue
        if isinstance(answer, Exception):
            asked.future.set_exception(answer)
        else:
            asked.future.set_result(answer)
