"""A component given as a path, `./vpc` or `.`: the folder it stands for (stacks.md §13, exit code 2)."""

import posixpath
from typing import TYPE_CHECKING

from sonde.stacks.errors import StacksError

if TYPE_CHECKING:
    from sonde.stacks.engine import Engine

TYPES = ("terraform", "helmfile", "packer")


def is_path(name: str) -> bool:
    return name in (".", "..") or name.startswith(("./", "../", "/"))


def component_of(engine: "Engine", name: str) -> str:
    """The component's folder below its type's base path. Raises StacksError with exit code 2 for any other place."""
    project = engine.project
    path = posixpath.normpath(posixpath.join(project.cwd, name))
    for kind in TYPES:
        base = project.component_paths.get(kind, "")
        root = posixpath.normpath(posixpath.join(project.base_path, base))
        if base and path.startswith(root + "/"):
            return path[len(root) + 1 :]
    listed = "\n".join(f"  • {kind.title()}: {project.component_paths.get(kind) or '``'}" for kind in TYPES)
    raise StacksError(
        f"path is not within Atmos component directories\n\nPath {path} is not within any configured component directories\n\n"
        f"Configured component base paths:\n\n{listed}",
        hints=[
            "Change to a component directory and use . or provide a path within one of the component directories above"
        ],
        exit_code=2,
    )
