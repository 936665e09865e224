"""Crash points: every database write and GitHub call of the loop, by name, in one table.

A write or a call must name its row. `SONDE_CRASH_AT=name:before` (or `:after`) kills the process there with SIGKILL,
which the crash story does at each row; `SONDE_TRACE_POINTS=file` appends each point that is reached, so that a test can
hold the table against what a story really touched. Both variables are for tests; without them `reached` is one test of a
flag.
"""

import os
import signal
from collections.abc import Mapping
from pathlib import Path

CRASH_POINTS: Mapping[str, str] = {
    # database writes: before and after the commit
    "delivery.receive": "a webhook becomes a row, before its 202",
    "delivery.process": "a pull request or run event takes effect on our rows",
    "exchange.session": "jti is used up and the session stands",
    "upload.receive": "an affected-stacks upload becomes a row, before its 200",
    "upload.match": "an upload meets its trigger and dispatches are planned",
    "trigger.advance": "ready dispatches take their automatic lock and become effects to send",
    "trigger.mirror": "the desired check run and comment are written down",
    "effect.sending": "an effect is claimed, before GitHub hears of it",
    "effect.result": "GitHub's answer is written down",
    "effect.found": "a lost answer was found again at GitHub",
    "instance.status": "a run reports the exit code of its command",
    "lock.acquire": "a lock is granted or refused",
    "lock.release": "a lock is released",
    # GitHub calls: before the request leaves, and after the answer arrived but before it is written down
    "github.token": "an installation token is asked for",
    "github.workflow": "a workflow file is read for its inputs",
    "github.dispatch": "a workflow is dispatched",
    "github.check.create": "the check run is created",
    "github.check.update": "the check run is edited",
    "github.check.find": "the check run is looked for by external_id",
    "github.comment.create": "the comment is created",
    "github.comment.update": "the comment is edited",
    "github.comment.find": "the comment is looked for by its marker",
    "github.run.find": "a run is looked for by atmos_pro_run_id",
    "github.run.get": "a silent run is asked how it is",
    "github.run.cancel": "a twin of a run is cancelled",
    # housekeeping, off the loop
    "admin.change": "an administrator's command",
    "keyring.create": "a new session key",
    "purge": "old delivery bodies and used tokens are removed",
    "run.allow": "a member allows a held pull request at one SHA",
    "page.session": "a browser exchanges the one-time token for a cookie",
}

_crash_at = os.environ.get("SONDE_CRASH_AT", "")
_trace_to = os.environ.get("SONDE_TRACE_POINTS", "")
_watched = bool(_crash_at or _trace_to)


class UnknownPointError(LookupError):
    """A write or call that has no row in CRASH_POINTS: a bug, found by the first test that reaches it."""


def reached(point: str, side: str) -> None:
    """Say that execution is at `point`, `side` before or after it took effect. Raises UnknownPointError."""
    if point not in CRASH_POINTS:
        raise UnknownPointError(point)
    if not _watched:
        return
    if _trace_to:
        with Path(_trace_to).open("a") as file:
            file.write(f"{point}:{side}\n")
    if _crash_at == f"{point}:{side}" and not _already_crashed():
        os.kill(os.getpid(), signal.SIGKILL)


def _already_crashed() -> bool:
    """With `SONDE_CRASH_ONCE=file` a point kills only the first process that reaches it."""
    marker = os.environ.get("SONDE_CRASH_ONCE", "")
    if not marker:
        return False
    try:
        Path(marker).touch(exist_ok=False)
    except FileExistsError:
        return True
    return False
