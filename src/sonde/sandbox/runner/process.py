"""Child processes in a process group of their own, with a deadline and a cancel button."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

POLL_SECONDS = 0.01
# What a group is given to end before the next, harder signal. GitHub: 7.5 s and 2.5 s.
SIGNALS = ((signal.SIGINT, 7.5), (signal.SIGTERM, 2.5), (signal.SIGKILL, 60.0))

Ended = int | Literal["timed_out", "cancelled"]  # an exit code (negative: killed by that signal), or why we ended it


def spawn(argv: Sequence[str], *, cwd: Path, env: Mapping[str, str], log: Path) -> subprocess.Popen[bytes]:
    """Start a process that leads a new group and writes stdout and stderr to the end of `log`; stdin is empty.

    The log is a file and not a pipe, so that a background process left behind cannot hold the step open.
    """
    with log.open("ab") as output:
        return subprocess.Popen(
            list(argv),
            cwd=cwd,
            env=dict(env),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def exit_code(process: subprocess.Popen[bytes]) -> int | None:
    """The exit code without reaping: while the leader is a zombie, its group's id cannot go to strangers.

    macOS before Python 3.13 has no waitid: there the leader is reaped, and its background processes are left alone.
    """
    if not hasattr(os, "waitid"):
        return process.poll()
    found = os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG)
    if found is None:
        return None
    return found.si_status if found.si_code == os.CLD_EXITED else -found.si_status


def wait(process: subprocess.Popen[bytes], deadline: float, cancel: threading.Event) -> Ended:
    """Wait for the process until `deadline` (time.monotonic) or until `cancel` is set; then end its whole group."""
    while (code := exit_code(process)) is None:
        if cancel.is_set() or time.monotonic() >= deadline:
            why: Ended = "cancelled" if cancel.is_set() else "timed_out"
            end(process)
            return why
        time.sleep(POLL_SECONDS)
    return code


def end(process: subprocess.Popen[bytes]) -> None:
    """Ask the group to end, harder each time. terraform gives its locks back on SIGINT."""
    for number, patience in SIGNALS:
        if exit_code(process) is None:
            os.killpg(process.pid, number)
        until = time.monotonic() + patience
        while time.monotonic() < until:
            if exit_code(process) is not None:
                return
            time.sleep(POLL_SECONDS)


def sweep(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    """End what the steps of a job left running in the background, then reap the leaders."""
    for process in processes:
        if process.returncode is None:  # not reaped yet
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
