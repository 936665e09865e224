"""Where manifests are read from: the working tree now, a commit's objects elsewhere.

Paths are absolute, normalised and use `/`. A tree answers for what lies below its root; the engine never reads a
manifest in any other way, so that the base side of `describe affected` needs no checkout.
"""

import os
from pathlib import Path
from typing import Protocol


class Tree(Protocol):
    """What the engine asks of a file tree."""

    def read_bytes(self, path: str) -> bytes:
        """The content of a file. Raises FileNotFoundError."""

    def exists(self, path: str) -> bool:
        """Whether a file or a folder of that name is there."""

    def entries(self, folder: str) -> list[tuple[str, bool]]:
        """Names in a folder with "is a folder", sorted by name; empty when there is no such folder."""


class WorkingTree:
    """The file system. Folders are listed once and remembered."""

    def __init__(self, root: str | Path) -> None:
        self.root = str(root)
        self._listings: dict[str, list[tuple[str, bool]]] = {}

    def read_bytes(self, path: str) -> bytes:
        return Path(path).read_bytes()

    def exists(self, path: str) -> bool:
        return Path(path).exists()

    def entries(self, folder: str) -> list[tuple[str, bool]]:
        known = self._listings.get(folder)
        if known is None:
            try:
                with os.scandir(folder) as found:
                    known = sorted((entry.name, entry.is_dir()) for entry in found)
            except (FileNotFoundError, NotADirectoryError):
                known = []
            self._listings[folder] = known
        return known
