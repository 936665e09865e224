"""Changed files, and what they hit: a folder, a file, or a local module (stacks.md §10.2)."""

import posixpath
from bisect import bisect_left
from collections.abc import Iterable

from sonde.stacks import kinds, terraform_config
from sonde.stacks.engine import Instance
from sonde.stacks.tree import Tree


class Changes:
    """Files that differ between the two commits, as absolute paths."""

    def __init__(self, paths: Iterable[str]) -> None:
        self.paths = sorted(paths)
        self._known = frozenset(self.paths)

    def below(self, folder: str) -> bool:
        """Whether any file below the folder changed, or the folder itself: a submodule changes as a whole."""
        if folder in self._known:
            return True
        prefix = folder.rstrip("/") + "/"
        at = bisect_left(self.paths, prefix)
        return at < len(self.paths) and self.paths[at].startswith(prefix)

    def has(self, file: str) -> bool:
        return file in self._known

    def within(self, folder: str) -> "Changes":
        """Only the changes below a folder."""
        prefix = folder.rstrip("/") + "/"
        return Changes(path for path in self.paths if path.startswith(prefix))


def is_local(source: str) -> bool:
    """Whether a module's source is a path and not an address."""
    return source.startswith(("./", "../"))


class Modules:
    """The local modules that components call, as HEAD's files name them; each folder is read once.

    Only changes below `components.terraform.base_path` count (Q17), and while there are none no HCL is read.
    """

    def __init__(self, tree: Tree, changes: Changes, base: str) -> None:
        self.tree = tree
        self.changes = changes.within(base)
        self._calls: dict[str, list[str]] = {}

    def changed(self, instance: Instance, folder: str) -> bool:
        """Whether a module that the component calls, directly or through other local modules, was changed.

        Raises StacksError where the component's files are not HCL.
        """
        if instance.kind != kinds.TERRAFORM or not self.changes.paths:
            return False
        called = dict.fromkeys(self._called(folder, instance))
        pending = list(called)
        while pending:
            module = pending.pop()
            if self.changes.below(module):
                return True
            further = [each for each in self._called(module, instance) if each not in called]
            called.update(dict.fromkeys(further))
            pending += further
        return False

    def _called(self, folder: str, instance: Instance) -> list[str]:
        known = self._calls.get(folder)
        if known is None:
            module = terraform_config.load(self.tree, folder, instance.name, instance.sections) or {}
            sources = [str(call.get("source", "")) for call in module.get("module_calls", {}).values()]
            known = [posixpath.normpath(posixpath.join(folder, source)) for source in sources if is_local(source)]
            self._calls[folder] = known
        return known
