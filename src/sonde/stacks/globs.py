"""Glob patterns as the doublestar library reads them: `*`, `?`, `[..]`, `{a,b}` and `**` (stacks.md §2, §3.1)."""

import re
from collections.abc import Iterator
from functools import lru_cache

from sonde.stacks.tree import Tree

_META = re.compile(r"[*?\[{]")


def has_meta(pattern: str) -> bool:
    """Whether the text is a pattern and not just a path."""
    return _META.search(pattern) is not None


def glob(tree: Tree, pattern: str) -> list[str]:
    """Files and folders that match an absolute pattern, in the order of a walk: a folder's own matches come before
    those of its subfolders, names sorted. Each match appears once.
    """
    found: dict[str, None] = {}
    for plain in _braces(pattern):
        segments = [segment for segment in plain.split("/") if segment]
        fixed = 0
        while fixed < len(segments) - 1 and not has_meta(segments[fixed]):
            fixed += 1
        base = "/" + "/".join(segments[:fixed])
        found.update(dict.fromkeys(_expand(tree, base, segments[fixed:])))
    return list(found)


def _expand(tree: Tree, base: str, segments: list[str]) -> list[str]:
    folders = [base]
    for position, segment in enumerate(segments):
        last = position == len(segments) - 1
        if segment == "**":
            folders = [found for folder in folders for found in _walk(tree, folder, files=last)]
        else:
            folders = [
                found for folder in folders for found in _in_folder(tree, folder, segment, only_folders=not last)
            ]
    return folders


def _in_folder(tree: Tree, folder: str, segment: str, *, only_folders: bool) -> Iterator[str]:
    prefix = folder.rstrip("/") + "/"
    if not has_meta(segment):
        if tree.exists(prefix + segment):
            yield prefix + segment
        return
    matches = _compiled(segment).fullmatch
    for name, is_folder in tree.entries(folder):
        if (is_folder or not only_folders) and matches(name):
            yield prefix + name


def _walk(tree: Tree, folder: str, *, files: bool) -> Iterator[str]:
    yield folder
    prefix = folder.rstrip("/") + "/"
    for name, is_folder in tree.entries(folder):
        if is_folder:
            yield from _walk(tree, prefix + name, files=files)
        elif files:
            yield prefix + name


def matches(pattern: str, path: str) -> bool:
    """Whether a whole path matches the pattern; `**` stands for any number of folders, none included."""
    return _compiled(pattern).fullmatch(path) is not None


@lru_cache(maxsize=4096)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile("|".join(_regex(plain) for plain in _braces(pattern)), re.DOTALL)


def _regex(pattern: str) -> str:
    out: list[str] = []
    index = 0
    while index < len(pattern):
        text, index = _token(pattern, index)
        out.append(text)
    return "".join(out)


_DOUBLE = (("/**/", "/(?:.*/)?"), ("**/", "(?:.*/)?"), ("/**", "(?:/.*)?"), ("**", ".*"))


def _token(pattern: str, index: int) -> tuple[str, int]:
    for text, regex in _DOUBLE:
        at_start = index == 0 or text.startswith("/")
        whole = not text.startswith("/**") or text == "/**/" or index + len(text) == len(pattern)
        if pattern.startswith(text, index) and whole and (at_start or text == "**"):
            return regex, index + len(text)
    char = pattern[index]
    if char == "*":
        return "[^/]*", index + 1
    if char == "?":
        return "[^/]", index + 1
    if char == "[" and "]" in pattern[index + 2 :]:
        end = pattern.index("]", index + 2)
        body = pattern[index + 1 : end].replace("\\", "\\\\")
        return "[" + ("^" + body[1:] if body[0] in "!^" else body) + "]", end + 1
    if char == "\\" and index + 1 < len(pattern):
        return re.escape(pattern[index + 1]), index + 2
    return re.escape(char), index + 1


@lru_cache(maxsize=1024)
def _braces(pattern: str) -> tuple[str, ...]:
    """`a{b,c}d` as `abd`, `acd`; nested braces included."""
    start = pattern.find("{")
    if start < 0:
        return (pattern,)
    depth, begin, parts = 0, start + 1, []
    for index in range(start, len(pattern)):
        char = pattern[index]
        depth += (char == "{") - (char == "}")
        if depth == 0 or (depth == 1 and char == ","):
            parts.append(pattern[begin:index])
            begin = index + 1
        if depth == 0:
            heads, tails = pattern[:start], pattern[index + 1 :]
            return tuple(found for part in parts for found in _braces(heads + part + tails))
    return (pattern,)
