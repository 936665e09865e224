"""What is seen of several instances that run at a time: their logs, how far the job is, and how each ended."""

import os
import re
import shutil
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

import click

from sonde.cli.errors import wants_colour
from sonde.cli.process import Process
from sonde.cli.tf.order import Node
from sonde.cli.tf.schedule import Ended

STREAM, GROUPED = "stream", "grouped"
COLOURS = ("cyan", "magenta", "yellow", "blue", "green", "bright_cyan", "bright_magenta", "bright_blue")
PAINT = re.compile(r"\x1b\[[0-9;]*m")
RESET = "\x1b[0m"
SIGNS = {"succeeded": ("✓", "green"), "failed": ("✗", "red"), "skipped": ("-", "yellow")}


@dataclass
class Tail:
    """How much of a log was shown. `paint` are the colours that are still on where it was left."""

    path: Path
    offset: int = 0
    paint: str = ""

    def lines(self, *, whole: bool) -> list[str]:
        """The lines that have come since; one without its end only if the log is `whole`."""
        with self.path.open("rb") as file:
            file.seek(self.offset)
            new = file.read()
        if not whole:
            new = new[: new.rfind(b"\n") + 1]
        self.offset += len(new)
        return new.decode("utf-8", "replace").removesuffix("\n").split("\n") if new else []

    def painted(self, line: str) -> str:
        """A line that stands for itself: in the colours of the one before it, and with an end to them."""
        text = self.paint + line
        self.paint = "".join(PAINT.findall(text.rpartition(RESET)[2]))
        return text + RESET if self.paint else text


@dataclass
class Board:
    """Everything is written here, by one thread: no line cuts another. `total` is the number of instances."""

    process: Process
    command: str
    total: int
    order: str = STREAM
    tails: dict[Node, dict[str, Tail]] = field(default_factory=dict)
    colours: dict[Node, str] = field(default_factory=dict)
    done: int = 0
    gone: list[TextIO] = field(default_factory=list)  # whose reader went away; what runs must not suffer from it

    def started(self, node: Node, logs: Mapping[str, Path]) -> None:
        self.colours[node] = COLOURS[len(self.colours) % len(COLOURS)]
        self.tails[node] = {name: Tail(path) for name, path in logs.items()}
        if not self.is_live:
            self._say(f"{label(node)} {self.command} started")
        self._draw()

    def written(self, node: Node) -> None:
        """Show what a node has written since."""
        if self.order == STREAM:
            self._show(node, whole=False)

    def ended(self, node: Node, how: Ended) -> None:
        """Show the rest of a node's log, or all of it, and how it ended."""
        took = f"in {how.finished - how.started:.1f} s ({self.done + 1} of {self.total})"
        if self.order == STREAM:
            self._show(node, whole=True)
            self._say(f"{label(node)} {self.command} {how.status} {took}")
        elif self.process.env.get("GITHUB_ACTIONS") == "true":
            self._group(node, f"{label(node)} {self.command} {how.status} {took}")
        else:
            self._say(f"\n{label(node)} {self.command} output {how.status} {took}")
            self._show(node, whole=True)
            self._say(f"{label(node)} end {self.command} output")
        del self.tails[node]
        self.done += 1
        self._draw()

    def skipped(self, node: Node, why: str) -> None:
        self.done += 1
        self._say(f"{label(node)} {self.command} skipped: {why}")

    def interrupted(self) -> None:
        """Say what we wait for."""
        if self.tails:
            names = ", ".join(label(node) for node in self.tails)
            self._say(
                f"Interrupted. Waiting for {names}. A second interrupt makes Terraform stop at once, and may lose state."
            )
            self._draw()

    def summary(self, order: tuple[Node, ...], ended: Mapping[Node, Ended]) -> None:
        """A line for each instance, in their order, after a line with the sums."""
        self._clear()
        counts = [f"{sum(each.status == name for each in ended.values())} {name}" for name in SIGNS]
        self._say(f"\n{self.command} of {len(order)} instances: {', '.join(counts)}")
        width = max(len(label(node)) for node in order)
        for node in order:
            sign, colour = SIGNS[ended[node].status]
            sign = click.style(sign, fg=colour) if self._coloured(self.process.stderr) else sign
            self._say(f"  {sign} {label(node):{width}} {self._told(ended[node])}")

    @property
    def is_live(self) -> bool:
        """Whether there is a terminal, on which one line can change all the time, and no pipe may write to it behind our back."""
        return (
            self.process.stderr.isatty()
            and self.process.env.get("TERM") != "dumb"
            and not _is_pipe(self.process.stdout)
        )

    def _show(self, node: Node, *, whole: bool, into: str = "") -> None:
        streams = {"stdout": self.process.stdout, "stderr": self.process.stderr}
        for name, tail in self.tails[node].items():
            stream = streams[into or name]
            lines = tail.lines(whole=whole)
            if lines:
                self._clear()
                self._write(stream, "".join(self._line(node, tail, line, stream) for line in lines))
                self._draw()

    def _line(self, node: Node, tail: Tail, line: str, stream: TextIO) -> str:
        if self.process.env.get("NO_COLOR"):
            line = PAINT.sub("", line)
        if self.order != STREAM:
            return f"{line}\n"
        prefix = label(node)
        prefix = click.style(prefix, fg=self.colours[node]) if self._coloured(stream) else prefix
        return f"{prefix} {tail.painted(line)}\n"

    def _group(self, node: Node, title: str) -> None:
        """All on one stream: between two of them the runner keeps no order (GitHub docs, "Workflow commands")."""
        self._write(self.process.stdout, f"::group::{title}\n")
        self._show(node, whole=True, into="stdout")
        self._write(self.process.stdout, "::endgroup::\n")

    def _draw(self) -> None:
        """The line at the bottom of a terminal: how many are done, and what runs."""
        if self.is_live and self.tails:
            text = f"… {self.done} of {self.total} done; running: {', '.join(label(node) for node in self.tails)}"
            self._write(self.process.stderr, f"\r\033[K{text[: shutil.get_terminal_size().columns - 1]}")

    def _clear(self) -> None:
        if self.is_live:
            self._write(self.process.stderr, "\r\033[K")

    def _say(self, text: str) -> None:
        self._clear()
        self._write(self.process.stderr, f"{text}\n")

    def _told(self, how: Ended) -> str:
        if how.status == "skipped":
            return f"skipped: {how.why}"
        took = f"{how.finished - how.started:.1f} s"
        if how.status == "failed":
            return f"failed: {how.why} ({took}); {os.path.relpath(how.logs['stderr'], self.process.cwd)}"
        return f"{'changes' if how.changed else 'ok'} ({took})"

    def _coloured(self, stream: TextIO) -> bool:
        return wants_colour(self.process.env, stream)

    def _write(self, stream: TextIO, text: str) -> None:
        if stream in self.gone:
            return
        try:
            stream.write(text.encode(stream.encoding or "utf-8", "replace").decode(stream.encoding or "utf-8"))
            stream.flush()
        except OSError:
            self.gone.append(stream)


def label(node: Node) -> str:
    """How a node is called in logs.

    >>> label(Node("app/web", "dev"))
    '[dev/app/web]'
    """
    return f"[{node.stack}/{node.component}]"


def _is_pipe(stream: TextIO) -> bool:
    """Whether another program gets it, such as `tee`, which may show it on our terminal."""
    try:
        return stat.S_ISFIFO(os.fstat(stream.fileno()).st_mode)
    except OSError:  # it is no file at all
        return False
