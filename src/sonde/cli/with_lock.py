"""`sonde pro with-lock`: run a command while a lock is held, and give the lock back whatever happens.

A job that signed in by OIDC renews its lock at a third of the TTL. A static token cannot (protocol.md §5: every
request with it is a new holder's), so its lock is taken for long, and only looked at.
"""

import shutil
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from subprocess import Popen
from typing import Any

import click

from sonde.cli import client, git, hold, lock, options, process, signals
from sonde.cli.errors import ApiError, CliError, RefusedError
from sonde.cli.reads import locks_of
from sonde.cli.tf import run
from sonde.wire import locks

RENEWED_TTL = 120  # seconds, where the lock is renewed
STATIC_TTL = 4 * 3600  # seconds, where it is not
LOOK = 30.0  # seconds between two looks at a lock that cannot be renewed
OVER = "its time was over before it could be renewed"
SOON = 2.0  # seconds until a renewal that got no answer is tried again
EXAMPLE = "sonde pro with-lock vpc -s prod -- sonde terraform apply vpc -s prod"


@click.command(
    name="with-lock",
    help="Run a command while a component in a stack is locked.\n\nIt ends with the command's exit code.",
    epilog=options.examples(
        EXAMPLE,
        "sonde pro with-lock vpc -s prod --wait -- make deploy",
        codes="the command's own; 1 refused; 124 not free within --timeout; 127 no such command.",
    ),
    context_settings={"allow_interspersed_args": True},
)
@click.argument("component")
@lock.STACK
@click.option("-t", "--ttl", type=click.IntRange(1, lock.MAX_TTL), help="Seconds a lock lasts unless it is renewed.")
@lock.MESSAGE
@lock.WAIT
@lock.TIMEOUT
@click.option("--stop-if-lost", is_flag=True, help="Send the command SIGTERM if the lock is lost meanwhile.")
@click.argument("words", nargs=-1, required=True, type=click.UNPROCESSED, metavar="-- COMMAND…")
@options.global_flags
@click.pass_context
def command(ctx: click.Context, /, component: str, stack: str, words: tuple[str, ...], **given: Any) -> int:
    world = process.current()
    timeout = lock.patience(wait=given["wait"], timeout=given["timeout"])
    if not shutil.which(words[0], path=world.env.get("PATH")):
        raise CliError(f"command not found: {words[0]}", hints=[EXAMPLE], exit_code=127)
    session, repository = lock.prepared(world, options.flags_of(ctx), [component], stack, example=EXAMPLE)
    key = locks.lock_key(repository.owner, repository.name, stack, component)
    request = locks.LockRequest(
        key=key,
        ttl=given["ttl"] or (STATIC_TTL if session.is_static else RENEWED_TTL),
        message=given["message"] or locks.DEFAULT_MESSAGE,
    )
    waiting = hold.Waiting(world, timeout)
    try:
        with signals.raised(), hold.held(session, request, waiting) as taken:
            _tell(session, taken, request)
            watch = Watch(session, repository, request, taken, waiting, stop=given["stop_if_lost"])
            code = watched(watch, lambda started: run.tool(words, world.cwd, world.env, started))
            _last_look(watch)
    except ApiError as error:
        raise lock.explained(error, waiting=timeout is not None) from error
    return code


def _tell(session: client.Session, taken: hold.Hold, request: locks.LockRequest) -> None:
    ends = taken.granted.get("expiresAt") or f"{request.ttl} s from now"
    how = (
        f"A static token cannot renew it: it ends at {ends}, whether the command is done or not; --ttl changes that."
        if session.is_static
        else f"It is renewed every {request.ttl / 3:.0f} s."
    )
    session.process.stderr.write(f"✓ Stack '{taken.key}' successfully locked. {how}\n")
    session.process.stderr.flush()


@dataclass
class Watch:
    """What the heartbeat needs: the lock, whose it is, and the child to stop, if it shall be."""

    session: client.Session
    repository: git.Repository
    request: locks.LockRequest
    taken: hold.Hold
    waiting: hold.Waiting
    stop: bool
    child: "Popen[bytes] | None" = None
    over: threading.Event = field(default_factory=threading.Event)


def watched(watch: Watch, work: Callable[[Callable[["Popen[bytes]"], None]], int]) -> int:
    """Run `work` with a heartbeat beside it, which has ended when this returns."""

    def started(child: "Popen[bytes]") -> None:
        watch.child = child
        beat.start()

    beat = threading.Thread(target=_beat, args=(watch,), name="heartbeat", daemon=True)
    try:
        return work(started)
    finally:
        with signals.held_back():  # a renewal under way must not come after the unlock
            watch.over.set()
            if beat.ident is not None:
                beat.join()


def _beat(watch: Watch) -> None:
    """Renew, or look, until the work is over or the lock is lost."""
    step = look if watch.session.is_static else renew
    regular = min(LOOK, watch.request.ttl / 3) if watch.session.is_static else watch.request.ttl / 3
    pause = regular
    while not watch.over.wait(pause):
        try:
            watch.taken.lost = step(watch)
            pause = regular
        except ApiError as error:
            watch.session.log.warning("The lock could not be renewed; trying again.", error=error.message)
            pause = min(SOON, regular)
        if watch.waiting.monotonic() >= watch.taken.until:
            watch.taken.lost = watch.taken.lost or OVER
        if watch.taken.lost:
            _lost(watch)
            return


def renew(watch: Watch) -> str:
    """Why the lock is lost, or nothing. Raises ApiError where that is not known."""
    before = watch.waiting.monotonic()
    try:
        granted = _lock_again(watch)
    except RefusedError as error:
        if error.status == 409:
            return error.message.rpartition("API response error: ")[2]
        raise
    first = watch.taken.granted
    watch.taken.granted = granted
    watch.taken.until = before + watch.request.ttl
    if (granted.get("id"), granted.get("fence")) == (first.get("id"), first.get("fence")):
        return ""
    # We hold the key again, but in between another may have held it: what the command saw may be out of date.
    return "it had ended, and another may have held it since"


def _lock_again(watch: Watch) -> Mapping[str, Any]:
    """The same lock once more. A session lasts an hour (ruling 4), a command may last longer."""
    try:
        return client.lock(watch.session, watch.request)
    except RefusedError as error:
        if error.status != 401:
            raise
    watch.session.refresh()
    return client.lock(watch.session, watch.request)


def look(watch: Watch) -> str:
    """Why the lock is lost, or nothing, by the server's list. Raises ApiError where that is not known."""
    if watch.taken.fence is None:
        return ""
    for seen in locks_of(watch.session, watch.repository):
        if seen.key == watch.request.key:
            if seen.live and seen.fence == watch.taken.fence:
                return ""
            if seen.live:
                return f"{seen.holder} holds it now"
            over = watch.waiting.monotonic() >= watch.taken.until
            return OVER if over else "it was released by another"
    return "the server knows nothing of it"


def _last_look(watch: Watch) -> None:
    """With a static token an unlock would end whatever lock stands now, so it is looked at once more."""
    if watch.session.is_static and not watch.taken.lost:
        try:
            watch.taken.lost = look(watch)
        except ApiError as error:
            watch.session.log.info("The lock could not be looked at before it is released.", error=error.message)


def _lost(watch: Watch) -> None:
    stops = " The command is told to stop (SIGTERM)." if watch.stop else " The command goes on; --stop-if-lost ends it."
    watch.session.process.stderr.write(f"\n‼ THE LOCK OF '{watch.request.key}' IS LOST: {watch.taken.lost}.{stops}\n\n")
    watch.session.process.stderr.flush()
    if watch.stop and watch.child is not None:
        watch.child.terminate()
