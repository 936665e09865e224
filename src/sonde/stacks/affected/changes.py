"""Changed files, and what they hit: a folder, a file, or a local module (stacks.md §10.2)."""

import os
import posixpath
from bisect import bisect_left
from collections.abc import Iterable

from sonde.stacks import kinds, terraform_config
from sonde.stacks.engine import Instance
from sonde.stacks.errors import StacksError
from sonde.stacks.tree import Tree


class Changes:
    """Files that differ between the two commits, as absolute paths below `root`."""

    def __init__(self, paths: Iterable[str], root: str = "/") -> None:
        self.root = root
        self.paths = sorted(paths)
        self._known = frozenset(self.paths)
        self._real: dict[str, str] = {}

    def below(self, folder: str) -> bool:
        """Whether any file below the folder changed, or the folder itself: a submodule changes as a whole.

        A folder behind a symbolic link changes where the link leads, as git names it.
        """
        return bool(self.paths) and (self._below(folder) or self._below(self._led(folder)))

    def _led(self, folder: str) -> str:
        known = self._real.get(folder)
        if known is None:
            real, root = os.path.realpath(folder), os.path.realpath(self.root).rstrip("/")
            known = self.root.rstrip("/") + real[len(root) :] if real.startswith(root + "/") else real
            self._real[folder] = known
        return known

    def _below(self, folder: str) -> bool:
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
        return Changes((path for path in self.paths if path.startswith(prefix)), self.root)


def is_local(source: str) -> bool:
    """Whether a module's source is a path and not an address."""
    return source.startswith(("./", "../"))


class Modules:
    """The local modules that components call, as HEAD's files name them; each folder is read once.

    Changes outside of `components.terraform.base_path` count where they lie in a module, that is, below a folder with
    Terraform files (the Go CLI misses them: Q17). While no module changed no HCL is read.
    """

    def __init__(self, tree: Tree, changes: Changes, base: str) -> None:
        self.tree = tree
        self._top = changes.root.rstrip("/")  # what lies around the checkout is none of its modules
        inside = changes.within(base)
        outside = [path for path in changes.paths if not path.startswith(base.rstrip("/") + "/")]
        self._strict = bool(inside.paths)
        self._modules: dict[str, bool] = {}
        self._calls: dict[str, list[str]] = {}
        self.changes = Changes([*inside.paths, *(path for path in outside if self._in_module(path))], changes.root)

    def _in_module(self, path: str) -> bool:
        """Whether Terraform files lie beside the file, or in a folder above it."""
        if path.endswith((".tf", ".tf.json")):
            return True
        folder = posixpath.dirname(path)
        known = self._modules.get(folder)
        if known is None:
            files = any(name.endswith((".tf", ".tf.json")) for name, _ in self.tree.entries(folder))
            known = files or (folder not in ("/", self._top) and self._in_module(folder))
            self._modules[folder] = known
        return known

    def changed(self, instance: Instance, folder: str) -> bool:
        """Whether a module that the component calls, directly or through other local modules, was changed.

        Raises StacksError where the component's files are not HCL, if anything below the components' folder changed.
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
            sources = self._sources(folder, instance)
            known = [posixpath.normpath(posixpath.join(folder, source)) for source in sources if is_local(source)]
            self._calls[folder] = known
        return known

    def _sources(self, folder: str, instance: Instance) -> list[str]:
        try:
            module = terraform_config.load(self.tree, folder, instance.name, instance.sections) or {}
        except StacksError:
            if self._strict:
                raise
            return []
        return [str(call.get("source", "")) for call in module.get("module_calls", {}).values()]
