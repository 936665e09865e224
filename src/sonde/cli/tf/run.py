"""Running the tool: in the component's folder, with our standard streams, each signal passed on exactly once."""

import os
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from types import FrameType

from sonde.cli import signals
from sonde.cli.errors import CliError

# What asks a process to end, and what the terminal sends to its whole foreground group by itself.
FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)
FROM_TERMINAL = (signal.SIGINT, signal.SIGQUIT)
ENDING = (signal.SIGINT, *signals.ENDING)
_heard: ContextVar[list[int] | None] = ContextVar("heard", default=None)


@contextmanager
def noting() -> Iterator[list[int]]:
    """While it lasts, the signals that told a tool to end are in the list: after them nothing new is to be started."""
    heard: list[int] = []
    token = _heard.set(heard)
    try:
        yield heard
    finally:
        _heard.reset(token)


def tool(
    argv: Sequence[str],
    folder: Path,
    env: Mapping[str, str],
    started: Callable[["subprocess.Popen[bytes]"], None] = lambda _: None,
) -> int:
    """Run a tool to its end; its exit code, or 128 and the signal that ended it. `started` gets the running child.

    Terraform takes a second interrupt for a demand to stop at once and lose state, so none may be doubled. On a
    terminal the child stays in our group and the terminal tells it of ^C; we only wait. Elsewhere it gets a group of
    its own, so that a signal to our whole group reaches it through us alone.
    """
    terminal = _is_foreground()
    with _relay(FROM_TERMINAL if terminal else ()) as relay, _command_found(argv):
        child = subprocess.Popen(list(argv), cwd=folder, env=dict(env), process_group=None if terminal else 0)
        relay.to(child)
        started(child)
        code = child.wait()
    return 128 - code if code < 0 else code


def quietly(argv: Sequence[str], folder: Path, env: Mapping[str, str]) -> tuple[int, str]:
    """Run a tool whose output only matters if it fails; its exit code and all that it wrote."""
    terminal = _is_foreground()
    group = None if terminal else 0
    with _relay(FROM_TERMINAL if terminal else ()) as relay, _command_found(argv):
        child = subprocess.Popen(
            list(argv),
            cwd=folder,
            env=dict(env),
            process_group=group,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        relay.to(child)
        output, _ = child.communicate()
    return child.returncode, output.decode("utf-8", "replace")


@contextmanager
def _command_found(argv: Sequence[str]) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise CliError(
            f"command not found: {argv[0]}",
            hints=["Install Terraform or OpenTofu, or name it in `components.terraform.command`."],
        ) from error


def _is_foreground() -> bool:
    """Whether we hold the terminal, if there is one."""
    try:
        terminal = os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(terminal)


class _Relay:
    """Passes signals on to the child; one that comes before there is a child waits for it."""

    def __init__(self) -> None:
        self.child: subprocess.Popen[bytes] | None = None
        self.waiting: list[int] = []

    def to(self, child: "subprocess.Popen[bytes]") -> None:
        self.child = child
        while self.waiting:
            child.send_signal(self.waiting.pop(0))

    def signal(self, number: int, frame: FrameType | None) -> None:
        del frame
        _note(number)
        if self.child is None:
            self.waiting.append(number)
        else:
            self.child.send_signal(number)


def _unheard(number: int, frame: FrameType | None) -> None:
    """The terminal has told the child itself."""
    del frame
    _note(number)


def _note(number: int) -> None:
    heard = _heard.get()
    if heard is not None and number in ENDING:
        heard.append(number)


@contextmanager
def _relay(told_by_terminal: Sequence[signal.Signals]) -> Iterator[_Relay]:
    """While it lasts, a signal to us is a signal to the child."""
    relay = _Relay()
    before = {
        number: signal.signal(number, _unheard if number in told_by_terminal else relay.signal) for number in FORWARDED
    }
    try:
        yield relay
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
