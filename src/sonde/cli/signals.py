"""Signals that ask a process to end, while it holds something that it has to give back first."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from sonde.cli.errors import EndedError

ENDING = (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)


@contextmanager
def raised() -> Iterator[None]:
    """While it lasts, SIGTERM and its like raise EndedError where the program is, as SIGINT raises KeyboardInterrupt."""
    before = {number: signal.signal(number, _raise) for number in ENDING}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def held_back() -> Iterator[None]:
    """While it lasts, signals wait; the first comes at the end. A request that may have taken a lock is not cut short."""
    waiting: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        del frame
        waiting.append(number)

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, *ENDING)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if waiting:
            signal.raise_signal(waiting[0])


def _raise(number: int, frame: FrameType | None) -> None:
    del frame
    raise EndedError(signal.Signals(number).name, number)
