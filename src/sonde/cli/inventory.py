"""What the describing and listing commands share: the project on disk, its engine, and the words about what was missing."""

from collections.abc import Iterable, Mapping
from typing import Any

from sonde.cli import called
from sonde.cli.process import Process
from sonde.stacks import config as configuration
from sonde.stacks.config import Config, Flags
from sonde.stacks.engine import Engine, Options, open_engine
from sonde.stacks.errors import StacksError
from sonde.stacks.tree import WorkingTree

__all__ = ["NoStacksError", "StacksError", "load_config", "open_project", "prefixed", "split", "summary", "validate"]


class NoStacksError(StacksError):
    """The configuration does not say where stacks are."""


def prefixed(error: StacksError, what: str) -> StacksError:
    """The same error with what was attempted in front."""
    return StacksError(what + error.flat, hints=error.hints, exit_code=error.exit_code)


def load_config(world: Process, given: Mapping[str, Any]) -> Config:
    """The configuration with the global flags applied. Raises StacksError."""
    flags = Flags(
        base_path=str(given.get("base-path") or ""),
        config=tuple(given.get("config") or ()),
        config_path=tuple(given.get("config-path") or ()),
        profiles=tuple(given.get("profile") or ()),
        logs_level=str(given.get("logs-level") or ""),
        logs_file=str(given.get("logs-file") or ""),
        list_merge_strategy=str(given.get("settings-list-merge-strategy") or ""),
    )
    return configuration.load(cwd=world.cwd, env=world.env, flags=flags)


def open_project(world: Process, given: Mapping[str, Any]) -> tuple[Config, Engine]:
    """Configuration and engine over the working tree. Raises StacksError where there are no stacks."""
    config = load_config(world, given)
    try:
        config.require_stacks()
    except StacksError as error:
        raise NoStacksError(error.flat, hints=error.hints) from error
    return config, open_engine(config, WorkingTree(config.base_path), env=world.env)


def validate(config: Config, engine: Engine, world: Process) -> None:
    """Full validation, which `describe stacks` does first (stacks.md §2, §13.1)."""
    from sonde.stacks.schema.validation import validate as full

    full(config, engine, warn=lambda text: warn(world, text))


def warn(world: Process, text: str) -> None:
    """Something that does not stop the command."""
    world.stderr.write(f"⚠ {called.by(world.program, text)}\n")


def split(values: Iterable[str]) -> tuple[str, ...]:
    """Values of a flag that may be repeated or hold several, separated by commas."""
    return tuple(part.strip() for value in values for part in value.split(",") if part.strip())


def summary(engine: Engine, options: Options, world: Process) -> None:
    """One line on how many values were not there, unless the mode is silent (stacks.md §8.2)."""
    count = len(engine.warnings)
    if count and options.error_mode == "warn":
        world.stderr.write(
            f"⚠ {count} value(s) could not be determined and are shown as (computed). Run with --logs-level=Debug for details, "
            "or --error-mode=strict to fail immediately instead.\n"
        )
