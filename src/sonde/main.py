"""The `sonde` command: one table of commands, each imported only when it is called.

The table is the only place that knows every command. A string names `module:attribute`, so that `sonde pro lock`
never pays for the import of the server, and a base install (without the `server` extra) still has every client command.
"""

import importlib
import sys
from collections.abc import Mapping

import click

from sonde import __version__

COMMANDS: Mapping[str, tuple[str, str]] = {
    "pro": ("sonde.cli.pro:group", "Lock, unlock and report to the control plane."),
    "describe": ("sonde.cli.describe:group", "Show stacks, components and what a change affects."),
    "list": ("sonde.cli.listing:group", "List stacks, components and instances."),
    "validate": ("sonde.cli.validate:group", "Check stack manifests."),
    "terraform": ("sonde.cli.terraform:command", "Run Terraform or OpenTofu for a component in a stack."),
    "serve": ("sonde.server.main:serve", "Run the control plane server."),
    "admin": ("sonde.server.admin:group", "Create workspaces, repositories and tokens."),
    "demo": ("sonde.demo.main:demo", "Show the whole loop on this machine, with no account and no network."),
}

SERVER_COMMANDS = frozenset({"serve", "admin", "demo"})


class LazyGroup(click.Group):
    """A click group over `COMMANDS`: help texts come from the table, modules are imported on use."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name][0].partition(":")
        try:
            command = getattr(importlib.import_module(module), attribute)
        except ModuleNotFoundError as error:
            if cmd_name in SERVER_COMMANDS and not (error.name or "").startswith("sonde"):
                raise click.ClickException(
                    f"`sonde {cmd_name}` needs the server extra ({error.name} is missing): pip install 'sonde[server]'"
                ) from error
            raise
        if not isinstance(command, click.Command):
            raise TypeError(f"{COMMANDS[cmd_name][0]} is not a click command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="sonde")
def cli() -> None:
    r"""Coordinate Terraform and OpenTofu on GitHub: locks, status, ordered dispatch, drift.

    \b
    Examples:
      sonde demo                                  see the whole loop, no account needed
      sonde serve                                 start the control plane
      sonde pro lock vpc -s prod/us-east-1        take a stack lock
      sonde describe affected --upload            tell the server what a change touches
    """


def main() -> None:
    """Entry point of the console script. Exit codes: docs/exit-codes.md."""
    cli.main(args=sys.argv[1:], prog_name="sonde")


if __name__ == "__main__":
    main()
