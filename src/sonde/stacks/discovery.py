"""Which files are top-level manifests (stacks.md §2)."""

import posixpath

from sonde.stacks import globs
from sonde.stacks.errors import StacksError
from sonde.stacks.manifests import YAML_EXTENSIONS
from sonde.stacks.project import Project
from sonde.stacks.tree import Tree


class NoManifestsError(StacksError):
    """No file matches, or there is no stacks folder."""


def top_level(project: Project, tree: Tree) -> list[str]:
    """Absolute paths of all files that `included_paths` match and `excluded_paths` do not, sorted."""
    if not tree.exists(project.stacks_path):
        raise NoManifestsError(
            f"atmos stacks directory not found at: {project.stacks_path_as_given}",
            hints=["Create it, or set `stacks.base_path` in atmos.yaml to the folder of your stack manifests."],
        )
    found: dict[str, None] = {}
    for pattern in project.included:
        path = posixpath.normpath(posixpath.join(project.stacks_path, pattern))
        extensions = ("",) if posixpath.splitext(pattern)[1] else YAML_EXTENSIONS
        for extension in extensions:
            found.update(dict.fromkeys(globs.glob(tree, path + extension)))
    excluded = [posixpath.normpath(posixpath.join(project.stacks_path, pattern)) for pattern in project.excluded]
    kept = [path for path in found if not any(globs.matches(pattern, path) for pattern in excluded)]
    if not kept:
        listed = " ".join(posixpath.join(project.stacks_path, pattern) for pattern in project.included)
        raise NoManifestsError(
            f"no stack manifests found for the provided stack '' in the paths [{listed}]",
            hints=["Check `stacks.base_path`, `stacks.included_paths` and `stacks.excluded_paths` in atmos.yaml."],
        )
    return sorted(kept)


def stack_file(project: Project, path: str) -> str:
    """The manifest's name: its path below the stacks folder without `.yaml` or `.yml`."""
    name = path.removeprefix(project.stacks_path.rstrip("/") + "/")
    return name.removesuffix(".yaml").removesuffix(".yml")


def physical(files: list[str], stack: str) -> str | None:
    """The file that a stack given as a path (`deploy/two`) means; None when it is a name."""
    if "/" not in stack or stack.startswith("/"):
        return None
    extensions = ("",) if posixpath.splitext(stack)[1] else YAML_EXTENSIONS
    ends = tuple(stack + extension for extension in extensions)
    return next((path for path in files if path.endswith(ends)), None)
