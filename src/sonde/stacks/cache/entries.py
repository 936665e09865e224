"""The folder of answers: one record for a call, and what it printed under the digest of its bytes.

Both are written beside their place and renamed, so that a reader never sees half of one. A record is the digest of its
own bytes and a marshalled dict; whatever does not fit (another version, cut short, changed) is not there. Nothing here
raises: without the folder there is no cache, that is all.
"""

import marshal
import os
import sys
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any

import sonde

FORMAT = 1
BOUND = 256 << 20  # bytes; what was used least lately goes first
DIGEST = 20
# Variables that the interpreter, the C library and the entry point read, not through the mapping commands are given.
IMPLICIT = frozenset(
    "LANG LANGUAGE TZ TERM COLUMNS LINES NO_COLOR FORCE_COLOR CLICOLOR CLICOLOR_FORCE ATMOS_CHDIR TMPDIR".split()  # noqa: SIM905 - one line to read
)
REMEMBERED = {
    "describe": frozenset({"stacks", "component", "dependents", "affected"}),
    "list": frozenset({"stacks", "components", "instances", "affected"}),
}
Record = dict[str, Any]


def digest(data: bytes) -> bytes:
    return blake2b(data, digest_size=DIGEST).digest()


def folder(env: Mapping[str, str]) -> str | None:
    """Where answers are kept; None where they are not (basedir-spec: a relative XDG_CACHE_HOME does not count)."""
    if env.get("SONDE_CACHE", "").lower() in ("off", "0", "false", "no"):
        return None
    base = env.get("XDG_CACHE_HOME", "")
    if not base.startswith("/"):
        base = env.get("HOME", "") and env["HOME"] + "/.cache"
    return f"{base}/sonde/v{FORMAT}" if base.startswith("/") else None


def call(argv: Sequence[str], env: Mapping[str, str]) -> str | None:
    """What names the answer: the call and what shapes any answer. None for a call whose answer is never kept."""
    if len(argv) < 2 or argv[1] not in REMEMBERED.get(argv[0], ()):
        return None
    if not (sys.stdin and sys.stdout and sys.stderr):
        return None
    try:
        terminals = tuple(stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr))
        place = os.getcwd()  # noqa: PTH109 - pathlib would cost the fast path its import
    except (OSError, ValueError):
        return None
    implicit = sorted(
        item
        for item in env.items()
        if item[0] in IMPLICIT or item[0].startswith(("LC_", "PYTHON", "GIT_", "SONDE_", "_SONDE_"))
    )
    ours = (FORMAT, sonde.__version__, sonde.__file__, sys.version)
    called = os.path.basename(sys.argv[0]) == "atmos"  # noqa: PTH119 - as above; what is printed may name the program
    return repr((*ours, called, os.geteuid(), place, terminals, implicit, list(argv)))


def load(place: str, name: str) -> Record | None:
    """The record of a call, its facts unchecked."""
    data = _read(_path_of(place, name))
    if data is None or data[:DIGEST] != digest(data[DIGEST:]):
        return None
    record = marshal.loads(data[DIGEST:])  # noqa: S302 - our own file, of this very interpreter, and its digest holds
    return record if record["call"] == name else None


def output(place: str, record: Record) -> bytes | None:
    """What the call printed; None where it is gone or damaged."""
    data = _read(f"{place}/{record['output']}.out")
    return data if data is not None and digest(data).hex() == record["output"] else None


def save(place: str, record: Record, pieces: Sequence[bytes] | None = None, *, bound: int = BOUND) -> None:
    """Keep the record, and what was printed unless it is there already; then throw away what is too much."""
    try:
        os.makedirs(place, mode=0o700, exist_ok=True)  # noqa: PTH103 - as above
        if pieces is not None:
            whole = blake2b(digest_size=DIGEST)
            for piece in pieces:
                whole.update(piece)
            if sum(map(len, pieces)) > bound // 2:
                return
            record["output"] = whole.hexdigest()
            _write(f"{place}/{record['output']}.out", pieces)
        data = marshal.dumps(record)
        _write(_path_of(place, record["call"]), [digest(data), data])
        _shrink(place, bound)
    except (OSError, ValueError):
        return


def used(place: str, record: Record) -> None:
    """Note that the answer was wanted again, for the bound."""
    for path in (_path_of(place, record["call"]), f"{place}/{record['output']}.out"):
        try:
            os.utime(path)
        except OSError:
            return


def _path_of(place: str, name: str) -> str:
    return f"{place}/{digest(name.encode('utf-8', 'surrogateescape')).hex()}.call"


def _read(path: str) -> bytes | None:
    """The file, if it is ours alone: somebody else's file says nothing."""
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - as above
            return file.read() if os.fstat(file.fileno()).st_uid == os.geteuid() else None
    except OSError:
        return None


def _write(path: str, pieces: Sequence[bytes]) -> None:
    beside = f"{path}.{os.getpid()}.{os.urandom(4).hex()}.new"
    try:
        with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:  # noqa: PTH123 - as above
            file.writelines(pieces)
        os.replace(beside, path)  # noqa: PTH105 - as above
    except BaseException:
        _remove(beside)
        raise


def _shrink(place: str, bound: int) -> None:
    """Least recently used first, down to three quarters, so that not every save has to look for something."""
    found = []
    with os.scandir(place) as entries:
        for each in entries:
            try:
                facts = each.stat()
            except FileNotFoundError:  # another process was faster
                continue
            found.append((facts.st_mtime_ns, facts.st_size, each.path))
    total = sum(size for _, size, _ in found)
    if total <= bound:
        return
    for _, size, path in sorted(found):
        if total <= bound * 3 // 4:
            return
        _remove(path)
        total -= size


def _remove(path: str) -> None:
    try:
        os.unlink(path)  # noqa: PTH108 - as above
    except OSError:
        return
