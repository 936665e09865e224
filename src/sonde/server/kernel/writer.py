"""The one thread that commits many hot writes together: one transaction, one look at the clock, one fsync for all of them.

A `Grouped` write answers many askers at once; whatever was asked while the last transaction was committing goes into the
next. Nobody is answered before the commit. Where a transaction raises, nothing of it stands, and each asker's part is run
again alone, so that one mistake is only its maker's.
"""

import asyncio
import queue
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sqlalchemy.exc import DBAPIError

from sonde.server.kernel.http import unavailable
from sonde.server.kernel.tx import Tx

A = TypeVar("A")
R = TypeVar("R")
BATCH = 256  # what may share one commit
TRIES = 5  # of a write that PostgreSQL chose as the victim of a collision (reliability.md F7)
COLLIDED = frozenset({"40001", "40P01"})  # serialization failure, deadlock: nothing of the transaction stands

Begin = Callable[[str], AbstractContextManager[Tx]]


@dataclass(frozen=True)
class Grouped(Generic[A, R]):
    """A hot write. `run` answers what was asked, item by item; an answer that is an exception is raised to its asker.

    `run` must not act on the world outside, and it must take rows in one order whoever asks (replicas do the same at once).
    `prepare` does for an item what needs no transaction, so that nobody waits for it with the database in hand.
    """

    point: str
    run: Callable[[Tx, Sequence[A]], Sequence[R | Exception]]
    prepare: Callable[[A], None] | None = None


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

    async def asked(self, write: Grouped[A, R], item: A) -> R:
        """From a coroutine. What one turn of its loop asks goes to the thread at once: handing over is what costs."""
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
        return await future

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
                _answer(self._together(asked))

    def _together(self, asked: Sequence[Asked]) -> list[Answer]:
        try:
            return self._transaction(asked)
        except Exception as error:  # noqa: BLE001 - whoever waits must hear why nothing was committed
            if len(asked) > 1 and not unavailable(error):
                return [answer for one in asked for answer in self._together([one])]
            return [(one, error) for one in asked]

    def _transaction(self, asked: Sequence[Asked]) -> list[Answer]:
        write, items = asked[0].write, [one.item for one in asked]
        if write.prepare:
            for item in items:
                write.prepare(item)
        for _ in range(TRIES - 1):
            try:
                with self._begin(write.point) as tx:
                    answers = write.run(tx, items)
                return list(zip(asked, answers, strict=True))
            except DBAPIError as error:
                if not collided(error):
                    raise
        with self._begin(write.point) as tx:
            answers = write.run(tx, items)
        return list(zip(asked, answers, strict=True))

    def close(self) -> None:
        """Answer what was asked, then end the thread."""
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join()
            self._thread = None


def collided(error: DBAPIError) -> bool:
    """Whether PostgreSQL undid the transaction since it met another; tried again it may go well."""
    return getattr(error.orig, "sqlstate", None) in COLLIDED


def _by_write(batch: Iterable[Asked]) -> Iterable[list[Asked]]:
    groups: dict[int, list[Asked]] = {}
    for asked in batch:
        groups.setdefault(id(asked.write), []).append(asked)
    return groups.values()


def _answer(answers: Sequence[Answer]) -> None:
    """Threads at once; coroutines with one call for each loop, which is what wakes it."""
    waiting: dict[asyncio.AbstractEventLoop, list[Answer]] = {}
    for asked, answer in answers:
        if asked.loop is None:
            _settle([(asked, answer)])
        else:
            waiting.setdefault(asked.loop, []).append((asked, answer))
    for loop, mine in waiting.items():
        with suppress(RuntimeError):  # the loop was closed meanwhile: nobody waits any more
            loop.call_soon_threadsafe(_settle, mine)


def _settle(answers: Sequence[Answer]) -> None:
    for asked, answer in answers:
        if asked.future.done():  # its client went away
            continue
        if isinstance(answer, Exception):
            asked.future.set_exception(answer)
        else:
            asked.future.set_result(answer)
