"""What a command sees of the world outside: environment, folder, streams, clock. Nothing else in `cli` reads them."""

import os
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple, TextIO

from sonde.cli import called
from sonde.cli.errors import CliError
from sonde.stacks.cache import watching


class Process(NamedTuple):
    """Passed to every command body, so that a test can be the world. `now` is epoch seconds."""

    env: Mapping[str, str]
    cwd: Path
    stdout: TextIO
    stderr: TextIO
    now: Callable[[], float]
    sleep: Callable[[float], None]
    argv: tuple[str, ...] = ()  # the command as it was called, without the program
    program: str = called.OURS

    @property
    def command(self) -> str:
        """What to type to run this again."""
        from shlex import join

        return join([self.program, *self.argv])


def enter(folder: str, start: Path) -> None:
    """Go where `--chdir` says, else ATMOS_CHDIR, seen from `start`; stay where neither says anything.

    Raises CliError where that is no folder.
    """
    folder = folder or os.environ.get("ATMOS_CHDIR", "")
    if not folder:
        return
    try:
        os.chdir(start / folder)
    except OSError as error:
        raise CliError(f"cannot change to the folder {folder}: {error.strerror}") from error


def current() -> Process:
    """The real world of this process."""
    return Process(
        env=watching.environment(os.environ),
        cwd=Path.cwd(),
        stdout=sys.stdout,
        stderr=sys.stderr,
        now=time.time,
        sleep=time.sleep,
        argv=tuple(sys.argv[1:]),
        program=called.name(sys.argv[0]),
    )
