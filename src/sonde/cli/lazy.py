"""A command group over a table: name -> (`module:attribute`, help). A module is imported when its command is called."""

import importlib
from collections.abc import Mapping
from typing import Any

import click

from sonde.cli import called, options, spelling

Table = Mapping[str, tuple[str, str]]


class LazyGroup(click.Group):
    """Help texts come from the table, so that listing the commands imports none of them."""

    def __init__(self, *args: Any, table: Table, aliases: Mapping[str, str] | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.table = table
        self.aliases = aliases or {}  # another name -> the one in the table
        self.params.extend(options.hidden_parameters())

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(self.table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        if cmd_name not in self.table:
            return None
        module, _, attribute = self.table[cmd_name][0].partition(":")
        command = getattr(importlib.import_module(module), attribute)
        if not isinstance(command, click.Command):
            raise TypeError(f"{self.table[cmd_name][0]} is not a click command")
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        args = [self.aliases.get(args[0], args[0]), *args[1:]] if args else args
        if args and args[0] not in self.table and not args[0].startswith("-"):
            raise click.UsageError(f"Unknown command {args[0]} for {ctx.command_path}\n\n{self.valid()}", ctx)
        name, command, rest = super().resolve_command(ctx, args)
        if command is not None and command.epilog:
            command.epilog = called.by(str(ctx.find_root().info_name), command.epilog)
        if command is not None and not isinstance(command, click.Group) and not command.ignore_unknown_options:
            rest = spelling.plain(command, rest, ctx)
        return name, command, rest

    def valid(self) -> str:
        """The list of sub-commands, for an error."""
        return "Valid subcommands are:\n\n" + "\n".join(f"  • {name}" for name in self.table)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in self.table.items()])
