"""Several instances at a time, each as a process of its own that writes its own log."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import FrameType

from sonde.cli.project import Project
from sonde.cli.tf import schedule, words
from sonde.cli.tf.argv import Call
from sonde.cli.tf.board import Board
from sonde.cli.tf.order import Node
from sonde.cli.tf.run import ENDING, FORWARDED
from sonde.cli.tf.schedule import Ended, Job

LOOK = 0.05  # seconds between two looks at logs, ends and signals
STREAMS = ("stdout", "stderr")


@dataclass
class Running:
    """A node that runs. Its process writes into `logs`, so that it goes on as a whole even if we are killed."""

    child: "subprocess.Popen[bytes]"
    logs: dict[str, Path]
    started: float


@dataclass
class Flow:
    """All that changes while a job runs. `ended` is in the order in which they ended, `heard` are signals not yet passed on."""

    running: dict[Node, Running] = field(default_factory=dict)
    ended: dict[Node, Ended] = field(default_factory=dict)
    heard: list[int] = field(default_factory=list)
    interrupted: bool = False


def run(home: Project, call: Call, job: Job, board: Board) -> dict[Node, Ended]:
    """Run a job to its end, `job.limit` instances at a time. Each signal to us is passed on to each of them once."""
    flow = Flow()
    with _hearing(flow):
        while True:
            if _pass_on(flow):
                board.interrupted()
            step = schedule.decide(job, flow.ended, flow.running, interrupted=flow.interrupted)
            for node, why in step.skip.items():
                flow.ended[node] = Ended("skipped", 1, why)
                board.skipped(node, why)
            for node in step.start:
                flow.running[node] = _start(home, call, node)
                board.started(node, flow.running[node].logs)
            if not flow.running:
                return flow.ended
            time.sleep(LOOK)
            _look(home, call, flow, board)


def _start(home: Project, call: Call, node: Node) -> Running:
    """Start the process of a node, in a group of its own: a ^C of the terminal reaches it through us alone."""
    logs = {name: log_folder(home, call) / f"{log_stem(node)}.{name}.log" for name in STREAMS}
    argv = [sys.executable, "-P", "-m", "sonde.cli.tf.node"]
    argv += words.words_of(words.for_one(call, node.component, node.stack))
    out, err = (_opened(logs[name]) for name in STREAMS)
    try:
        child = subprocess.Popen(
            argv,
            cwd=home.process.cwd,
            env=dict(home.process.env),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            process_group=0,
        )
    finally:
        os.close(out)
        os.close(err)
    return Running(child, logs, home.process.now())


def log_folder(home: Project, call: Call) -> Path:
    """Where the logs of a command go. It is not git's business: `pro commit` must not send it."""
    folder = Path(home.config.base_path) / ".atmos" / "logs" / "terraform" / call.name
    folder.mkdir(parents=True, exist_ok=True)
    ignored = folder.parent.parent / ".gitignore"
    if not ignored.exists():
        ignored.write_text("*\n", encoding="utf-8")
    return folder


def log_stem(node: Node) -> str:
    """The begin of the names of a node's logs.

    >>> log_stem(Node("app/web", "dev"))
    'dev__app__web'
    """
    return f"{node.stack}__{node.component}".replace("/", "__")


def _opened(path: Path) -> int:
    """An empty log, readable by its owner alone: what Terraform prints may be confidential."""
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)


def _look(home: Project, call: Call, flow: Flow, board: Board) -> None:
    """Show what was written, and note what has ended."""
    for node, each in list(flow.running.items()):
        code = each.child.poll()  # first: what is written until then is shown
        board.written(node)
        if code is None:
            continue
        del flow.running[node]
        flow.ended[node] = replace(
            outcome(call, 128 - code if code < 0 else code),
            started=each.started,
            finished=home.process.now(),
            logs={name: str(path) for name, path in each.logs.items()},
        )
        board.ended(node, flow.ended[node])


def outcome(call: Call, code: int) -> Ended:
    """What an exit code means: 2 of a plan says that there are changes."""
    changed = code == 2 and call.name == "plan"
    if code and not changed:
        return Ended("failed", code, f"subcommand exited with code {code}")
    return Ended("succeeded", code, changed=changed)


def _pass_on(flow: Flow) -> bool:
    """Each signal once to each that runs: Terraform takes a second interrupt for a demand to stop at once and lose state.

    Only here is it passed on, never in the handler, so that one that is being started is not left out. Tells whether this is
    the first that asks us to end.
    """
    before = flow.interrupted
    while flow.heard:
        number = flow.heard.pop(0)
        flow.interrupted |= number in ENDING
        for each in flow.running.values():
            each.child.send_signal(number)
    return flow.interrupted and not before


@contextmanager
def _hearing(flow: Flow) -> Iterator[None]:
    """While it lasts, signals are noted. If we break off, what runs is asked to end, and waited for."""

    def note(number: int, frame: FrameType | None) -> None:
        del frame
        flow.heard.append(number)

    before = {number: signal.signal(number, note) for number in FORWARDED}
    try:
        yield
    except BaseException:
        flow.heard.append(signal.SIGINT)
        _pass_on(flow)
        for each in flow.running.values():
            each.child.wait()
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
