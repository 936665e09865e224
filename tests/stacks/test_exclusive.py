"""One at a time in a folder, over processes."""

import os
import signal
import subprocess
import sys

import pytest

from sonde.stacks import exclusive

# Locks a folder, tells so, and keeps it until it is told to end.
HOLDER = """
import os, sys
from sonde.stacks import exclusive
with exclusive.folder(sys.argv[1], os.environ):
    print("mine", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path):
    """A process that holds the folder."""
    argv = [sys.executable, "-c", HOLDER, str(tmp_path)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout.readline() == "mine\n"
        yield child
        child.kill()


@pytest.mark.parametrize("end", ["goes", "is killed"])
def test_who_waits_gets_it_when_the_holder_ends(holder, tmp_path, monkeypatch, end):
    monkeypatch.setattr(exclusive, "PATIENCE", 0.0)
    told = []

    def waiting():
        told.append("waits")
        holder.send_signal(signal.SIGKILL) if end == "is killed" else holder.stdin.close()

    with exclusive.folder(tmp_path, {}, waiting):
        assert told == ["waits"]


def test_what_runs_below_the_holder_does_not_wait_for_it(holder, tmp_path):
    env = exclusive.holding(tmp_path, exclusive.holding("/elsewhere", {}))
    assert env == {exclusive.HOLDS: os.pathsep.join(["/elsewhere", str(tmp_path.resolve())])}
    link = tmp_path.parent / "link"
    link.symlink_to(tmp_path)
    with exclusive.folder(link, env):
        assert holder.poll() is None


@pytest.mark.parametrize("path", ["", "/no/such/folder"])
def test_a_folder_that_is_not_there_is_nobodys(path):
    with exclusive.folder(path, {}):
        pass
