"""`sonde pro lock` and `sonde pro unlock` (protocol.md §5, stacks.md §11.1).

Neither component nor stack is looked up: a lock may be taken for what does not exist yet.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import click

from sonde.cli import client, git, options, process, project
from sonde.cli.errors import ApiError, CliError, DecodeError, NoAnswerError, RefusedError, UsageError
from sonde.cli.process import Process
from sonde.wire import locks

MIN_TTL, MAX_TTL = -(2**31), 2**31 - 1
DEFAULT_TIMEOUT = 3600.0  # seconds that --wait waits
MAYBE_LOCKED = (
    "Whether the lock was taken is not known. Lock again from the same job: that renews a lock of its own. "
    "`sonde pro unlock` releases it."
)
CAN_WAIT = "`sonde pro lock --wait` waits until it is free; `sonde pro locks` shows who holds what."
NONE_LOCKED = "None of them was locked. `sonde pro locks` shows who holds what."
COMPONENT = click.option("-c", "--component", "flag", help="The component, as an argument or by this flag.")
STACK = click.option("-s", "--stack", default="", help="The stack, by its name or its manifest.")
MESSAGE = click.option("-m", "--message", default="", help="Shown to whoever meets the lock [Locked by Atmos].")
WAIT = click.option("--wait", is_flag=True, help="While another holds the lock, wait for it.")
TIMEOUT = click.option(
    "--timeout", type=click.FloatRange(min=0), help="Seconds to wait [3600]; then the exit code is 124."
)


class Seconds(click.ParamType[int]):
    """A whole number of 32 bits as Go reads one: also `0x1e`, `0o36`, `036` and `1_000`, and no blanks around it."""

    name = "integer"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        text = str(value)
        sign, digits = ("-", text[1:]) if text[:1] == "-" else ("", text.removeprefix("+"))
        octal = re.fullmatch(r"0[0-7_]+", digits)
        try:
            number = int(f"{sign}0o{digits[1:]}" if octal else f"{sign}{digits}", 0)
        except ValueError:
            number = MAX_TTL + 1
        if not digits[:1].isdecimal() or digits != digits.strip() or not MIN_TTL <= number <= MAX_TTL:
            self.fail(f"{text!r} is no number of seconds between {MIN_TTL} and {MAX_TTL}.", param, ctx)
        return number


CODES = "0 done; 1 refused, or no answer"


@click.command(
    help="Lock a component in a stack, or several at once, so that nothing is dispatched onto them.",
    epilog=options.examples(
        "sonde pro lock vpc -s prod/us-east-1",
        "sonde pro lock vpc -s prod --ttl 900 -m 'rotating keys'",
        "sonde pro lock vpc eks -s prod   # all of them, or none",
        "sonde pro lock vpc -s prod --wait --timeout 600   # stands in the queue for at most ten minutes",
        codes=f"{CODES}; 124 not free within --timeout.",
    ),
)
@click.argument("components", nargs=-1)
@COMPONENT
@STACK
@click.option("-t", "--ttl", type=Seconds(), default=0, help="Seconds until the lock ends by itself [30].")
@MESSAGE
@WAIT
@TIMEOUT
@options.global_flags
@click.pass_context
def lock(ctx: click.Context, /, components: tuple[str, ...], flag: str | None, stack: str, **given: Any) -> None:
    world = process.current()
    timeout = patience(wait=given["wait"], timeout=given["timeout"])
    names = named(components, flag)
    if len(names) > 1 and timeout is not None:
        raise CliError("--wait waits for one component", hints=["Lock several without it: all at once, or none."])
    example = "sonde pro lock vpc -s prod/us-east-1"
    session, repository = prepared(world, options.flags_of(ctx), names, stack, example=example)
    keys = [locks.lock_key(repository.owner, repository.name, stack, name) for name in names]
    ttl, message = given["ttl"] or locks.DEFAULT_TTL, given["message"] or locks.DEFAULT_MESSAGE
    try:
        if len(keys) > 1:
            granted = client.lock_all(session, locks.LockAllRequest(tuple(keys), ttl, message))
        else:
            request = locks.LockRequest(key=keys[0], ttl=ttl, message=message)
            granted = [client.lock(session, request) if timeout is None else _waited(session, request, timeout)]
    except ApiError as error:
        raise explained(error, waiting=timeout is not None, many=len(keys) > 1) from error
    for one in granted:
        ends = f"  It ends by itself at {one['expiresAt']}.\n" if one.get("expiresAt") else ""
        world.stderr.write(f"\n✓ Stack '{one.get('key', '')}' successfully locked\n{ends}")
    world.stderr.write("\n")


def named(components: Sequence[str], flag: str | None) -> Sequence[str]:
    """The components of a command line, by argument or by `--component`, each once."""
    if len(components) > 1 and not flag:
        return list(dict.fromkeys(components))
    if len(components) > 1:
        raise UsageError("several components, and --component names one more", hints=["Name them as arguments only."])
    return [options.either(components[0] if components else None, flag)]


def patience(*, wait: bool, timeout: float | None) -> float | None:
    """Seconds to wait for a lock; None where we are not to. Raises CliError for a limit without --wait."""
    if timeout is not None and not wait:
        raise CliError("--timeout says how long to wait", hints=["Add --wait."])
    return (DEFAULT_TIMEOUT if timeout is None else timeout) if wait else None


def _waited(session: client.Session, request: locks.LockRequest, timeout: float) -> Mapping[str, Any]:
    from sonde.cli import hold, signals  # what a lock that is free never needs

    with signals.raised(), hold.held(session, request, hold.Waiting(session.process, timeout)) as taken:
        taken.kept = True
    return taken.granted


def explained(error: ApiError, *, waiting: bool, many: bool = False) -> ApiError:
    """A lock that was not granted: what may have happened, and what to do."""
    if (isinstance(error, NoAnswerError) and error.sent) or isinstance(error, DecodeError):
        error.hints = (*error.hints, MAYBE_LOCKED)
    if isinstance(error, RefusedError) and error.tag == "LockConflict" and not waiting:
        error.hints = (*error.hints, NONE_LOCKED if many else CAN_WAIT)
    if isinstance(error, RefusedError) and error.status in (404, 405) and many:
        error.hints = (*error.hints, "Only a Sonde server locks several at once; elsewhere lock one after the other.")
    return error if many else error.prefixed("failed to lock stack ")


@click.command(
    help="Release the locks of components in a stack.",
    epilog=options.examples(
        "sonde pro unlock vpc -s prod/us-east-1",
        "sonde pro unlock vpc eks -s prod",
        codes=f"{CODES}, or nothing was locked.",
    ),
)
@click.argument("components", nargs=-1)
@COMPONENT
@STACK
@options.global_flags
@click.pass_context
def unlock(ctx: click.Context, components: tuple[str, ...], flag: str | None, stack: str) -> None:
    world = process.current()
    names = named(components, flag)
    example = "sonde pro unlock vpc -s prod/us-east-1"
    session, repository = prepared(world, options.flags_of(ctx), names, stack, example=example)
    failed: list[ApiError] = []
    for name in names:  # whatever becomes of one, the others are released
        key = locks.lock_key(repository.owner, repository.name, stack, name)
        try:
            client.unlock(session, locks.UnlockRequest(key=key))
        except ApiError as error:
            failed.append(error.prefixed("failed to unlock stack " if len(names) == 1 else f"{key}: "))
        else:
            world.stderr.write(f"\n✓ Stack '{key}' successfully unlocked\n\n")
    if failed:
        failed[0].message = "\n".join(error.message for error in failed)
        raise failed[0]


def prepared(
    world: Process, flags: options.Flags, components: Sequence[str], stack: str, *, example: str
) -> tuple[client.Session, git.Repository]:
    """Sign in. `example` is a whole call, for who named too little. The repository is the checkout's remote, never GITHUB_REPOSITORY (protocol.md §9)."""
    home = project.load(world, flags)
    if not (all(components) and stack):
        raise CliError("component and stack are both required", hints=[example])
    repository = project.repository(world)
    return project.session(home), repository
