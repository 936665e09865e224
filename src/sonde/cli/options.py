"""Flags that several commands share: the ones every command takes, and how a component and a stack are named."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click

from sonde.cli import process
from sonde.cli.errors import UsageError

F = TypeVar("F", bound=Callable[..., Any])
Flags = Mapping[str, Any]

# Flags of every command, before it or behind it (stacks.md §1, §1.3), passed on as one mapping to `config.load`.
GLOBAL: tuple[tuple[str, ...], ...] = (
    ("--base-path", "Base path of the project."),
    ("--config", "Configuration file, instead of the ones found."),
    ("--config-path", "Folder of configuration files, instead of the ones found."),
    ("--logs-level", "Trace, Debug, Info, Warning, Error or Off."),
    ("--logs-file", "Where the log goes."),
    ("--profile", "Configuration profile."),
    ("--settings-list-merge-strategy", "How lists are merged: replace, append or merge."),
)
# Flags of every command that change nothing here: where they would, the Go CLI draws for a terminal, or asks on one.
WITHOUT_EFFECT = ("--pager", "--mask", "--interactive", "--heatmap", "--force-color", "--force-tty")
NO_COLOUR = "--no-color"  # which `errors.run` sees
STARTED_IN = "sonde.cli.started_in"  # in the context that all commands of a call share
REPEATED = frozenset({"--config", "--config-path", "--profile"})


def global_flags(command: F) -> F:
    """Give a command the flags of GLOBAL and `--chdir`; `flags_of` tells which were given."""
    for name, text in reversed(GLOBAL):
        several = name in REPEATED
        command = click.option(name, expose_value=False, callback=_collect, multiple=several, help=text)(command)
    for name in (*WITHOUT_EFFECT, NO_COLOUR):
        command = click.option(name, expose_value=False, is_flag=False, flag_value="true", hidden=True)(command)
    command = click.option("--redirect-stderr", expose_value=False, hidden=True)(command)
    chdir = click.option(
        *("-C", "--chdir"), expose_value=False, is_eager=True, callback=_chdir, help="Run as if started in this folder."
    )
    return chdir(command)


def hidden_parameters() -> list[click.Parameter]:
    """The same flags for a group: `sonde --logs-level Off pro lock` is as good as `sonde pro lock --logs-level Off`."""
    parameters: list[click.Parameter] = [
        click.Option([name], expose_value=False, callback=_collect, multiple=name in REPEATED, hidden=True)
        for name, _ in GLOBAL
    ]
    chdir = click.Option(["-C", "--chdir"], expose_value=False, is_eager=True, callback=_chdir, hidden=True)
    return [*parameters, chdir, click.Option([NO_COLOUR], expose_value=False, is_flag=True, hidden=True)]


def examples(*lines: str, codes: str = "") -> str:
    """What stands below the options of a command: calls that work as they are, and what its exit codes mean."""
    text = "\b\nExamples:\n" + "".join(f"  {line}\n" for line in lines)
    return f"{text}\n\b\nExit codes: {codes}" if codes else text


def _collect(ctx: click.Context, parameter: click.Parameter, value: Any) -> None:
    if value not in (None, ()):
        ctx.ensure_object(dict)[parameter.human_readable_name.replace("_", "-")] = value


def _chdir(ctx: click.Context, parameter: click.Parameter, value: str | None) -> None:
    """Every folder is seen from where the program was started, whichever command names it."""
    del parameter
    if value or ctx.parent is None:
        process.enter(value or "", ctx.meta.setdefault(STARTED_IN, Path.cwd()))


def flags_of(ctx: click.Context) -> Flags:
    """The global flags that were given, by their names without dashes in front."""
    return dict(ctx.obj or {})


def either(positional: str | None, flag: str | None) -> str:
    """A component given as an argument or by `--component`. Raises UsageError where both name one, and not the same."""
    if flag and positional and flag != positional:
        raise UsageError(
            f"which component: {positional}, the argument, or {flag}, of --component?", hints=["Name it once."]
        )
    return flag or positional or ""
