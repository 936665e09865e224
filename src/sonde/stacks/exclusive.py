"""One at a time in a folder, over all processes of this machine.

The folder itself is locked (flock), so that nothing is left behind, not even by a process that was killed.
"""

import fcntl
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

HOLDS = "SONDE_HOLDS"  # in the environment: the folders that a process above us has locked, as in PATH
LOOK = 0.05  # seconds between two attempts
PATIENCE = 10.0  # seconds until a wait is worth a word


@contextmanager
def folder(path: str | Path, env: Mapping[str, str], waiting: Callable[[], None] = lambda: None) -> Iterator[None]:
    """While it lasts the folder is ours alone. `waiting` is called once if another has it for long.

    Nobody waits for what a process above us holds (`env`), for a folder that is not there, or where there are no locks.
    """
    held = None if not path or real(path) in env.get(HOLDS, "").split(os.pathsep) else _locked(path, waiting)
    try:
        yield
    finally:
        if held is not None:
            os.close(held)


def holding(path: str | Path, env: Mapping[str, str]) -> dict[str, str]:
    """The environment for what runs below us while we hold a folder."""
    return {**env, HOLDS: os.pathsep.join(filter(None, (env.get(HOLDS), real(path))))}


def real(path: str | Path) -> str:
    return os.path.realpath(path)


def _locked(path: str | Path, waiting: Callable[[], None]) -> int | None:
    """The descriptor that holds the lock."""
    try:
        held = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        _wait(held, waiting)
    except OSError:  # no locks on this file system
        os.close(held)
        return None
    except BaseException:
        os.close(held)
        raise
    return held


def _wait(held: int, waiting: Callable[[], None]) -> None:
    tell_at: float | None = time.monotonic() + PATIENCE
    while True:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if tell_at is not None and time.monotonic() > tell_at:
                tell_at = None
                waiting()
            time.sleep(LOOK)
        else:
            return
