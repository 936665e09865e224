"""`sonde pro lock` and `sonde pro unlock` (protocol.md §5, stacks.md §11.1).

Neither component nor stack is looked up: a lock may be taken for what does not exist yet.
"""

import click

from sonde.cli import client, git, options, process, project
from sonde.cli.errors import ApiError, CliError, GitError, NoAnswerError
from sonde.cli.process import Process
from sonde.wire import locks

MIN_TTL, MAX_TTL = -(2**31), 2**31 - 1
MAYBE_LOCKED = (
    "Whether the lock was taken is not known. Lock again from the same job: that renews a lock of its own. "
    "`sonde pro unlock` releases it."
)
COMPONENT = click.option("-c", "--component", "flag", help="The component to lock.")
STACK = click.option("-s", "--stack", default="", help="The stack, by its name or its manifest.")


@click.command(help="Lock a component in a stack, so that nothing is dispatched onto it.")
@click.argument("component", required=False)
@COMPONENT
@STACK
@click.option(
    "-t", "--ttl", type=click.IntRange(MIN_TTL, MAX_TTL), default=0, help="Seconds until the lock ends by itself [30]."
)
@click.option("-m", "--message", default="", help="Shown to whoever meets the lock [Locked by Atmos].")
@options.global_flags
@click.pass_context
def lock(ctx: click.Context, component: str | None, flag: str | None, stack: str, ttl: int, message: str) -> None:
    world = process.current()
    session, key = _prepared(world, options.flags_of(ctx), options.either(component, flag), stack)
    request = locks.LockRequest(key=key, ttl=ttl or locks.DEFAULT_TTL, message=message or locks.DEFAULT_MESSAGE)
    try:
        granted = client.lock(session, request)
    except NoAnswerError as error:
        if error.sent:
            error.hints = (*error.hints, MAYBE_LOCKED)
        raise error.prefixed("failed to lock stack ") from error
    except ApiError as error:
        raise error.prefixed("failed to lock stack ") from error
    ends = f"  It ends by itself at {granted['expiresAt']}.\n" if granted.get("expiresAt") else ""
    world.stderr.write(f"\n✓ Stack '{granted.get('key', '')}' successfully locked\n{ends}\n")


@click.command(help="Release the lock of a component in a stack.")
@click.argument("component", required=False)
@COMPONENT
@STACK
@options.global_flags
@click.pass_context
def unlock(ctx: click.Context, component: str | None, flag: str | None, stack: str) -> None:
    world = process.current()
    session, key = _prepared(world, options.flags_of(ctx), options.either(component, flag), stack)
    try:
        client.unlock(session, locks.UnlockRequest(key=key))
    except ApiError as error:
        raise error.prefixed("failed to unlock stack ") from error
    world.stderr.write(f"\n✓ Stack '{key}' successfully unlocked\n\n")


def _prepared(world: Process, flags: options.Flags, component: str, stack: str) -> tuple[client.Session, str]:
    """Sign in and name the lock. The repository is the checkout's remote, never GITHUB_REPOSITORY (protocol.md §9)."""
    home = project.load(world, flags)
    if not (component and stack):
        raise CliError("component and stack are both required", hints=["sonde pro lock vpc -s prod/us-east-1"])
    try:
        repository = git.repository(git.find(world.cwd))
    except GitError as error:
        raise GitError(f"failed to get local repository {error.message}", hints=error.hints) from error
    key = locks.lock_key(repository.owner, repository.name, stack, component)
    return project.session(home), key
