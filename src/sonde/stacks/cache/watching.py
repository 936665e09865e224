"""Noting what a run reads, from below: audit events of the interpreter (PEP 578), `os.stat`, and a watched environment.

The engine, the configuration and the template functions read files in a few dozen places; a hook in each would be
forgotten in the next one. There is one watch at a time and it watches the whole process. Of a stat only the type counts:
nothing in the engine looks at times or sizes.
"""

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from sonde.stacks.cache import facts

T = TypeVar("T")
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
# What leaves the process, or changes something: the answer depends on more than can be checked, or has to be done again.
UNREPEATABLE: tuple[str, ...] = (
    *("subprocess.", "socket.", "os.system", "os.exec", "os.fork", "os.posix_spawn", "os.spawn", "ctypes.dlopen"),
    *("os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.link", "os.symlink", "os.truncate", "os.chmod"),
    *("builtins.input", "urllib.", "http.", "tempfile.", "shutil.", "sqlite3.", "os.putenv", "os.unsetenv"),
)
DEVICES = ("/dev/", "/proc/", "/sys/")  # what stands there has no content of its own
MEMORY = "/dev/shm/"  # noqa: S108 - a file system like any other, in the middle of them


class Watch:
    """What one run has looked at. `unrepeatable` is the first reason not to keep its answer, or empty."""

    def __init__(self) -> None:
        self.unrepeatable = ""
        self.env: dict[str, bytes] = {}
        self.kinds: dict[str, int] = {}
        self.links: dict[str, str | int] = {}
        self.reads: dict[str, facts.Read] = {}
        self.git: dict[tuple[str, ...], bytes] = {}
        self.printed: list[tuple[int, bytes]] = []
        self.busy = False

    def read(self, path: str) -> None:
        if path not in self.reads:
            found = self.reads[path] = facts.observed(path)
            device = path.startswith(DEVICES) and not path.startswith(MEMORY)
            if device or not facts.has_content(found[0]):
                self.unrepeatable = self.unrepeatable or f"{path} is no file"

    def facts(self, env: Mapping[str, str]) -> facts.Facts | None:
        """All that was seen, if it is still so; None where the run cannot be kept."""
        found: facts.Facts = {"env": self.env, "kinds": self.kinds, "links": self.links, "reads": self.reads}
        self.busy = True
        found["code"] = {path: facts.stat_of(path)[:3] for path in own_code()}
        # Git is not asked again here: an answer of before a change does not fit the one of after it, later.
        return None if self.unrepeatable or not facts.hold(found, env) else found | {"git": self.git}


class Environment(Mapping[str, str]):
    """The environment as a command gets it; who reads a variable makes the answer depend on it."""

    def __init__(self, watch: Watch, env: Mapping[str, str]) -> None:
        self._watch = watch
        self._env = dict(env)

    def _note(self, name: str) -> None:
        if name not in self._watch.env:
            self._watch.env[name] = facts.env_digest(self._env, name)

    def __getitem__(self, name: str) -> str:
        self._note(name)
        return self._env[name]

    def __iter__(self) -> Iterator[str]:
        self._note(facts.ALL)
        return iter(self._env)

    def __len__(self) -> int:
        self._note(facts.ALL)
        return len(self._env)


_active: list[Watch] = []
_hooked: list[bool] = []


def environment(env: Mapping[str, str]) -> Mapping[str, str]:
    """The environment to give to a command: watched while a run is watched."""
    return Environment(_active[0], env) if _active else dict(env)


def unrepeatable(reason: str, value: T) -> T:
    """The value, which another run would not get: the clock, chance."""
    if _active and not _active[0].unrepeatable:
        _active[0].unrepeatable = reason
    return value


def printed(descriptor: int, pieces: Sequence[bytes]) -> None:
    """Note what is written to a descriptor past sys.stdout and sys.stderr."""
    if _active:
        _active[0].printed.extend((descriptor, piece) for piece in pieces)


def plain(env: Mapping[str, str]) -> dict[str, str]:
    """The environment for a program whose answer is noted, which then stands for the variables that it read."""
    return dict(env._env if isinstance(env, Environment) else env)  # noqa: SLF001 - they are one


@contextmanager
def known_program() -> Iterator[None]:
    """In this block a program may be run: what it tells is noted with `git_told`, or can never change.

    Nothing is noted in it, so that it is also for what the cache itself reads and writes.
    """
    busy = bool(_active) and _active[0].busy
    try:
        if _active:
            _active[0].busy = True
        yield
    finally:
        if _active:
            _active[0].busy = busy


def git_told(folder: str, command: Sequence[str], code: int, output: bytes) -> None:
    """Note what git answered; it is asked again before the answer is believed."""
    if not _active:
        return
    if command[0] not in facts.ASKED_AGAIN or "--filters" in command:
        unrepeatable(f"git {command[0]}", None)
    _active[0].git[(folder, *command)] = facts.git_digest(code, output)


@contextmanager
def watch() -> Iterator[Watch]:
    """Watch this process until the end of the block."""
    if not _hooked:
        sys.addaudithook(_audit)
        _hooked.append(True)
    found = Watch()
    saved = os.stat, os.lstat, os.readlink, os.access
    os.stat = _stat(found, os.stat)
    os.lstat = _link(found, os.lstat)
    os.readlink = _link(found, os.readlink)
    os.access = _access(os.access)
    _active.append(found)
    try:
        yield found
    finally:
        _active.remove(found)
        os.stat, os.lstat, os.readlink, os.access = saved


def _stat(found: Watch, real: Callable[..., Any]) -> Any:
    def stat(path: Any, *, dir_fd: int | None = None, follow_symlinks: bool = True) -> Any:
        name = None if found.busy else _name(path)
        if dir_fd is not None:
            unrepeatable("a folder's descriptor", None)
        elif name is not None and follow_symlinks:
            found.kinds.setdefault(name, facts.kind_of(name))
        elif name is not None:
            found.links.setdefault(name, facts.link_of(name))
        return real(path, dir_fd=dir_fd, follow_symlinks=follow_symlinks)

    return stat


def _link(found: Watch, real: Callable[..., Any]) -> Any:
    def look(path: Any, *, dir_fd: int | None = None) -> Any:
        name = None if found.busy else _name(path)
        if dir_fd is not None:
            unrepeatable("a folder's descriptor", None)
        elif name is not None:
            found.links.setdefault(name, facts.link_of(name))
        return real(path, dir_fd=dir_fd)

    return look


def _access(real: Callable[..., bool]) -> Any:
    def access(*args: Any, **options: Any) -> bool:
        return unrepeatable("permissions", real(*args, **options))

    return access


def _name(path: Any) -> str | None:
    """The absolute name of what is looked at, not normalised: `a/../b` goes through `a`. None for a descriptor."""
    if isinstance(path, int):
        return None
    name = os.fsdecode(path)
    return name if name.startswith("/") else f"{os.getcwd()}/{name}"  # noqa: PTH109 - on every stat of a run


def _audit(event: str, args: tuple[Any, ...]) -> None:
    if not _active or _active[0].busy:
        return
    if event in ("open", "os.scandir", "os.listdir") and _importing():
        return
    found = _active[0]
    if event == "open":
        _opened(found, args)
    elif event in ("os.scandir", "os.listdir"):
        name = _name("." if args[0] is None else args[0])
        if name is None:
            found.unrepeatable = found.unrepeatable or event
        else:
            _observe(found, name)
    elif event.startswith(UNREPEATABLE) and not _bytecode(args):
        found.unrepeatable = found.unrepeatable or event


def _opened(found: Watch, args: tuple[Any, ...]) -> None:
    path, _, flags = args
    if isinstance(path, int) or _bytecode(args):  # the descriptor's own opening was seen
        return
    if flags & WRITING:
        found.unrepeatable = found.unrepeatable or "a file is written"
    else:
        _observe(found, _name(path) or "")


def _observe(found: Watch, path: str) -> None:
    found.busy = True
    try:
        found.read(path)
    finally:
        found.busy = False


def _bytecode(args: tuple[Any, ...]) -> bool:
    """The interpreter's own business: it keeps bytecode beside the sources, which are what counts."""
    return bool(args) and isinstance(args[0], str) and ("/__pycache__" in args[0] or args[0].endswith(".so"))


def _importing() -> bool:
    """Whether it is the import system that looks (two frames up): modules are noted when the run has ended."""
    return sys._getframe(2).f_code.co_filename.startswith("<frozen importlib")  # noqa: SLF001 - the documented way to the caller


def own_code() -> Iterator[str]:
    """The files of all modules but the standard library's, which the interpreter's version stands for."""
    library = os.path.dirname(os.__file__)  # noqa: PTH120 - a text like those it is compared with
    for module in list(sys.modules.values()):
        path = getattr(module, "__file__", None)
        if path and (not path.startswith(library) or "site-packages" in path):
            yield path
