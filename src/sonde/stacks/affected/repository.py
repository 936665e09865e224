"""Git's own answers: which commit a name means, which paths differ, and the objects of a commit."""

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from typing import IO, NamedTuple

from sonde.stacks.cache import watching
from sonde.stacks.errors import StacksError

FOLDER, SYMLINK, SUBMODULE = "40000", "120000", "160000"  # modes in tree objects


class Entry(NamedTuple):
    """One name in a tree object; `mode` as git writes it, without leading zeros."""

    mode: str
    oid: str


@dataclass(frozen=True)
class Repository:
    """A checkout: `root` is the absolute, real path of its top folder; `env` is what git runs with."""

    root: str
    env: Mapping[str, str]

    def commit(self, name: str) -> str | None:
        """The full id of the commit that a branch, tag, reference or id means; None where there is none."""
        if not name or name.startswith("-"):
            return None
        done = self.run("rev-parse", "--verify", "--quiet", f"{name}^{{commit}}")
        return done.stdout.decode().strip() if done.returncode == 0 else None

    def merge_base(self, one: str, other: str) -> str | None:
        """The best common ancestor of two commits; None where they (as far as fetched) have none."""
        done = self.run("merge-base", one, other)
        return done.stdout.decode().strip() if done.returncode == 0 else None

    def changed(self, *commits: str) -> frozenset[str]:
        """Paths below `root` that differ between two commits, or between one and the working tree (untracked files left out).

        A rename counts at both ends. Raises StacksError if git cannot compare them.
        """
        done = self.run("diff", "--name-only", "-z", "--no-renames", "--no-ext-diff", "--no-textconv", *commits, "--")
        if done.returncode:
            raise StacksError(f"git diff {' '.join(commits)}: {done.stderr.decode(errors='replace').strip()}")
        return frozenset(_path(part) for part in done.stdout.split(b"\0") if part)

    def untracked(self, folder: str) -> frozenset[str]:
        """Paths below `root` of the files in a folder that git does not track, ignored ones included."""
        done = self.run("ls-files", "--others", "-z", "--full-name", "--", folder)
        return frozenset(_path(part) for part in done.stdout.split(b"\0") if part)

    def listing(self, commit: str) -> dict[str, str]:
        """Every path of a commit with its mode and object, as one text each."""
        done = self.run("ls-tree", "-r", "-z", "--full-tree", commit)
        if done.returncode:
            raise StacksError(f"git ls-tree {commit}: {done.stderr.decode(errors='replace').strip()}")
        lines = (line.partition(b"\t") for line in done.stdout.split(b"\0") if line)
        return {_path(name): facts.decode() for facts, _, name in lines}

    def run(self, *command: str) -> subprocess.CompletedProcess[bytes]:
        """Run git in the checkout, and note what it said for the cache of answers. Raises nothing for an exit code."""
        whole = ["git", "-C", self.root, *command]
        with watching.known_program():
            done = subprocess.run(whole, env=watching.plain(self.env), capture_output=True, check=False)
        watching.git_told(self.root, command, done.returncode, done.stdout)
        return done


def open_repository(folder: str, env: Mapping[str, str]) -> Repository:
    """The checkout around a folder. Raises StacksError with git's own words where git finds none, or trusts it not."""
    try:
        done = Repository(folder, env).run("rev-parse", "--show-toplevel")
    except FileNotFoundError as error:
        raise StacksError("git is not on the PATH", hints=["Install git: commits are compared with it."]) from error
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip()
        raise StacksError(f"repository does not exist\n\n{said}", hints=[f"{folder} must lie in a git checkout."])
    return Repository(_path(done.stdout.rstrip(b"\n")), env)


class Objects:
    """The object store of a repository, read through one `git cat-file --batch` that starts when it is first needed."""

    def __init__(self, repository: Repository) -> None:
        self.repository = repository
        self._process: subprocess.Popen[bytes] | None = None

    def folder(self, name: str) -> dict[str, Entry]:
        """The entries of a tree object. Raises StacksError if the repository does not have it."""
        data = self.read(name)
        size = len(name) // 2 if len(name) in (40, 64) else self._oid_bytes()
        found, at = {}, 0
        while at < len(data):
            space, end = data.index(b" ", at), data.index(b"\0", at)
            oid = data[end + 1 : end + 1 + size].hex()
            found[_path(data[space + 1 : end])] = Entry(data[at:space].decode(), oid)
            at = end + 1 + size
        return found

    def read(self, name: str) -> bytes:
        """An object's content as it is stored. Raises StacksError if the repository does not have it."""
        source, sink = self._pipes()
        sink.write(name.encode() + b"\n")
        sink.flush()
        header = source.readline().split()
        if len(header) != 3:
            watching.unrepeatable("an object that may come", None)
            raise StacksError(
                f"git object {name} is not in this repository",
                hints=[
                    "A shallow or partial clone may lack it: check out with `fetch-depth: 0`, or fetch the base commit."
                ],
            )
        data = source.read(int(header[2]))
        source.read(1)
        return data

    def smudged(self, entry: Entry, path: str) -> bytes:
        """A blob as a checkout would write it: through the filters that the attributes of `path` name (gitattributes(5))."""
        done = self.repository.run("cat-file", "--filters", f"--path={path}", entry.oid)
        return done.stdout if done.returncode == 0 else self.read(entry.oid)

    def close(self) -> None:
        """End the process. Closing twice is allowed."""
        process, self._process = self._process, None
        if process:
            source, sink = _streams(process)
            sink.close()
            source.close()
            process.wait()

    def _oid_bytes(self) -> int:
        done = self.repository.run("rev-parse", "--show-object-format")
        return 32 if done.stdout.strip() == b"sha256" else 20

    def _pipes(self) -> tuple[IO[bytes], IO[bytes]]:
        if self._process is None:
            # An object never changes under its name, unless another one is put in its place (git-replace(1)).
            self.repository.run("for-each-ref", "refs/replace")
            with watching.known_program():
                self._process = subprocess.Popen(
                    ["git", "-C", self.repository.root, "cat-file", "--batch"],
                    env=watching.plain(self.repository.env),
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                )
        return _streams(self._process)


def _streams(process: subprocess.Popen[bytes]) -> tuple[IO[bytes], IO[bytes]]:
    if process.stdout is None or process.stdin is None:
        raise AssertionError("both are pipes")
    return process.stdout, process.stdin


def _path(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")
