"""A commit as a `Tree`: folders from git's tree objects, files from blobs, nothing checked out."""

import posixpath

from sonde.stacks.affected.repository import FOLDER, SUBMODULE, SYMLINK, Entry, Objects, Repository
from sonde.stacks.tree import Tree

MAX_LINKS = 40  # symbolic links followed for one path, as Linux does


class GitTree:
    """The tree of a commit at the place of the working tree: the same absolute paths mean the commit's files.

    A file that the working tree holds unchanged (it is not in `differing`) is read from there. Paths outside the
    repository are the working tree's own.
    """

    def __init__(self, repository: Repository, commit: str, working: Tree, differing: frozenset[str]) -> None:
        self.root = repository.root.rstrip("/")
        self.objects = Objects(repository)
        self.working = working
        self.differing = differing
        self._commit = commit
        self._folders: dict[str, dict[str, Entry]] = {}
        self._listings: dict[str, list[tuple[str, bool]]] = {}
        self._filtered: bool | None = None

    def read_bytes(self, path: str) -> bytes:
        inside = self._inside(path)
        if inside is None:
            return self.working.read_bytes(path)
        where, entry = self._resolve(inside)
        if entry is None:
            raise FileNotFoundError(2, "not in the base commit", path)
        if entry.mode in (FOLDER, SUBMODULE):
            raise IsADirectoryError(21, "a folder in the base commit", path)
        if where not in self.differing:
            try:
                return self.working.read_bytes(f"{self.root}/{where}")
            except FileNotFoundError:  # left out of a sparse checkout
                pass
        return self.objects.smudged(entry, where) if self._has_filters() else self.objects.read(entry.oid)

    def exists(self, path: str) -> bool:
        inside = self._inside(path)
        if inside is None:
            return self.working.exists(path)
        return inside == "" or self._resolve(inside)[1] is not None

    def entries(self, folder: str) -> list[tuple[str, bool]]:
        inside = self._inside(folder)
        if inside is None:
            return self.working.entries(folder)
        known = self._listings.get(inside)
        if known is None:
            known = self._listings[inside] = self._list(inside)
        return known

    def close(self) -> None:
        """Give back the process that reads objects."""
        self.objects.close()

    def _list(self, inside: str) -> list[tuple[str, bool]]:
        where, entry = self._resolve(inside) if inside else ("", Entry(FOLDER, ""))
        if entry is None or entry.mode != FOLDER:
            return []
        return sorted(
            (name, self._is_folder(posixpath.join(where, name), each)) for name, each in self._folder(where).items()
        )

    def _is_folder(self, path: str, entry: Entry) -> bool:
        if entry.mode == SYMLINK:
            target = self._resolve(path)[1]
            return target is not None and target.mode in (FOLDER, SUBMODULE)
        return entry.mode in (FOLDER, SUBMODULE)

    def _inside(self, path: str) -> str | None:
        """The path below the repository's root; None outside of it."""
        clean = posixpath.normpath(path)
        if clean == self.root:
            return ""
        return clean[len(self.root) + 1 :] if clean.startswith(self.root + "/") else None

    def _folder(self, where: str) -> dict[str, Entry]:
        """The entries of a folder that is known to be one."""
        known = self._folders.get(where)
        if known is None:
            if not where:
                known = self.objects.folder(f"{self._commit}^{{tree}}")
            else:
                parent, name = posixpath.split(where)
                known = self.objects.folder(self._folder(parent)[name].oid)
            self._folders[where] = known
        return known

    def _resolve(self, inside: str, links: int = 0) -> tuple[str, Entry | None]:
        """Path and entry that a path leads to when its symbolic links are followed; no entry where it leads nowhere."""
        where, rest = "", inside.split("/")
        while rest:
            name = rest.pop(0)
            path = posixpath.join(where, name)
            entry = self._folder(where).get(name)
            if entry is not None and entry.mode == SYMLINK:
                return self._follow(entry, where, rest, links) if links < MAX_LINKS else (inside, None)
            if entry is None or (rest and entry.mode != FOLDER):
                return inside, None
            where = path
            if not rest:
                return where, entry
        return inside, None

    def _follow(self, link: Entry, where: str, rest: list[str], links: int) -> tuple[str, Entry | None]:
        target = self.objects.read(link.oid).decode("utf-8", "surrogateescape")
        path = posixpath.normpath(posixpath.join(self.root, where, target, *rest))
        inside = self._inside(path)
        if not inside:  # the root itself, or outside: neither holds what a manifest needs
            return path, None
        return self._resolve(inside, links + 1)

    def _has_filters(self) -> bool:
        """Whether attributes may name filters (git-crypt, an encoding): only then is git asked once more for each file."""
        if self._filtered is None:
            places = (f"{self.root}/.gitattributes", f"{self.root}/.git/info/attributes")
            self._filtered = any(b"filter=" in text or b"encoding=" in text for text in map(self._text, places))
        return self._filtered

    def _text(self, path: str) -> bytes:
        try:
            return self.working.read_bytes(path)
        except OSError:
            return b""


class MappedTree:
    """Another checkout at the place of the working tree: paths below `root` are read below `other` (`--repo-path`)."""

    def __init__(self, root: str, other: str, working: Tree) -> None:
        self.root = root.rstrip("/")
        self.other = other.rstrip("/")
        self.working = working

    def read_bytes(self, path: str) -> bytes:
        return self.working.read_bytes(self._there(path))

    def exists(self, path: str) -> bool:
        return self.working.exists(self._there(path))

    def entries(self, folder: str) -> list[tuple[str, bool]]:
        return self.working.entries(self._there(folder))

    def close(self) -> None:
        """Nothing is held open."""

    def _there(self, path: str) -> str:
        inside = path == self.root or path.startswith(self.root + "/")
        return self.other + path[len(self.root) :] if inside else path
