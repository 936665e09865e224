"""Real git on bare repositories, by subprocess. Every commit's author, date and message are arguments."""

import gzip
import os
import re
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from urllib.parse import urlencode

# What a file becomes: text or bytes, or None to delete it. Content that starts with `#!` is stored executable.
Changes = Mapping[str, str | bytes | None]

GITHUB_COMMITTER = "GitHub <noreply@github.com>"
SHA = re.compile(r"[0-9a-f]{40}")
KEPT_BLOBS, LARGEST_KEPT = 1024, 64 * 1024  # how many, and bytes of one
_kept: dict[str, bytes] = {}  # small blobs: their name is their content's hash, whichever repository has them


class GitError(Exception):
    """A git command failed; the text is its command line and its standard error."""


@dataclass(frozen=True)
class Commit:
    sha: str
    tree: str
    parents: tuple[str, ...]
    author_name: str
    author_email: str
    date: str  # RFC 3339
    message: str


def _environment() -> dict[str, str]:
    """PATH, and nothing of the user's or a calling hook's git settings."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": "/nonexistent",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_TERMINAL_PROMPT": "0",
        "LC_ALL": "C.UTF-8",
    }


def run(
    repository: Path, *arguments: str, stdin: bytes = b"", check: bool = True, index: Path | None = None
) -> subprocess.CompletedProcess[bytes]:
    """Run git on a bare repository. Raises GitError with git's words where it fails, unless `check` is False."""
    # safe.bareRepository and ownership checks do not apply: the repositories are our own
    command = ["git", "--git-dir", str(repository), *arguments]
    environment = _environment() | ({"GIT_INDEX_FILE": str(index)} if index else {})
    done = subprocess.run(command, input=stdin, capture_output=True, env=environment, check=False)
    if check and done.returncode != 0:
        raise GitError(f"{' '.join(command)}: {done.stderr.decode(errors='replace').strip()}")
    return done


def text(repository: Path, *arguments: str) -> str:
    return run(repository, *arguments).stdout.decode().strip()


def init(repository: Path, default_branch: str) -> None:
    """Make a bare repository that serves fetches by id, and pushes, over HTTP."""
    repository.mkdir(parents=True, exist_ok=True)
    run(repository, "init", "--quiet", "--bare", "--initial-branch", default_branch, str(repository))
    # clients may fetch any commit by its id, and pushes from work trees are allowed, both as on GitHub
    with (repository / "config").open("a") as config:
        config.write("[uploadpack]\n\tallowAnySHA1InWant = true\n[http]\n\treceivepack = true\n")


def fork(source: Path, target: Path) -> None:
    run(source, "clone", "--quiet", "--bare", "--no-hardlinks", str(source), str(target))
    run(target, "config", "uploadpack.allowAnySHA1InWant", "true")


def resolve(repository: Path, revision: str) -> str | None:
    """The commit that a branch, tag, ref or SHA names, tags peeled; None if there is none."""
    if revision == "HEAD":
        revision = (repository / "HEAD").read_text().strip().removeprefix("ref: ")
    if revision.startswith("refs/heads/"):
        tip = _loose(repository, revision)  # first: who packs a ref writes the packed one before it takes this one away
        if tip or not (repository / "packed-refs").exists():
            return tip
    if SHA.fullmatch(revision):
        try:
            return _there(repository, revision)
        except GitError:
            return None
    done = run(repository, "rev-parse", "--quiet", "--verify", f"{revision}^{{commit}}", check=False)
    return done.stdout.decode().strip() or None


def _loose(repository: Path, ref: str) -> str | None:
    """The SHA in a ref's own file (gitrepository-layout(5)); None says nothing: the ref may be packed."""
    try:
        content = (repository / ref).read_text().strip()
    except (OSError, ValueError):
        return None
    return content if SHA.fullmatch(content) else None


@lru_cache(maxsize=4096)
def _there(repository: Path, sha: str) -> str:
    """The commit that an object's SHA names; GitError while there is none. What was there once stays: nothing prunes."""
    return text(repository, "rev-parse", "--quiet", "--verify", f"{sha}^{{commit}}")


def branches(repository: Path) -> dict[str, str]:
    lines = text(repository, "for-each-ref", "--format=%(refname:lstrip=2) %(objectname)", "refs/heads").splitlines()
    return {name: sha for name, _, sha in (line.rpartition(" ") for line in lines)}


def _mode(content: bytes) -> str:
    return "100755" if content.startswith(b"#!") else "100644"


def commit(repository: Path, branch: str, changes: Changes, *, message: str, author: str, when: datetime) -> str:
    """Commit `changes` on top of `branch` (made from the default branch if absent) and return the new SHA.

    `author` is `Name <email>`. One `git fast-import`: no work tree, no index.
    """
    seconds = f"{int(when.timestamp())} +0000"
    ref = f"refs/heads/{branch}"
    tip = resolve(repository, ref) or resolve(repository, "HEAD")
    subject = message.encode()
    out = [f"commit {ref}\nauthor {author} {seconds}\ncommitter {GITHUB_COMMITTER} {seconds}\n".encode()]
    out.append(b"data %d\n%s\n" % (len(subject), subject))
    if tip:
        out.append(f"from {tip}\n".encode())
    for path, content in changes.items():
        if content is None:
            out.append(f"D {path}\n".encode())
            continue
        data = content.encode() if isinstance(content, str) else content
        out.append(f"M {_mode(data)} inline {path}\ndata {len(data)}\n".encode() + data + b"\n")
    run(repository, "fast-import", "--quiet", "--force", "--date-format=raw", stdin=b"".join(out))
    return _loose(repository, ref) or text(repository, "rev-parse", ref)


def fetch(repository: Path, source: Path, refspec: str) -> None:
    run(repository, "fetch", "--quiet", "--no-tags", str(source), refspec)


def update_ref(repository: Path, ref: str, sha: str | None) -> None:
    update_refs(repository, {ref: sha})


def update_refs(repository: Path, refs: Mapping[str, str | None]) -> None:
    """Set refs, all or none; None deletes one that may be absent."""
    lines = [f"update {ref}\0{sha}\0\0" if sha else f"delete {ref}\0\0" for ref, sha in refs.items()]
    run(repository, "update-ref", "-z", "--stdin", stdin="".join(lines).encode())


@lru_cache(maxsize=1024)
def merge_tree(repository: Path, base: str, head: str) -> str | None:
    """The tree of `head` merged into `base`, given by their full SHAs; None on a conflict."""
    done = run(repository, "merge-tree", "--write-tree", base, head, check=False)
    if done.returncode == 0:
        return done.stdout.decode().split()[0]
    if done.returncode == 1:
        return None
    raise GitError(f"merge-tree {base} {head}: {done.stderr.decode(errors='replace').strip()}")


def commit_tree(repository: Path, tree: str, parents: list[str], *, message: str, author: str, when: datetime) -> str:
    """Write a commit of a tree; `author` is `NAME <EMAIL>`. Returns its SHA."""
    name, _, email = author.rstrip(">").partition(" <")
    seconds = f"{int(when.timestamp())} +0000"
    body = f"tree {tree}\n" + "".join(f"parent {parent}\n" for parent in parents)
    body += f"author {name} <{email}> {seconds}\ncommitter {GITHUB_COMMITTER} {seconds}\n\n{message}\n"
    done = run(repository, "hash-object", "-t", "commit", "-w", "--stdin", stdin=body.encode())
    return done.stdout.decode().strip()


def http_backend(
    repository: Path, what: str, method: str, query: Mapping[str, str], headers: Mapping[str, str], body: bytes
) -> tuple[int, dict[str, str], bytes]:
    """Git's own CGI for fetch and push (git-http-backend(1)): status, headers, body. Who may do it was asked before."""
    if headers.get("content-encoding") == "gzip":
        body = gzip.decompress(body)
    environment = _environment() | {
        "GIT_PROJECT_ROOT": str(repository),
        "GIT_HTTP_EXPORT_ALL": "1",
        "PATH_INFO": f"/{what}",
        "REQUEST_METHOD": method,
        "QUERY_STRING": urlencode(query),
        "CONTENT_TYPE": headers.get("content-type", ""),
        "GIT_PROTOCOL": headers.get("git-protocol", ""),
        "REMOTE_USER": "checked",
    }
    done = subprocess.run(["git", "http-backend"], input=body, capture_output=True, env=environment, check=False)
    head, _, content = done.stdout.partition(b"\r\n\r\n")
    fields = dict(line.partition(": ")[::2] for line in head.decode().split("\r\n"))
    status = int(fields.pop("Status", "200 OK").split()[0])
    return status, {name.lower(): value for name, value in fields.items()}, content


def write_blob(repository: Path, content: bytes) -> str:
    return run(repository, "hash-object", "-w", "--stdin", stdin=content).stdout.decode().strip()


def write_tree(repository: Path, base: str | None, entries: list[tuple[str, str, str | None]]) -> str:
    """A tree from `base` and (path, mode, SHA) entries; SHA None takes a path away. GitError if an object is missing."""
    rows = [f"{mode if sha else 0} {sha or '0' * 40}\t{path}\n" for path, mode, sha in entries]
    with tempfile.TemporaryDirectory() as folder:
        index = Path(folder) / "index"
        run(repository, "read-tree", base or "--empty", index=index)
        run(repository, "update-index", "--index-info", stdin="".join(rows).encode(), index=index)
        return run(repository, "write-tree", index=index).stdout.decode().strip()


@lru_cache(maxsize=1024)
def merge_base(repository: Path, one: str, other: str) -> str | None:
    """The best common ancestor of two commits, given by their full SHAs; GitError if one is not there."""
    done = run(repository, "merge-base", one, other, check=False)
    if done.returncode not in (0, 1):
        raise GitError(f"merge-base {one} {other}: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout.decode().strip() or None


@lru_cache(maxsize=1024)
def is_ancestor(repository: Path, older: str, newer: str) -> bool:
    """Of two commits, given by their full SHAs; GitError if one is not there."""
    done = run(repository, "merge-base", "--is-ancestor", older, newer, check=False)
    if done.returncode not in (0, 1):
        raise GitError(f"merge-base --is-ancestor {older} {newer}: {done.stderr.decode(errors='replace').strip()}")
    return done.returncode == 0


@lru_cache(maxsize=1024)
def read(repository: Path, commit: str, path: str) -> tuple[str, bytes] | None:
    """(blob SHA, content) of a file at a commit, given by its full SHA; None if it is absent or not a file."""
    done = run(repository, "cat-file", "--batch", "-z", stdin=f"{commit}:{path}\0".encode())
    head, _, rest = done.stdout.partition(b"\n")
    fields = head.split()  # SHA, type, size; or what was asked for, and why it is not shown
    if len(fields) != 3 or fields[1] != b"blob":
        return None
    return fields[0].decode(), rest[: int(fields[2])]


def blob(repository: Path, sha: str) -> bytes:
    """A blob's content, by its full SHA; GitError if it is not there."""
    if sha in _kept:
        return _kept[sha]
    content = run(repository, "cat-file", "blob", sha).stdout
    if len(content) <= LARGEST_KEPT:
        if len(_kept) >= KEPT_BLOBS:
            _kept.clear()
        _kept[sha] = content
    return content


@dataclass(frozen=True)
class Entry:
    mode: str
    type: str  # blob, tree, commit (a submodule)
    sha: str
    size: int
    path: str  # relative to the folder that was listed


@lru_cache(maxsize=1024)
def listing(repository: Path, tree: str, folder: str) -> tuple[Entry, ...] | None:
    """What is directly in `folder` ("" is the root) of a commit or tree, given by its full SHA; None if absent."""
    where = f"{tree}:{folder}"
    done = run(repository, "ls-tree", "-l", "-z", where, check=False)
    if done.returncode != 0:
        return None
    entries = []
    for row in done.stdout.decode().split("\0"):
        if row:
            head, _, path = row.partition("\t")
            mode, kind, sha, size = head.split()
            entries.append(Entry(mode, kind, sha, 0 if size == "-" else int(size), path))
    return tuple(entries)


@lru_cache(maxsize=4096)
def describe(repository: Path, sha: str) -> Commit:
    """A commit by its full SHA; it never changes, so the answer is kept."""
    form = "%H%x00%T%x00%P%x00%an%x00%ae%x00%ct%x00%B"
    fields = run(repository, "log", "-1", f"--format={form}", sha).stdout.decode().split("\0")
    when = datetime.fromtimestamp(int(fields[5]), tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return Commit(fields[0], fields[1], tuple(fields[2].split()), fields[3], fields[4], when, fields[6].strip())


@lru_cache(maxsize=1024)
def log(repository: Path, since: str | None, until: str) -> tuple[str, ...]:
    """SHAs reachable from `until` and not from `since`, both given by their full SHAs, oldest first."""
    spec = f"{since}..{until}" if since else until
    return tuple(text(repository, "rev-list", "--reverse", spec).split())


@dataclass(frozen=True)
class FileChange:
    path: str
    status: str  # added, modified, removed
    additions: int
    deletions: int
    sha: str  # blob


_STATUS = {"A": "added", "M": "modified", "D": "removed", "T": "changed"}


@lru_cache(maxsize=1024)
def diff(repository: Path, base: str, head: str) -> tuple[FileChange, ...]:
    """What `head` changes of `base`, given by their full SHAs; a renamed file is one removed and one added."""
    asked = ("diff-tree", "-r", "-z", "--no-renames", "--no-abbrev", "--raw", "--numstat")
    fields = iter(run(repository, *asked, base, head).stdout.decode(errors="replace").split("\0"))
    raw, counts = {}, {}
    for field in fields:
        if field.startswith(":"):
            raw[next(fields)] = field.split()
        elif field:
            plus, minus, path = field.split("\t", 2)
            counts[path] = (0 if plus == "-" else int(plus), 0 if minus == "-" else int(minus))
    return tuple(
        FileChange(path, _STATUS[row[4][0]], *counts.get(path, (0, 0)), row[2] if row[4] == "D" else row[3])
        for path, row in raw.items()
    )
