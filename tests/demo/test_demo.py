"""`sonde demo` as a newcomer runs it: with real processes, by its exit code and by what it prints."""

import os
import pty
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from contextlib import suppress

import pytest

pytestmark = pytest.mark.storm
DEMO = [sys.executable, "-m", "sonde.main", "demo"]


def test_the_story_is_told_to_its_end_and_verify_finds_nothing_else(tmp_path):
    told = subprocess.run([*DEMO, "--once"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stdout + told.stderr
    for said in (
        "ada: sonde pro lock cluster -s dev",
        "grace: the same  →  exit 1",
        "applied in order",
        "check: success",
    ):
        assert said in told.stdout
    looked = subprocess.run([*DEMO, "--verify", "demo.json"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (looked.returncode, "all say the same" in looked.stdout) == (0, True), looked.stdout + looked.stderr


def test_a_story_that_got_stuck_is_there_to_be_looked_at_on_a_terminal(tmp_path):
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [*DEMO, "--keep-lock", "--patience", "8"], cwd=tmp_path, stdout=theirs, stderr=theirs, start_new_session=True
    ) as demo:
        os.close(theirs)
        try:
            said = read_until(ours, "The server stays up: ")
            assert "dev/cluster is locked by ada" in said[said.index("Stuck: ") :].replace("\r\n", " ")
            link = re.findall(r"http://\S+/login\?token=\S+", said)[0]
            with urllib.request.build_opener(urllib.request.HTTPCookieProcessor()).open(link, timeout=20) as page:
                assert "is locked by ada" in page.read().decode()
        finally:
            os.close(ours)  # the terminal is closed
            demo.send_signal(signal.SIGHUP)
            demo.wait(timeout=60)
    with pytest.raises(urllib.error.URLError, match="refused"):
        urllib.request.urlopen(link, timeout=20)


def read_until(terminal, words):
    said = b""
    with suppress(OSError):  # what a terminal answers when its program has ended
        while words.encode() not in said and (more := os.read(terminal, 65536)):
            said += more
    assert words.encode() in said, said.decode()
    return said.decode()
