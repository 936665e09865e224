"""Which of HEAD's manifests the base may read differently, so that the others need not be worked out twice.

A manifest is resolved from its own file and those that it imports. Where neither they nor the places where imports look
for files differ, the base has the very instances that HEAD has. Whatever else a manifest may depend on (included files,
other components' values, symbolic links) makes the answer cautious: better work twice than miss a change.
"""

import os
import posixpath
import re
from collections.abc import Collection, Iterator
from pathlib import Path

from sonde.stacks import globs, templates
from sonde.stacks.engine import Engine
from sonde.stacks.imports import Merged, import_entries
from sonde.stacks.manifests import YAML_EXTENSIONS
from sonde.stacks.tree import Tree

# What makes a manifest's values depend on other components, or on files that it does not import.
_ELSEWHERE = re.compile(r"!(?:terraform\.|store|secret|version)|\{\{[^}]*\batmos\b")
_RENDERED_INCLUDE = re.compile(r"!include(?:\.raw)?\s[^\n]*\{\{")
_COMPLETIONS = ("", ".tmpl", *YAML_EXTENSIONS)


class Recorder:
    """A tree that remembers which paths were asked for."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self.read: set[str] = set()
        self.seen: set[str] = set()

    def read_bytes(self, path: str) -> bytes:
        self.read.add(path)
        return self.tree.read_bytes(path)

    def exists(self, path: str) -> bool:
        self.seen.add(path)
        return self.tree.exists(path)

    def entries(self, folder: str) -> list[tuple[str, bool]]:
        return self.tree.entries(folder)


def touched(engine: Engine, recorder: Recorder, before: Tree, differing: Collection[str]) -> frozenset[str]:
    """Top-level manifests of HEAD that `before` may resolve differently, after the engine has resolved them all.

    `differing` are the absolute paths of all files that differ, untracked ones below the stacks folder included.
    """
    stacks = engine.project.stacks_path.rstrip("/") + "/"
    everything = frozenset(engine.files)
    below = [path for path in differing if path.startswith(stacks)]
    elsewhere = set(differing).difference(below)
    if elsewhere & (recorder.read | recorder.seen) or engine.env.delimiters != templates.DELIMITERS:
        return everything
    if not below:
        return frozenset()
    manifests = [path for path in recorder.read if path.startswith(stacks)]
    texts = {path: engine.manifests.text(path) for path in manifests}
    if _links(manifests) or any(_may_include(text, differing) for text in texts.values()):
        return everything
    keys = {_key(engine, path) for path in below}
    keys |= {_key(engine, path) for path, text in texts.items() if _ELSEWHERE.search(text)}
    moved = [path for path in below if before.exists(path) != engine.tree.exists(path)]
    return frozenset(path for path in everything if _is_touched(engine, path, keys, moved))


def _is_touched(engine: Engine, path: str, keys: set[str], moved: list[str]) -> bool:
    merged = engine.merged(path)
    if not keys.isdisjoint((_key(engine, path), *merged.imports)):
        return True
    return bool(moved) and any(_may_find(pattern, each) for pattern in _patterns(engine, merged) for each in moved)


def _patterns(engine: Engine, merged: Merged) -> Iterator[str]:
    """The absolute paths and patterns of all imports below a manifest, without extensions as often as not."""
    for content in (merged.own, *merged.imports.values()):
        for entry in import_entries(content, ""):
            yield posixpath.normpath(posixpath.join(engine.project.stacks_path, entry.path))


def _may_find(pattern: str, path: str) -> bool:
    """Whether an import could take a file that was added, or miss one that was deleted."""
    if "{{" in pattern:
        return True
    if globs.has_meta(pattern):
        return any(globs.matches(pattern + extension, path) for extension in _COMPLETIONS)
    return path.startswith(pattern) and path[len(pattern) :] in _COMPLETIONS


def _may_include(text: str, differing: Collection[str]) -> bool:
    if "!include" not in text:
        return False
    return bool(_RENDERED_INCLUDE.search(text)) or any(posixpath.basename(path) in text for path in differing)


def _links(paths: list[str]) -> bool:
    """Whether any of the files was reached by a symbolic link: git names where it leads, not where it was met."""
    folders = {posixpath.dirname(path) for path in paths}
    shared = posixpath.commonpath(folders) if folders else ""
    real = os.path.realpath(shared)
    through = any(os.path.realpath(folder) != real + folder[len(shared) :] for folder in folders)
    return through or any(Path(path).is_symlink() for path in paths)


def _key(engine: Engine, path: str) -> str:
    """A file as `Merged.imports` names it."""
    return posixpath.splitext(engine.importer.relative(path))[0]
