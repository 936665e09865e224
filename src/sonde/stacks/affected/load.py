"""Both sides of the comparison as stacks: HEAD's working tree, and the base."""

from collections.abc import Mapping
from typing import Any

from sonde.stacks.discovery import NoManifestsError
from sonde.stacks.engine import Engine, Instance, Options, open_engine
from sonde.stacks.errors import StacksError
from sonde.stacks.tree import Tree

_UNRESOLVED = "stack import not found"


def head_side(engine: Engine, options: Options) -> tuple[Instance, ...]:
    """HEAD's instances. Raises StacksError."""
    return engine.stacks(options).instances


def base_side(config: Any, tree: Tree, env: Mapping[str, str], options: Options) -> tuple[Instance, ...]:
    """The base's instances, read with HEAD's configuration (stacks.md §10.1).

    A base without manifests, or with imports that lead nowhere, counts as empty: everything is new then. Any other error
    in it is an error of the comparison.
    """
    try:
        return open_engine(config, tree, env=env).stacks(options).instances
    except NoManifestsError:
        return ()
    except StacksError as error:
        if error.message.startswith(_UNRESOLVED):
            return ()
        raise
