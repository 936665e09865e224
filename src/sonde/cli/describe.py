"""`sonde describe …`: stacks, components, the configuration and dependents (stacks.md §8)."""

import click

from sonde.cli.lazy import LazyGroup, Table

COMMANDS: Table = {
    "stacks": ("sonde.cli.describe_stacks:stacks", "Show all stacks with their components."),
    "component": ("sonde.cli.describe_stacks:component", "Show one component in a stack."),
    "config": ("sonde.cli.describe_stacks:config", "Show the configuration the CLI works with."),
    "dependents": ("sonde.cli.describe_stacks:dependents", "Show what depends on a component."),
    "workflows": ("sonde.cli.describe_workflows:command", "Show the workflows of the project."),
    "affected": ("sonde.cli.affected:command", "Show what a change touches."),
}


@click.group(cls=LazyGroup, table=COMMANDS, aliases={"dependants": "dependents"}, name="describe")
def group() -> None:
    """Show stacks, components and what a change affects."""
