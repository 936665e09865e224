"""A component given as a path, `./vpc` or `.`: the folder it stands for (stacks.md §13, exit code 2)."""

import posixpath
from collections.abc import Sequence
from typing import TYPE_CHECKING

from sonde.stacks.errors import StacksError

if TYPE_CHECKING:
    from sonde.stacks.engine import Engine

TYPES = ("terraform", "helmfile", "packer")


def is_path(name: str) -> bool:
    return name in (".", "..") or name.startswith(("./", "../", "/"))


def component_of(engine: "Engine", name: str) -> str:
    """The component's folder below its type's base path. Raises StacksError with exit code 2 for any other place."""
    folder = below_base(engine, name)
    if folder:
        return folder
    project = engine.project
    path = posixpath.normpath(posixpath.join(project.cwd, name))
    listed = "\n".join(f"  • {kind.title()}: {project.component_paths.get(kind) or '``'}" for kind in TYPES)
    raise StacksError(
        f"path is not within Atmos component directories\n\nPath {path} is not within any configured component directories\n\n"
        f"Configured component base paths:\n\n{listed}",
        hints=[
            "Change to a component directory and use . or provide a path within one of the component directories above"
        ],
        exit_code=2,
    )


def below_base(engine: "Engine", name: str) -> str:
    """The folder below the base path of its type that a path leads to; empty where it leads elsewhere."""
    project = engine.project
    path = posixpath.normpath(posixpath.join(project.cwd, name))
    for kind in TYPES:
        base = project.component_paths.get(kind, "")
        root = posixpath.normpath(posixpath.join(project.base_path, base))
        if base and path.startswith(root + "/"):
            return path[len(root) + 1 :]
    return ""


def only_user(folder: str, stack: str, users: Sequence[str]) -> str:
    """The one component of a stack that uses a folder; without a stack the folder's own name.

    Raises StacksError with exit code 2 where there is none, or more than one.
    """
    if not stack or len(users) == 1:
        return users[0] if stack else folder
    if not users:
        raise StacksError(
            f"component not found in stack\n\nComponent {folder} not found in stack {stack}",
            hints=[f"Run `atmos list components --stack {stack}` to see components in this stack."],
            exit_code=2,
        )
    raise StacksError(
        f"ambiguous component path\n\nPath resolves to {folder} which is referenced by multiple components in stack {stack}"
        f"\n\nMatching components: {', '.join(users)}",
        hints=["Use the exact component name instead of a path."],
        exit_code=2,
    )
