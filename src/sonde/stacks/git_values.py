"""What git says about the checkout, for the `!git.*` functions and `!repo-root` (stacks.md §7, §11.5)."""

import re
import subprocess
from functools import lru_cache
from pathlib import Path

from sonde.stacks.cache import watching
from sonde.stacks.errors import StacksError

_SCP_LIKE = re.compile(r"(?:[^@/]+@)?(?P<host>[^:/]+):(?P<path>[^/].*)")
_URL = re.compile(r"[a-z+]+://(?:[^@/]+@)?(?P<host>[^:/]+)(?::[0-9]+)?/(?P<path>.+)")


def value(name: str, default: str, folder: Path) -> str:
    """One fact about the repository around `folder`; the default where there is none. Raises StacksError."""
    try:
        found = _READERS[name](folder) if name in _READERS else _remote(folder)[name]
    except StacksError:
        if default:
            return default
        raise
    if found or default:
        return found or default
    raise StacksError("failed to get repository info", hints=["Give the function a default value, or add a remote."])


@lru_cache(maxsize=256)
def _git(folder: Path, *args: str) -> str:
    with watching.known_program():
        done = subprocess.run(["git", *args], cwd=folder, capture_output=True, text=True, check=False)
    watching.git_told(str(folder), args, done.returncode, done.stdout.encode("utf-8", "surrogateescape"))
    if done.returncode:
        raise StacksError(
            f"local repo unavailable: {done.stderr.strip()}",
            hints=["Run the command inside a git repository, or give the function a default value."],
        )
    return done.stdout.strip()


def _root(folder: Path) -> str:
    return _git(folder, "rev-parse", "--show-toplevel")


def _sha(folder: Path) -> str:
    return _git(folder, "rev-parse", "HEAD")


def _branch(folder: Path) -> str:
    return _git(folder, "rev-parse", "--abbrev-ref", "HEAD")


_READERS = {"root": _root, "sha": _sha, "branch": _branch}


def _remote(folder: Path) -> dict[str, str]:
    """The parts of the remote's URL; `origin` where there are several (Q20)."""
    remotes = _git(folder, "remote").split()
    if not remotes:
        return dict.fromkeys(("url", "host", "owner", "name", "repository"), "")
    url = _git(folder, "remote", "get-url", "origin" if "origin" in remotes else remotes[0])
    match = _URL.fullmatch(url) or _SCP_LIKE.fullmatch(url)
    path = match["path"].removesuffix("/").removesuffix(".git") if match else ""
    owner, _, name = path.rpartition("/")
    host = match["host"] if match else ""
    return {"url": url, "host": host, "owner": owner, "name": name, "repository": path if owner else ""}
