"""Flags that several commands share: the ones every command takes, and how a component and a stack are named."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])
Flags = Mapping[str, Any]

# Flags of every command (stacks.md §1, §1.3), passed on as one mapping to `config.load`.
GLOBAL: tuple[tuple[str, dict[str, Any]], ...] = (
    ("base-path", {"help": "Base path of the project."}),
    ("config", {"multiple": True, "help": "Configuration file, instead of the ones found."}),
    ("config-path", {"multiple": True, "help": "Folder of configuration files, instead of the ones found."}),
    ("logs-level", {"help": "Trace, Debug, Info, Warning, Error or Off."}),
    ("logs-file", {"help": "Where the log goes."}),
    ("profile", {"multiple": True, "help": "Configuration profile."}),
)


def global_flags(command: F) -> F:
    """Give a command the flags of GLOBAL; its function receives them as `flags`."""
    for name, extra in reversed(GLOBAL):
        command = click.option(f"--{name}", expose_value=False, callback=_collect, **extra)(command)
    return command


def _collect(ctx: click.Context, parameter: click.Parameter, value: Any) -> None:
    if value not in (None, ()):
        ctx.ensure_object(dict)[parameter.human_readable_name.replace("_", "-")] = value


def flags_of(ctx: click.Context) -> Flags:
    """The global flags that were given, by their names without dashes in front."""
    return dict(ctx.obj or {})


def either(positional: str | None, flag: str | None) -> str:
    """A component given as an argument or by `--component`; the flag wins where both are given."""
    return flag or positional or ""
