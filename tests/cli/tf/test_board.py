"""What is seen of several instances that run at a time."""

import io
import os

import pytest

from sonde.cli.process import Process
from sonde.cli.tf.board import GROUPED, Board, Tail
from sonde.cli.tf.order import Node
from sonde.cli.tf.schedule import Ended

RED, GREEN, OFF = "\x1b[31m", "\x1b[32m", "\x1b[0m"
APP, NET = Node("app", "dev"), Node("net", "dev")


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def board(tmp_path):
    def make(order="stream", stderr=None, **env):
        process = Process(env, tmp_path, io.StringIO(), stderr or io.StringIO(), float, print)
        return Board(process, "plan", 2, order)

    return make


@pytest.fixture
def logs(tmp_path):
    """node -> its two logs, empty."""
    found = {}
    for node in (APP, NET):
        found[node] = {name: tmp_path / f"{node.component}.{name}" for name in ("stdout", "stderr")}
        for path in found[node].values():
            path.touch()
    return found


@pytest.mark.parametrize(
    ("parts", "shown"),
    [
        (["one\ntw", "o\n"], [["one"], ["two"]]),
        (["no end"], [[]]),
        (["a\n\nb\n"], [["a", "", "b"]]),
        ([""], [[]]),
    ],
)
def test_only_whole_lines_are_shown_while_it_runs(tmp_path, parts, shown):
    tail = Tail(tmp_path / "log")
    tail.path.touch()
    for part, lines in zip(parts, shown, strict=True):
        with tail.path.open("a") as file:
            file.write(part)
        assert tail.lines(whole=False) == lines
    rest = "".join(parts).rpartition("\n")[2]
    assert tail.lines(whole=True) == ([rest] if rest else [])


def test_half_a_character_is_not_shown(tmp_path):
    tail = Tail(tmp_path / "log")
    tail.path.write_bytes("│ é".encode()[:-1])
    assert tail.lines(whole=False) == []
    tail.path.write_bytes("│ é\n".encode())
    assert tail.lines(whole=False) == ["│ é"]


@pytest.mark.parametrize(
    ("lines", "painted"),
    [
        (["plain"], ["plain"]),
        ([f"{RED}a{OFF}", "b"], [f"{RED}a{OFF}", "b"]),
        ([f"{RED}a", "b", f"c{OFF}", "d"], [f"{RED}a{OFF}", f"{RED}b{OFF}", f"{RED}c{OFF}", "d"]),
        ([f"{RED}a{OFF}{GREEN}b", "c"], [f"{RED}a{OFF}{GREEN}b{OFF}", f"{GREEN}c{OFF}"]),
    ],
)
def test_a_colour_stays_with_the_lines_it_was_meant_for(tmp_path, lines, painted):
    tail = Tail(tmp_path)
    assert [tail.painted(line) for line in lines] == painted


def test_lines_of_two_that_write_at_the_same_time_stay_whole(board, logs):
    shown = board(NO_COLOR="1")
    for node in (APP, NET):
        shown.started(node, logs[node])
    logs[APP]["stdout"].write_text(f"{RED}first{OFF}\nhal")
    logs[NET]["stdout"].write_text("other\n")
    shown.written(APP)
    shown.written(NET)
    with logs[APP]["stdout"].open("a") as file:
        file.write("f")
    logs[APP]["stderr"].write_text("wrong\n")
    shown.ended(APP, Ended("failed", 1, started=1, finished=2.5))
    assert shown.process.stdout.getvalue() == "[dev/app] first\n[dev/net] other\n[dev/app] half\n"
    assert shown.process.stderr.getvalue().splitlines()[2:] == [
        "[dev/app] wrong",
        "[dev/app] plan failed in 1.5 s (1 of 2)",
    ]


def test_grouped_nothing_is_seen_before_it_ends(board, logs):
    shown = board(GROUPED)
    shown.started(APP, logs[APP])
    logs[APP]["stdout"].write_text("text\n")
    shown.written(APP)
    assert shown.process.stdout.getvalue() == ""
    shown.ended(APP, Ended("succeeded"))
    assert shown.process.stdout.getvalue() == "text\n"


def test_in_github_actions_a_group_holds_both_streams_in_one(board, logs):
    shown = board(GROUPED, GITHUB_ACTIONS="true")
    shown.started(APP, logs[APP])
    logs[APP]["stdout"].write_text("text\n")
    logs[APP]["stderr"].write_text("wrong\n")
    shown.ended(APP, Ended("failed", 1, finished=2))
    assert (
        shown.process.stdout.getvalue()
        == "::group::[dev/app] plan failed in 2.0 s (1 of 2)\ntext\nwrong\n::endgroup::\n"
    )


def test_a_terminal_has_one_line_that_says_what_runs_below_what_was_written(board, logs):
    shown = board(stderr=Terminal())
    for node in (APP, NET):
        shown.started(node, logs[node])
    line = "\r\033[K… 0 of 2 done; running: [dev/app], [dev/net]"
    assert shown.process.stderr.getvalue().endswith(line)
    before = len(shown.process.stderr.getvalue())
    shown.written(APP)
    assert len(shown.process.stderr.getvalue()) == before, "nothing new, nothing drawn"
    shown.ended(APP, Ended("succeeded"))
    assert shown.process.stderr.getvalue().endswith("\r\033[K… 1 of 2 done; running: [dev/net]")
    shown.ended(NET, Ended("succeeded"))
    assert shown.process.stderr.getvalue().endswith("[dev/net] plan succeeded in 0.0 s (2 of 2)\n")


def test_the_summary_tells_of_each_how_it_ended(board, tmp_path):
    shown = board()
    web = Node("web", "prod")
    shown.summary(
        (NET, APP, web),
        {
            APP: Ended(
                "failed", 1, "exit code 1", started=1, finished=2, logs={"stderr": str(tmp_path / "logs" / "x")}
            ),
            NET: Ended("succeeded", 2, changed=True, started=1, finished=3),
            web: Ended("skipped", 1, "dependency app-dev failed"),
        },
    )
    assert shown.process.stderr.getvalue().splitlines()[1:] == [
        "plan of 3 instances: 1 succeeded, 1 failed, 1 skipped",
        "  ✓ [dev/net]  changes (2.0 s)",
        "  ✗ [dev/app]  failed: exit code 1 (1.0 s); logs/x",
        "  - [prod/web] skipped: dependency app-dev failed",
    ]


def test_beside_a_pipe_that_may_end_on_the_same_terminal_there_is_no_such_line(board, logs):
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as stdout:
        shown = board(stderr=Terminal())
        shown.process = shown.process._replace(stdout=stdout)
        shown.started(APP, logs[APP])
    assert shown.process.stderr.getvalue() == "[dev/app] plan started\n"


def test_what_the_stream_cannot_say_does_not_end_what_runs(board, logs):
    raw = io.BytesIO()
    shown = board(NO_COLOR="1")
    shown.process = shown.process._replace(stdout=io.TextIOWrapper(raw, "ascii"))
    shown.started(APP, logs[APP])
    logs[APP]["stdout"].write_text("│ é\n")
    shown.written(APP)
    assert raw.getvalue() == b"[dev/app] ? ?\n"
