"""Crash points: every database write and GitHub call of the loop, by name, in one table.

A write or a call must name its row. `SONDE_CRASH_AT=name:before` (or `:after`) kills the process there with SIGKILL,
which the crash story does at each row; `SONDE_TRACE_POINTS=file` appends each point that is reached, so that a test can
hold the table against what a story really touched. Both variables are for tests; without them `reached` is one test of a
flag.
"""

import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Point:
    """`story` marks what the crash story reaches when nothing goes wrong; the others are recovery and housekeeping."""

    what: str
    story: bool = True


CRASH_POINTS: Mapping[str, Point] = {
    # database writes: before and after the commit
    "delivery.receive": Point("a webhook becomes a row, before its 202"),
    "delivery.process": Point("a pull request or run event takes effect on our rows"),
    "inventory.receive": Point("an inventory, or a part of one, becomes rows, before its 200", story=False),
    "execution.receive": Point("what a command of a client did becomes a row, before its 200", story=False),
    "batch.forget": Point("a batch whose rest never came is removed", story=False),
    "exchange.session": Point("jti is used up and the session stands"),
    "upload.receive": Point("an affected-stacks upload becomes a row, before its 200"),
    "upload.match": Point("an upload meets its trigger and dispatches are planned"),
    "trigger.advance": Point("ready dispatches take their automatic lock and become effects to send"),
    "trigger.mirror": Point("the desired check run and comment are written down"),
    "effect.sending": Point("an effect is claimed, before GitHub hears of it"),
    "effect.result": Point("GitHub's answer is written down"),
    "instance.status": Point("a run reports the exit code of its command"),
    "lock.acquire": Point("a lock is granted or refused"),
    "lock.release": Point("a lock is released, or a place in its queue"),
    "engine.start": Point("the claims of a dead process are given up (SQLite: there is one process)"),
    "run.seen": Point("what GitHub told about the run behind a token is kept", story=False),
    "keyring.create": Point("a new session key"),
    "purge": Point("old delivery bodies and used tokens are removed"),
    "job.stumble": Point("a job raised for one row: the row rests", story=False),
    "job.park": Point("a job raised five times for one row: the row is parked with a reason", story=False),
    "job.recovered": Point("a row at which a job had raised went well", story=False),
    # GitHub calls: before the request leaves, and after the answer arrived but before it is written down
    "github.token": Point("an installation token is asked for"),
    "github.workflow": Point("a workflow file is read for its inputs"),
    "github.dispatch": Point("a workflow is dispatched"),
    "github.check.create": Point("the check run is created"),
    "github.check.update": Point("the check run is edited"),
    "github.comment.create": Point("the comment is created"),
    "github.comment.update": Point("the comment is edited"),
    "effect.found": Point("what a lost answer made was found at GitHub, or not yet", story=False),
    "github.check.find": Point("the check run is looked for by external_id", story=False),
    "github.comment.find": Point("the comment is looked for by its marker", story=False),
    "github.run.find": Point("a run is looked for by atmos_pro_run_id", story=False),
    "github.run.get": Point("a silent run is asked how it is", story=False),
    "github.run.cancel": Point("a twin of a run is cancelled", story=False),
    # commits
    "commit.plan": Point("a commit that a job asks for becomes a row", story=False),
    "commit.sending": Point("the head that it goes on is written down, before GitHub hears of it", story=False),
    "commit.result": Point("its SHA, or why there is none, is written down", story=False),
    "github.app": Point("the App is asked for its own name and rights, also at the start"),
    "github.pull": Point("a pull request is asked for the branch and repository it comes from", story=False),
    "github.branch": Point("a branch is asked for its head", story=False),
    "github.commit.find": Point("a commit is looked for by its trailer", story=False),
    "github.commit.create": Point("a commit is made on a branch", story=False),
    # tokens for private sources
    "github.installation": Point("an installation is asked whether it is suspended", story=False),
    "github.repository": Point("a repository is asked for its number", story=False),
    "github.policy": Point("a trust policy is read", story=False),
    "sts.minted": Point("who got tokens for private sources is written down, before the job gets them", story=False),
    "github.sts.token": Point("a token for private sources is minted", story=False),
    # not of the loop
    "admin.change": Point("an administrator's command", story=False),
    "run.allow": Point("a member allows a held pull request at one SHA", story=False),
    "page.session": Point("a one-time link is made at the start, or a browser exchanges it for a cookie"),
}


@dataclass
class _Armed:
    crash_at: str
    trace_to: str
    server: int = 0  # a process that is to die with this one

    @property
    def watched(self) -> bool:
        return bool(self.crash_at or self.trace_to)


_armed = _Armed(os.environ.get("SONDE_CRASH_AT", ""), os.environ.get("SONDE_TRACE_POINTS", ""))


def arm(*, crash_at: str = "", trace_to: str = "") -> None:
    """What the SONDE_CRASH_* variables say at start, for a test's own process."""
    _armed.crash_at, _armed.trace_to = crash_at, trace_to


def belongs_to(server: int) -> None:
    """This process is a part of that one, which dies at a crash point too."""
    _armed.server = server


class UnknownPointError(LookupError):
    """A write or call that has no row in CRASH_POINTS: a bug, found by the first test that reaches it."""


def reached(point: str, side: str) -> None:
    """Say that execution is at `point`, `side` before or after it took effect. Raises UnknownPointError."""
    if point not in CRASH_POINTS:
        raise UnknownPointError(point)
    if not _armed.watched:
        return
    if _armed.trace_to:
        with Path(_armed.trace_to).open("a") as file:
            file.write(f"{point}:{side}\n")
    if _armed.crash_at == f"{point}:{side}":
        if _armed.server:
            os.kill(_armed.server, signal.SIGKILL)
        os.kill(os.getpid(), signal.SIGKILL)
