"""The `sonde` command: one table of commands, each imported only when it is called.

The table is the only place that knows every command. A string names `module:attribute`, so that `sonde pro lock`
never pays for the import of the server, and a base install (without the `server` extra) still has every client command.
"""

import gc
import os
import sys

import click

from sonde import __version__, start
from sonde.cli import called, errors
from sonde.cli.lazy import LazyGroup, Table
from sonde.stacks.cache import running

COMMANDS: Table = {
    "pro": ("sonde.cli.pro:group", "Lock, unlock and report to the control plane."),
    "describe": ("sonde.cli.describe:group", "Show stacks, components and what a change affects."),
    "list": ("sonde.cli.listing:group", "List stacks, components and instances."),
    "validate": ("sonde.cli.validate:group", "Check stack manifests."),
    "terraform": ("sonde.cli.terraform:command", "Run Terraform or OpenTofu for a component in a stack."),
    "version": ("sonde.cli.version:command", "Show the version."),
    "serve": ("sonde.server.main:serve", "Run the control plane server."),
    "admin": ("sonde.server.admin:group", "Create workspaces, repositories and tokens."),
    "demo": ("sonde.demo.main:demo", "Show the whole loop on this machine, with no account and no network."),
}

SERVER_COMMANDS = frozenset({"serve", "admin", "demo"})
SERVER_PACKAGES = frozenset({"sonde.server", "sonde.demo"})  # they have threads and exit handlers of their own


class RootGroup(LazyGroup):
    """The table above; a server command without the server extra says what to install."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in SERVER_COMMANDS:
            gc.enable()
        try:
            return super().get_command(ctx, cmd_name)
        except ModuleNotFoundError as error:
            if cmd_name in SERVER_COMMANDS and not (error.name or "").startswith("sonde"):
                raise click.ClickException(
                    f"`sonde {cmd_name}` needs the server extra ({error.name} is missing). "
                    "In a checkout of Sonde: pip install '.[server]'"
                ) from error
            raise


@click.group(
    cls=RootGroup, table=COMMANDS, aliases={"tf": "terraform"}, context_settings={"help_option_names": ["-h", "--help"]}
)
@click.version_option(__version__, prog_name="sonde")
def cli() -> None:
    """Coordinate Terraform and OpenTofu on GitHub: locks, status, ordered dispatch, drift.

    \b
    Examples:
      sonde demo                                  see the whole loop, no account needed
      sonde serve                                 start the control plane
      sonde pro lock vpc -s prod/us-east-1        take a stack lock
      sonde describe affected --upload            tell the server what a change touches
    """  # noqa: D301 - \b is the control character by which click keeps these lines as they are


def main() -> None:
    """What `sonde.start` calls where no kept answer will do. Exit codes: docs/exit-codes.md."""
    argv, program = sys.argv[1:], called.name(sys.argv[0])
    cli.help = called.by(program, cli.help or "")
    code = running.run(argv, os.environ, lambda: errors.run(cli, argv, prog=program, env=os.environ, stderr=sys.stderr))
    if SERVER_PACKAGES.isdisjoint(sys.modules):
        start.leave(code)
    sys.exit(code)


if __name__ == "__main__":
    start.main()
