"""`sonde list …`: stacks, components and instances (stacks.md §9)."""

import click

from sonde.cli.lazy import LazyGroup, Table

COMMANDS: Table = {
    "stacks": ("sonde.cli.list_inventory:stacks", "List the stacks."),
    "components": ("sonde.cli.list_inventory:components", "List the components and in how many stacks each is."),
    "instances": ("sonde.cli.list_inventory:instances", "List every component in every stack."),
    "affected": ("sonde.cli.affected_list:command", "List what a change touches."),
}


@click.group(cls=LazyGroup, table=COMMANDS, name="list")
def group() -> None:
    """List stacks, components and instances."""
