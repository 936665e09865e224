"""Holding a lock while something runs: wait for it, take it, and release it whatever happens.

A waiting client is in the server's queue (docs/locks.md), first come, first served. A server without a queue (Atmos Pro,
an older Sonde) is asked for the lock itself again and again.

gather (one attempt) → decide (`next_look`) → say → sleep. A signal that arrives during an attempt counts only after it,
so that a lock which the attempt took is released.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sonde.cli import called, client, signals
from sonde.cli.columns import printable
from sonde.cli.errors import ApiError, CliError, NoAnswerError, RefusedError
from sonde.cli.process import Process
from sonde.wire import locks

POLL = 5.0  # seconds between two attempts at most
SOONEST = 1.0
STILL = 60.0  # seconds between two lines of a log that say we still wait
TIMED_OUT = 124  # as timeout(1)
NO_QUEUE = (404, 405, 501)  # what a server says that has no queue
NOT_KNOWN = "Whether the lock was taken is not known: the last request got no answer. `sonde pro locks` shows it.\n"


class TimedOutError(CliError):
    """Another held the lock for longer than we were to wait."""


@dataclass
class Hold:
    """A lock that we hold. `until` is on the clock of `monotonic`, never later than the server's; `kept` stays locked."""

    key: str
    granted: Mapping[str, Any]
    until: float
    kept: bool = False
    lost: str = ""  # why we must not release it any more

    @property
    def fence(self) -> int | None:
        return self.granted.get("fence")


@dataclass
class Waiting:
    """How long to wait (None: not at all), and what was said so far. `monotonic` is in seconds."""

    process: Process
    timeout: float | None
    monotonic: Callable[[], float] = time.monotonic
    since: float = field(init=False)
    told: object = None
    last_line: float = 0.0
    signed_in_again: bool = False  # after a 401; the next one is final
    queue: bool = True  # whether the server has one, as far as we know
    waiter: str = ""  # our place in it

    def __post_init__(self) -> None:
        self.since = self.monotonic()


@contextmanager
def held(session: client.Session, request: locks.LockRequest, waiting: Waiting) -> Iterator[Hold]:
    """Take a lock, waiting for it if asked to, and release it at the end whatever happens, unless it is `kept` or `lost`.

    Raises ApiError where the server refuses, TimedOutError (exit code 124) where the lock did not become free in time.
    """
    hold: Hold | None = None
    answer: Mapping[str, Any] | ApiError | None = None
    try:
        while hold is None:
            before = waiting.monotonic()
            with signals.held_back():
                answer = _attempt(session, request, waiting)
                if not isinstance(answer, ApiError):
                    hold = Hold(answer.get("key") or request.key, answer, before + request.ttl)
            if isinstance(answer, ApiError):
                _wait(waiting, request.key, answer)
        _clear(waiting)
        yield hold
    finally:
        _clear(waiting)
        if hold is not None and not hold.kept:
            with signals.held_back():
                release(session, request.key, hold, waiting)
        elif hold is None:
            _left(session, request.key, waiting, answer)


def _left(session: client.Session, key: str, waiting: Waiting, answer: object) -> None:
    """We go without the lock: give our place up, so that nobody waits for us. It ends by itself soon if that fails."""
    if isinstance(answer, NoAnswerError) and answer.sent:
        session.process.stderr.write(called.by(session.process.program, NOT_KNOWN))
    elif waiting.waiter and isinstance(answer, RefusedError):  # a server that is away would keep us waiting once more
        with signals.held_back(), suppress(ApiError):
            client.leave(session, locks.LeaveRequest(key=key, waiter=waiting.waiter))


def release(session: client.Session, key: str, hold: Hold, waiting: Waiting) -> None:
    """Unlock what is still ours. A failure is said, not raised: it must not hide how the work ended."""
    err = session.process.stderr
    reason = hold.lost or ("its time was over" if waiting.monotonic() >= hold.until else "")
    if reason:
        err.write(f"The lock of '{key}' is not released, since it is not ours any more: {reason}.\n")
        return
    try:
        client.unlock(session, locks.UnlockRequest(key=key))
        err.write(f"✓ Stack '{key}' successfully unlocked\n")
    except ApiError as error:
        ends = f" It ends by itself at {hold.granted['expiresAt']}." if hold.granted.get("expiresAt") else ""
        err.write(f"The lock of '{key}' could not be released: {error.message}.{ends}\n")


def _attempt(session: client.Session, request: locks.LockRequest, waiting: Waiting) -> Mapping[str, Any] | ApiError:
    """The granted lock, or an error after which waiting makes sense. Raises ApiError for any other."""
    try:
        return _asked(session, request, waiting)
    except ApiError as error:
        refused = isinstance(error, RefusedError) and error.status == 401
        final = refused and waiting.signed_in_again
        if waiting.timeout is None or final or not worth_waiting(error, static=session.is_static):
            raise
        if refused:
            session.refresh()
        waiting.signed_in_again = refused
        return error


def _asked(session: client.Session, request: locks.LockRequest, waiting: Waiting) -> Mapping[str, Any]:
    """Ask for the lock; where we wait for it, in its queue. Raises ApiError."""
    if waiting.timeout is None or not waiting.queue:
        return client.lock(session, request)
    place = locks.WaitRequest(key=request.key, ttl=request.ttl, message=request.message, waiter=waiting.waiter)
    try:
        return client.wait(session, place)
    except RefusedError as error:
        if error.status in NO_QUEUE:
            waiting.queue = False
            return client.lock(session, request)
        waiting.waiter = str(error.context.get("waiter") or waiting.waiter)
        raise


def worth_waiting(error: ApiError, *, static: bool) -> bool:
    """Whether a lock may be had later: it is held, or the server is away for a moment.

    After an answer that was lost, only a job signed in by OIDC asks again: it renews what it may have taken. A static
    token would wait for itself.
    """
    if isinstance(error, RefusedError):
        return error.status == 409 or error.status >= 500 or (error.status == 401 and not static)
    return isinstance(error, NoAnswerError) and not (error.sent and static)


def next_look(expires_at: str, now: float, passed: float) -> float:
    """Seconds until the next attempt: when the lock ends, or before, since its holder may release it any time.

    Looked at often in the beginning and every POLL seconds in the end. Our clock may differ from the server's, which is
    why the lock's end alone is not trusted.
    """
    poll = min(max(passed, SOONEST), POLL)
    try:
        ends = datetime.fromisoformat(expires_at).timestamp()
    except ValueError:
        return poll
    return min(max(ends - now + 0.2, SOONEST), poll)


def _wait(waiting: Waiting, key: str, error: ApiError) -> None:
    """Say who holds the lock and sleep until the next attempt. Raises TimedOutError."""
    context = getattr(error, "context", {})
    expires = str(context.get("expiresAt", ""))
    passed = waiting.monotonic() - waiting.since
    left = (waiting.timeout or 0) - passed
    if left <= 0:
        raise TimedOutError(
            f"'{key}' was not free within {waiting.timeout:g} s: {error.message}",
            hints=["`sonde pro locks` shows who holds what. --timeout SECONDS waits longer."],
            exit_code=TIMED_OUT,
        )
    _say(waiting, error, tuple(context.get(name) for name in ("position", "holder", "fence")), passed)
    waiting.process.sleep(min(next_look(expires, waiting.process.now(), passed), left))


def _say(waiting: Waiting, error: ApiError, facts: tuple[Any, ...], passed: float) -> None:
    """Our place and who holds it: in a log when that changes and each minute, all the time on the one line of a terminal."""
    err, what = waiting.process.stderr, printable(error.message.rpartition("API response error: ")[2])
    news = (type(error), *facts)
    if waiting.told != news:
        _clear(waiting)
        err.write(f"Waiting: {what}\n")
        waiting.told, waiting.last_line = news, passed
    if err.isatty():
        err.write(f"\r\033[K… {passed:.0f} s")
    elif passed - waiting.last_line >= STILL:
        err.write(f"Still waiting after {passed:.0f} s.\n")
        waiting.last_line = passed
    err.flush()


def _clear(waiting: Waiting) -> None:
    if waiting.told is not None and waiting.process.stderr.isatty():
        waiting.process.stderr.write("\r\033[K")
