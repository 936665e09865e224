"""Facts about the checkout: which repository on which host, and which commit.

Read from the files under `.git`, because `sonde pro lock` shall not wait for a subprocess; what the files cannot tell
simply (an `[include]`, a reference format of tomorrow) is asked of `git`. Rules: stacks.md §11.5, protocol.md §9.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from sonde.cli import redact
from sonde.cli.errors import GitError

SCP = r"(?:[^@/:]+@)?(?P<host>[^/:]+):(?P<path>(?!//).+)"  # compiled when it is met, which is seldom
SECTION = re.compile(r'\[\s*(?P<name>[A-Za-z0-9.-]+)(?:\s+"(?P<sub>(?:[^"\\]|\\.)*)")?\s*\](?P<rest>.*)')
COMMIT = r"[0-9a-f]{40}(?:[0-9a-f]{24})?"
AZURE_HOSTS = ("dev.azure.com", "ssh.dev.azure.com")
# Other names of a host, which lead to the same repositories.
ALIASES = {
    "www.github.com": "github.com",
    "raw.githubusercontent.com": "github.com",
    "www.bitbucket.org": "bitbucket.org",
}
PASSWORD = re.compile(r"(?<=://)[^/@]*:[^/@]*@")
ESCAPES = {"n": "\n", "t": "\t", "b": "\b", '"': '"', "\\": "\\"}


class Checkout(NamedTuple):
    """`git_dir` holds HEAD; `common_dir` holds config and branches (they differ in a linked worktree)."""

    root: Path
    git_dir: Path
    common_dir: Path


class Repository(NamedTuple):
    """Who we are on the wire. All empty where the checkout has no remote; `url` is what git's config says, verbatim."""

    url: str = ""
    host: str = ""
    owner: str = ""
    name: str = ""


def find(cwd: Path) -> Checkout:
    """The checkout around `cwd`. Raises GitError where there is none."""
    for folder in (cwd, *cwd.parents):
        dot = folder / ".git"
        if dot.is_dir():
            return Checkout(folder, dot, dot)
        if dot.is_file():
            return _linked(folder, dot)
    raise GitError("failed to get local repository: repository does not exist")


def _linked(folder: Path, dot: Path) -> Checkout:
    """A linked worktree or a submodule: `.git` is a file that names the folder (gitrepository-layout(5))."""
    key, _, where = dot.read_text(encoding="utf-8").strip().partition(":")
    if key != "gitdir":
        raise GitError(f"failed to get local repository: {dot} is neither a folder nor a `gitdir:` file")
    git_dir = (folder / where.strip()).resolve()
    common = git_dir / "commondir"
    if common.is_file():
        return Checkout(folder, git_dir, (git_dir / common.read_text(encoding="utf-8").strip()).resolve())
    return Checkout(folder, git_dir, git_dir)


def repository(checkout: Checkout) -> Repository:
    """The repository that the checkout's remote names.

    With several remotes `origin` wins, then the first in the file (the Go CLI picks at random: quirk Q20). Raises
    GitError for a remote that is no URL of a host, such as a path.
    """
    remotes = _remotes(checkout)
    if not remotes:
        return Repository()
    return parse_remote(_rewritten(remotes.get("origin") or next(iter(remotes.values())), checkout))


def parse_remote(url: str) -> Repository:
    """Host, owner and name out of a remote URL (https, ssh, git, scp form). Raises GitError for a local path.

    GitLab groups nest: there all but the last segment is the owner. There is none where the name stands
    alone. Elsewhere the owner is the first segment; Azure DevOps has a project between owner and name
    (`/org/project/_git/name`, by ssh `v3/org/project/name`).
    """
    host, path = _host_and_path(url)
    if not host:
        raise GitError(
            f"failed to get repository info: repository host '{host}' not supported",
            hints=[
                f"The git remote is `{redact.address(url)}`. Locks and uploads need a remote on a host: git remote set-url origin …"
            ],
        )
    host = ALIASES.get(host, host)
    parts = [part for part in path.removesuffix("/").removesuffix(".git").split("/") if part]
    if len(parts) == 1 and is_gitlab(host):
        return Repository(url=url, host=host, name=parts[0])
    if len(parts) < 2:
        raise GitError(f"failed to get repository info: {redact.address(url)} does not name an owner and a repository")
    if host in AZURE_HOSTS:
        return Repository(url=url, host=AZURE_HOSTS[0], owner=parts[parts[0] == "v3"], name=parts[-1])
    if host == "github.com":
        parts = parts[:2]  # what follows is a page of the repository
    cut = len(parts) - 1 if is_gitlab(host) else 1
    return Repository(url=url, host=host, owner="/".join(parts[:cut]), name="/".join(parts[cut:]))


def is_gitlab(host: str) -> bool:
    """Hosts whose groups nest."""
    return "gitlab" in host or host.startswith("git.")


def _host_and_path(url: str) -> tuple[str, str]:
    if "://" in url:
        parts = urlsplit(url)
        host = re.sub(r":\d*$", "", parts.netloc.rpartition("@")[2])
        return host if parts.scheme != "file" else "", unquote(parts.path)
    scp = re.fullmatch(SCP, url)
    return (scp["host"], scp["path"]) if scp else ("", url)


def head_sha(checkout: Checkout) -> str:
    """The commit at HEAD, or an empty text where there is no commit yet."""
    head = _read(checkout.git_dir / "HEAD")
    if not head.startswith("ref:"):
        return head if re.fullmatch(COMMIT, head) else _ask(checkout, "rev-parse", "-q", "--verify", "HEAD")
    name = head.removeprefix("ref:").strip()
    for folder in (checkout.git_dir, checkout.common_dir):
        sha = _read(folder / name)
        if re.fullmatch(COMMIT, sha):
            return sha
    for line in _read(checkout.common_dir / "packed-refs").splitlines():
        sha, _, ref = line.partition(" ")
        if ref == name:
            return sha
    return _ask(checkout, "rev-parse", "-q", "--verify", "HEAD")


def _remotes(checkout: Checkout) -> dict[str, str]:
    """Remote names in the order of the file, each with its first URL."""
    text = _read(checkout.common_dir / "config")
    if re.search(r"^\s*\[\s*include", text, re.MULTILINE | re.IGNORECASE):
        lines = _ask(checkout, "config", "--local", "--includes", "--null", "--get-regexp", r"^remote\..*\.url$")
        pairs = [entry.partition("\n")[::2] for entry in lines.split("\0") if entry]
        found = [(key.removeprefix("remote.").removesuffix(".url"), url) for key, url in pairs]
    else:
        found = [(sub, value) for name, sub, key, value in entries(text) if (name, key) == ("remote", "url")]
    remotes: dict[str, str] = {}
    for name, url in found:
        remotes.setdefault(name, url)
    return remotes


def _rewritten(url: str, checkout: Checkout) -> str:
    """The URL that this checkout's `url.<base>.insteadOf` makes of a remote's; the longest match wins (git-config(1)).

    Rules of the machine and of the user do not count, lest a lock's key differ between machines. A password that a
    rule brings in is for git alone.
    """
    rules = [
        (value, base)
        for name, base, key, value in entries(_read(checkout.common_dir / "config"))
        if (name, key) == ("url", "insteadof") and value and url.startswith(value)
    ]
    if not rules:
        return url
    prefix, base = max(rules, key=lambda rule: len(rule[0]))
    return PASSWORD.sub("", base) + url.removeprefix(prefix)


def entries(text: str) -> Iterator[tuple[str, str, str, str]]:
    """Section, sub-section, key and value of each entry of a git config file (git-config(1), Syntax)."""
    section = sub = ""
    for raw in re.sub(r"\\\r?\n", "", text).splitlines():
        line = raw.strip()
        header = SECTION.match(line)
        if header:
            section, sub = header["name"].lower(), re.sub(r"\\(.)", r"\1", header["sub"] or "")
            line = header["rest"].strip()
        if line and line[0] not in "#;":
            key, _, value = line.partition("=")
            yield section, sub, key.strip().lower(), _unquoted(value.strip())


def _unquoted(value: str) -> str:
    out, quoted, at = [], False, 0
    while at < len(value):
        char = value[at]
        if char == "\\" and at + 1 < len(value):
            at += 1
            out.append(ESCAPES.get(value[at], value[at]))
        elif char == '"':
            quoted = not quoted
        elif char in "#;" and not quoted:
            return "".join(out).rstrip()
        else:
            out.append(char)
        at += 1
    return "".join(out)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="surrogateescape").strip()
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
        return ""


def _ask(checkout: Checkout, *command: str) -> str:
    """One answer of git itself; empty where git has none."""
    import subprocess

    done = subprocess.run(
        ["git", "--git-dir", str(checkout.git_dir), *command],
        cwd=checkout.root,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip() if done.returncode == 0 else ""
