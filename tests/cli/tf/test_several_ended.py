"""Several instances in one call that is interrupted, killed, or whose reader goes away."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest
from several import ATMOS, COLOURS, MODULE, TERRAFORM, component, ended

pytestmark = pytest.mark.skipif(not shutil.which("terraform"), reason="there is no `terraform` on the PATH")

# Tells that it runs, then waits until it is interrupted.
SLOW = """
resource "terraform_data" "slow" {
  depends_on = [terraform_data.first]
  provisioner "local-exec" { command = "test -e %(folder)s/open || { echo > %(folder)s/told-%(name)s; exec sleep 60; }" }
}
"""


def slow(infra, tmp_path, *names):
    """Components that tell when their provisioner runs; what is given back waits until all do. A shim would hide signals."""
    (infra.root / "atmos.yaml").write_text(ATMOS.format(tool="terraform"))
    for name in names:
        (infra.folder(name) / "main.tf").write_text(MODULE + SLOW % {"folder": tmp_path, "name": name})
    return lambda: until(lambda: all((tmp_path / f"told-{name}").exists() for name in names))


def until(true):
    deadline = time.monotonic() + 30
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


ON_TERMINAL = (
    "import os, sys; os.login_tty(int(sys.argv[1])); os.execv(sys.executable, [sys.executable, *sys.argv[2:]])"
)


@pytest.fixture
def begun(infra, plane, tmp_path):
    """Start the program; `begun(argv, terminal)` gives the process. Its standard error is the terminal, if one is given."""
    children = []

    def begin(*argv, terminal=None):
        env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "TERM": "xterm", **TERRAFORM}
        env |= {"ATMOS_PRO_BASE_URL": plane.url, "ATMOS_PRO_TOKEN": "static"}
        program = [sys.executable, *(["-c", ON_TERMINAL, str(terminal)] if terminal else [])]
        child = subprocess.Popen(
            [*program, "-m", "sonde.main", "terraform", *argv],
            cwd=infra.root,
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=(terminal,) if terminal else (),
            start_new_session=not terminal,
        )
        children.append(child)
        return child

    yield begin
    for child in children:
        with child:
            child.kill()


def read(child, master=None):
    """All that it writes, without colours, until it ends."""
    if master is None:
        return COLOURS.sub("", child.communicate(timeout=60)[0].decode())
    found = b""
    with contextlib.suppress(OSError):  # what Linux says when nobody has the terminal any more
        while part := os.read(master, 65536):
            found += part
    child.wait(timeout=60)
    return COLOURS.sub("", found.decode().replace("\r\n", "\n"))


@pytest.mark.parametrize("how", ["to the group", "to the process", "on the terminal"])
def test_an_interrupt_reaches_each_terraform_once_and_every_state_is_whole(
    terraform, infra, plane, tmp_path, begun, how
):
    infra.has(component("a"), component("c", needs="a"), component("d"))
    wait = slow(infra, tmp_path, "a", "d")
    flags = ("--all", "-s", "dev", "-auto-approve", "--upload-status", "--max-concurrency", "3")
    master, terminal = os.openpty() if how == "on the terminal" else (None, None)
    child = begun("apply", *flags, "--failure-mode", "keep-going", terminal=terminal)
    if terminal:
        os.close(terminal)
    wait()
    if master:
        os.write(master, b"\x03")
    else:
        (os.killpg if how == "to the group" else os.kill)(child.pid, signal.SIGINT)
    out = read(child, master)
    assert child.returncode == 1, out
    assert out.count("Interrupt received") == 2, out
    assert out.count("Interrupted. Waiting for [dev/a], [dev/d].") == 1, out
    assert ended(out) == {"a": "failed", "c": "skipped", "d": "failed"}
    assert [sorted(infra.state(name)) for name in "ad"] == [["first", "slow"]] * 2, "what was made is known"
    assert sorted(seen.body["exit_code"] for seen in plane.seen) == [1, 1]
    (tmp_path / "open").touch()
    again = terraform("apply", *flags)
    assert (again.returncode, ended(again.stderr)) == (0, dict.fromkeys("acd", "ok"))
    if master:
        assert "… 0 of 3 done; running: [dev/a], [dev/d]" in out
        os.close(master)


# A tool that counts its interrupts, as Terraform does, and needs a moment to stop.
COUNTING = """#!/bin/bash
[ "$1" = apply ] || exit 0
trap 'echo got >> "{folder}/got-$(basename $PWD)"' INT
touch "{folder}/told-$(basename $PWD)"
for i in {{1..100}}; do sleep 0.005; done
"""


@pytest.mark.parametrize("to_group", [True, False])
def test_an_interrupt_is_never_doubled(infra, tmp_path, begun, to_group):
    wait = slow(infra, tmp_path, "a", "d")
    (infra.root / "atmos.yaml").write_text(ATMOS.format(tool=infra.shim))
    infra.shim.write_text(COUNTING.format(folder=tmp_path))
    child = begun("apply", "--components", "a,d", "-s", "dev", "-auto-approve", "--max-concurrency", "2")
    wait()
    (os.killpg if to_group else os.kill)(child.pid, signal.SIGINT)
    out = read(child)
    assert child.returncode == 0, out
    assert [(tmp_path / f"got-{name}").read_text() for name in "ad"] == ["got\n"] * 2


def test_after_an_interrupt_one_at_a_time_starts_nothing_more(infra, tmp_path, begun):
    infra.has(component("a"), component("d"))
    wait = slow(infra, tmp_path, "a")
    child = begun("apply", "--all", "-s", "dev", "-auto-approve", "--failure-mode", "keep-going")
    wait()
    child.send_signal(signal.SIGINT)
    out = read(child)
    assert child.returncode == 1, out
    assert "1 component(s) not started after the interrupt" in out
    assert not (infra.root / "state" / "d").exists()


def test_what_runs_goes_on_to_its_end_when_we_are_killed(infra, tmp_path, begun):
    infra.has(component("a"), component("d"))
    wait = slow(infra, tmp_path, "a", "d")
    for name in "ad":
        path = infra.folder(name) / "main.tf"
        waits = f"until test -e {tmp_path}/go; do sleep 0.02; done; echo a line that nobody reads"
        path.write_text(path.read_text().replace("exec sleep 60", waits))
    child = begun("deploy", "--all", "-s", "dev", "--max-concurrency", "2")
    wait()
    child.kill()
    child.wait()
    again = begun("plan", "--all", "-s", "dev", "--max-concurrency", "2", "-detailed-exitcode")
    until(lambda: all((infra.logs("plan") / f"dev__{name}.stdout.log").exists() for name in "ad"))
    (tmp_path / "go").touch()
    said = read(again)
    assert again.returncode == 0, f"it waits for them, and nothing is left to change: {said}"
    for name in "ad":
        log = infra.logs("deploy") / f"dev__{name}.stdout.log"
        until(lambda log=log: "Apply complete!" in log.read_text())
        assert "a line that nobody reads" in log.read_text()
        assert sorted(infra.state(name)) == ["first", "slow"]


def test_a_reader_that_goes_away_ends_nothing(infra, tmp_path):
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), **TERRAFORM, "NO_COLOR": "1"}
    argv = [sys.executable, "-m", "sonde.main", "terraform", "deploy", "--all", "-s", "dev", "--max-concurrency", "3"]
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(argv, cwd=infra.root, env=env, stdout=write, stderr=subprocess.PIPE, text=True, check=False)
    os.close(write)
    assert ended(done.stderr) == dict.fromkeys("abcd", "ok")
    assert all(infra.state(name) for name in "abcd")
