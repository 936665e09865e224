"""`sonde pro status`: how the instances are, or how far a pull request is and why it waits."""

import json
from collections.abc import Iterable
from typing import Any

import click

from sonde.cli import called, options, process, project
from sonde.cli.columns import aligned, printable
from sonde.cli.errors import CliError
from sonde.cli.reads import instances_of, pull_of
from sonde.wire import codec
from sonde.wire.reads import DispatchSeen, InstanceSeen, PullSeen, TriggerSeen

HEADINGS = ("STACK", "COMPONENT", "STATUS", "LAST COMMAND", "EXIT CODE", "LAST RUN")


@click.command(
    name="status",
    help="Show the status of this repository's instances.\n\nWith --pull, how far a pull request is and why it waits.",
    epilog=options.examples(
        "sonde pro status",
        "sonde pro status vpc -s prod --format json",
        "sonde pro status --pull 41",
        codes="0 shown; 1 refused, no answer, or no such instance.",
    ),
)
@click.argument("component", required=False, default="")
@click.option("-s", "--stack", default="", help="Only this stack.")
@click.option("--pull", type=click.IntRange(min=1), help="The number of a pull request.")
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", help="table or json.")
@options.global_flags
@click.pass_context
def command(ctx: click.Context, component: str, stack: str, pull: int | None, form: str) -> None:
    world = process.current()
    home = project.load(world, options.flags_of(ctx))
    repository = project.repository(world)
    session = project.session(home)
    if pull is not None:
        seen = pull_of(session, repository, pull)
        world.stdout.write(as_json(seen) if form == "json" else described(seen, component, stack))
        return
    every = instances_of(session, repository)
    found = sorted(chosen(every, component, stack), key=lambda seen: (seen.stack, seen.component))
    if not found and (component or stack):
        raise CliError(
            f"the control plane knows no instance of {_named(component, stack)} among {len(every)}",
            hints=["`sonde list instances --upload` tells it which there are."],
        )
    if form == "json":
        world.stdout.write(as_json(found))
    elif found:
        world.stdout.write(aligned([HEADINGS, *map(_line, found)]))
    else:
        nothing = "The control plane knows no instance yet. `sonde list instances --upload` tells it.\n"
        world.stderr.write(called.by(world.program, nothing))


def as_json(value: Any) -> str:
    """What the server said, with its names."""
    return json.dumps(codec.to_json(value), indent=2, ensure_ascii=False) + "\n"


def chosen(every: Iterable[Any], component: str, stack: str) -> list[Any]:
    """Those of a component and a stack, where these are named."""
    return [seen for seen in every if component in ("", seen.component) and stack in ("", seen.stack)]


def _named(component: str, stack: str) -> str:
    return " in ".join(repr(part) for part in (component, stack) if part)


def _line(seen: InstanceSeen) -> tuple[str, ...]:
    code = "" if seen.exit_code is None else str(seen.exit_code)
    cells = (seen.stack, seen.component, seen.status, seen.last_command or "", code, seen.last_run or "")
    return tuple(map(printable, cells))


def described(pull: PullSeen, component: str, stack: str) -> str:
    """A pull request for people: what each event started, and below it every dispatch with its reason."""
    state = "merged" if pull.merged else "open" if pull.open else "closed"
    parts = [f"#{pull.number} {printable(pull.title)} ({state}, head {printable(pull.head_sha[:7])})\n"]
    if not pull.triggers:
        parts.append("\nNothing was triggered yet: the list of affected stacks has not been uploaded.\n")
    parts.extend(_trigger(trigger, component, stack) for trigger in pull.triggers)
    return "".join(parts)


def _trigger(trigger: TriggerSeen, component: str, stack: str) -> str:
    state = f"{trigger.state}, {trigger.conclusion}" if trigger.conclusion else trigger.state
    lines = [f"{trigger.activity} {trigger.sha[:7]}: {state}", f"  {trigger.because}" if trigger.because else ""]
    rows = [_dispatch(item) for item in chosen(trigger.dispatches, component, stack)]
    lines += [f"  {line}" for line in aligned(rows).splitlines()]
    lines += [f"  {item.instance}: not dispatched: {item.because}" for item in trigger.not_dispatched]
    return "\n" + "".join(f"{printable(line)}\n" for line in lines if line)


def _dispatch(seen: DispatchSeen) -> tuple[str, ...]:
    state = f"{seen.state} ({seen.result})" if seen.result else seen.state
    return tuple(
        map(printable, (f"{seen.stack}/{seen.component}", seen.workflow, state, seen.because, seen.run_url or ""))
    )
