"""How the process begins and ends."""

import subprocess
import sys

import pytest

SONDE = f"{sys.executable} -m sonde.main"


@pytest.fixture
def shell(checkout, plane, tmp_path):
    env = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "NO_COLOR": "1"}
    env |= {"ATMOS_PRO_BASE_URL": plane.url, "ATMOS_PRO_TOKEN": "static"}

    def run(line):
        return subprocess.run(
            ["bash", "-c", line], cwd=checkout, env=env, capture_output=True, text=True, check=False, timeout=60
        )

    return run


def test_a_full_disk_is_an_error_and_a_reader_that_left_is_none_to_tell(shell):
    full = shell(f"{SONDE} list stacks > /dev/full")
    assert (full.returncode, "the output cannot be written: No space left on device" in full.stderr) == (1, True)
    left = shell(f"{SONDE} describe stacks | true; exit ${{PIPESTATUS[0]}}")
    assert left.stderr == ""


@pytest.mark.parametrize("closed", ["1", "2"])
def test_a_closed_stream_changes_no_exit_code(shell, plane, closed):
    assert shell(f"{SONDE} pro lock vpc -s dev {closed}>&-").returncode == 0
    assert len(plane.seen) == 1


def test_everything_written_arrives_before_the_process_ends(shell):
    done = shell(f"{SONDE} describe stacks --format json | tail -c 3; exit ${{PIPESTATUS[0]}}")
    assert (done.returncode, done.stdout) == (0, "}\n\n") or done.stdout.endswith("}\n")
