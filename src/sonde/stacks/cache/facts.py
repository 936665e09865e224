"""What an answer was made from, as facts about the file system that can be checked again.

A file or a folder that was read is known by its stat and a digest of its content (of a folder: its names and what they
are). The stat alone is believed only if the file was left alone for SETTLED seconds before it was read: within the
resolution of its clock a file system gives two versions of a file the same times (git's "racily clean" entries).
"""

import errno
import os
import stat
import time
from collections.abc import Mapping
from typing import Any

SETTLED = 2.5  # seconds; FAT keeps even seconds
Stat = tuple[int, ...]  # type, size, mtime, ctime, inode, device; (-errno,) where there is nothing
Read = tuple[Stat, bytes, bool]  # stat, digest, whether the stat alone is enough to know it unchanged

real_stat, real_readlink, real_scandir = os.stat, os.readlink, os.scandir


def stat_of(path: str) -> Stat:
    """The stat of what the path leads to; where there is nothing to be had, only the negative number of the error."""
    try:
        found = real_stat(path)
    except OSError as error:
        return (-(error.errno or errno.EIO),)
    except ValueError:  # a name that cannot be
        return (-errno.EINVAL,)
    kind = stat.S_IFMT(found.st_mode)
    return (kind, found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino, found.st_dev)


def kind_of(path: str) -> int:
    """The type of what the path leads to, as in `st_mode`; negative where there is nothing."""
    return stat_of(path)[0]


def has_content(found: Stat) -> bool:
    """Whether it is a file, a folder or nothing, and not a pipe or a device."""
    return found[0] in (stat.S_IFREG, stat.S_IFDIR) or found[0] < 0


def link_of(path: str) -> str | int:
    """Where a symbolic link points; the type of anything else."""
    try:
        return real_readlink(path)
    except (OSError, ValueError):
        return kind_of(path)


def settled(found: Stat) -> bool:
    """Whether nothing has happened to it lately, so that any later change gets other times."""
    return found[0] > 0 and max(found[2], found[3]) < time.time_ns() - int(SETTLED * 1e9)


def digest_of(path: str, found: Stat) -> bytes:
    """What reading the path gives: a file's content, a folder's names with their types. Empty where it cannot be read."""
    import hashlib

    try:
        if found[0] == stat.S_IFDIR:
            return hashlib.blake2b(repr(_names(path)).encode("utf-8", "surrogateescape"), digest_size=20).digest()
        if found[0] != stat.S_IFREG:
            return b""
        with open(path, "rb") as file:  # noqa: PTH123 - pathlib would cost the fast path its import
            return hashlib.blake2b(file.read(), digest_size=20).digest()
    except OSError as error:
        return f"errno {error.errno}".encode()


def observed(path: str) -> Read:
    """What is at the path now; call it before the path is read."""
    found = stat_of(path)
    return found, digest_of(path, found), settled(found) and not _has_links(path, found)


def unchanged(path: str, known: Read) -> bool:
    """Whether reading the path gives what it gave then."""
    now = stat_of(path)
    if known[2] and now == known[0]:
        return True
    return now[:1] == known[0][:1] and digest_of(path, now) == known[1]


def _names(folder: str) -> list[tuple[str, bool, bool, bool]]:
    with real_scandir(folder) as entries:
        return sorted((each.name, each.is_dir(), each.is_file(), each.is_symlink()) for each in entries)


def _has_links(path: str, found: Stat) -> bool:
    """What a link leads to may change its type and leave the folder's times alone."""
    if found[0] != stat.S_IFDIR:
        return False
    try:
        return any(link for *_, link in _names(path))
    except OSError:
        return True


Facts = dict[str, Any]


def hold(facts: Facts, env: Mapping[str, str]) -> bool:
    """Whether all facts of a recording are still true, in this environment."""
    return (
        env_holds(facts["env"], env)
        and all(kind_of(path) == kind for path, kind in facts["kinds"].items())
        and all(link_of(path) == link for path, link in facts["links"].items())
        and all(stat_of(path)[:3] == known for path, known in facts["code"].items())
        and all(unchanged(path, known) for path, known in facts["reads"].items())
        and (not facts.get("git") or git_holds(facts["git"], env))
    )


# Commands of git that only read this checkout, and tell the same as long as it is the same.
ASKED_AGAIN = frozenset({"rev-parse", "merge-base", "diff", "ls-files", "ls-tree", "symbolic-ref", "for-each-ref"})
ASKED_AGAIN |= {"cat-file", "remote"}


def git_holds(known: Mapping[tuple[str, ...], bytes], env: Mapping[str, str]) -> bool:
    """Whether git answers all questions as it did; they are asked at once."""
    import subprocess

    asked = {}
    try:
        for folder, *command in known:
            asked[(folder, *command)] = subprocess.Popen(
                ["git", "-C", folder, *command],
                env=dict(env),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
    except OSError:
        known = {}
    told = {question: child.communicate()[0] for question, child in asked.items()}
    return bool(known) and all(
        git_digest(child.returncode, told[question]) == known[question] for question, child in asked.items()
    )


def git_digest(code: int, output: bytes) -> bytes:
    import hashlib

    return hashlib.blake2b(b"%d %b" % (code, output), digest_size=20).digest()


ALL = ""  # stands for the whole environment among the names of variables


def env_holds(known: Mapping[str, bytes], env: Mapping[str, str]) -> bool:
    """Whether the variables are what they were. Only their digests are kept: some are secrets."""
    return all(env_digest(env, name) == digest for name, digest in known.items())


def env_digest(env: Mapping[str, str], name: str) -> bytes:
    """A digest of one variable; of the whole environment for ALL."""
    import hashlib

    value = repr(sorted(env.items()) if name == ALL else env.get(name))
    return hashlib.blake2b(value.encode("utf-8", "surrogateescape"), digest_size=20).digest()
