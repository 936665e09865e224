"""Running a tool: exit codes, and signals that arrive exactly once."""

import os
import signal
import subprocess
import sys

import pytest

from sonde.cli.errors import CliError
from sonde.cli.tf import run

# A tool that counts its interrupts, as Terraform does, and needs a moment to stop.
TOOL = """
trap 'echo got >> "$LOG"' INT TERM
echo running
for i in 1 2 3 4 5 6 7 8; do sleep 0.05; done
"""
PROGRAM = """
import os, pathlib, sys
from sonde.cli.tf import run
sys.exit(run.tool(["bash", "-c", os.environ["TOOL"]], pathlib.Path.cwd(), os.environ))
"""


@pytest.mark.parametrize(("script", "code"), [("exit 0", 0), ("exit 2", 2), ("kill -TERM $$", 143)])
def test_the_exit_code_is_the_tools(tmp_path, script, code):
    assert run.tool(["sh", "-c", script], tmp_path, os.environ) == code


def test_a_tool_that_is_not_there_ends_with_one(tmp_path):
    with pytest.raises(CliError) as caught:
        run.tool(["no-such-terraform"], tmp_path, os.environ)
    assert caught.value.exit_code == 1


def test_a_quiet_tool_gives_back_what_it_wrote(tmp_path):
    assert run.quietly(["sh", "-c", "echo out; echo err >&2; exit 1"], tmp_path, os.environ) == (1, "out\nerr\n")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("to_group", [False, True])
def test_a_signal_reaches_the_tool_once_however_it_was_sent(tmp_path, number, to_group):
    log = tmp_path / "log"
    env = {**os.environ, "LOG": str(log), "TOOL": TOOL}
    command = [sys.executable, "-c", PROGRAM]
    with subprocess.Popen(command, cwd=tmp_path, env=env, start_new_session=True, stdout=subprocess.PIPE) as ours:
        assert ours.stdout.readline() == b"running\n"
        (os.killpg if to_group else os.kill)(ours.pid, number)
        assert ours.wait(timeout=10) == 0, "the tool ended by itself, and so did we"
    assert log.read_text() == "got\n"
