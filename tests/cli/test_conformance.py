"""The recorded conversations of the Go CLI about locks, replayed against ours (a part of them: `check.py wire` has all)."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CORPUS = Path(os.environ.get("SONDE_CONFORMANCE_DIR") or ROOT.parent / "shared" / "conformance")


@pytest.mark.skipif(not CORPUS.is_dir(), reason=f"no corpus at {CORPUS}: set SONDE_CONFORMANCE_DIR")
def test_locks_are_taken_and_released_as_the_go_client_does():
    rows = (
        r"wire/lock-(200|409|conn|ok|remote|ttl|message|expires|no-|two|from|component|stack)|wire/unlock-(ok|3|conn)"
    )
    argv = [
        sys.executable,
        str(CORPUS / "check.py"),
        "--bin",
        f"{sys.executable} -m sonde.main",
        "--grep",
        rows,
        "wire",
    ]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "0 failed" in done.stdout
