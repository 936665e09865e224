"""`sonde pro locks`: who holds what, until when, and why."""

import json

import click

from sonde.cli import options, process, project
from sonde.cli.columns import aligned, printable
from sonde.cli.reads import locks_of
from sonde.wire import codec, locks
from sonde.wire.reads import LockSeen

HEADINGS = ("LOCKED", "HOLDER", "UNTIL", "FENCE", "MESSAGE", "RUN")


@click.command(
    name="locks",
    help="Show who holds which lock of this repository, until when, and why.",
    epilog=options.examples(
        "sonde pro locks",
        "sonde pro locks --all --format json | jq '.[].key'",
        codes="0 shown; 1 refused, or no answer.",
    ),
)
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", help="table or json.")
@click.option("--all", "everything", is_flag=True, help="Also those that have ended.")
@options.global_flags
@click.pass_context
def command(ctx: click.Context, form: str, *, everything: bool) -> None:
    world = process.current()
    home = project.load(world, options.flags_of(ctx))
    repository = project.repository(world)
    found = locks_of(project.session(home), repository)
    shown = sorted((seen for seen in found if seen.live or everything), key=lambda seen: seen.key)
    if form == "json":
        world.stdout.write(json.dumps(codec.to_json(shown), indent=2, ensure_ascii=False) + "\n")
    elif shown:
        prefix = locks.lock_key(repository.owner, repository.name, "", "")[:-1]
        world.stdout.write(aligned([HEADINGS, *(_line(seen, prefix) for seen in shown)]))
    else:
        world.stderr.write(f"No lock is held in {repository.owner}/{repository.name}.\n")


def _line(seen: LockSeen, prefix: str) -> tuple[str, ...]:
    """The repository is the same in every key, and is left out."""
    until = seen.expires_at if seen.live else "ended"
    cells = (seen.key.removeprefix(prefix), seen.holder, until, str(seen.fence), seen.message, seen.run_url or "")
    return tuple(map(printable, cells))
