"""`sonde serve` as a process of its own, and requests to it."""

import json
import os
import re
import subprocess
import sys
import urllib.error
import urllib.request
from contextlib import contextmanager

from crash import _processes as forks
from twins import TOKEN


def _become(argv, env, stderr):
    """What a forked server does: be what `python -m sonde.main` is once it has imported itself."""
    from sonde.start import main

    os.dup2(stderr.fileno(), 2)
    os.environ.clear()
    os.environ.update(env)
    sys.argv = ["sonde", *argv]
    sys.stderr = open(2, "w", encoding="utf-8", closefd=False, buffering=1)  # noqa: SIM115 - it is for good
    main()


class Forked:
    """A server that a process forked which had imported it, as far as tests use `subprocess.Popen`."""

    def __init__(self, argv, env):
        ours, theirs = forks.Pipe(duplex=False)
        self._process = forks.Process(target=_become, args=(argv, env, theirs), daemon=True)
        self._process.start()
        theirs.close()
        self.pid, self.kill = self._process.pid, self._process.kill
        self.stderr = os.fdopen(os.dup(ours.fileno()), encoding="utf-8")
        ours.close()

    def send_signal(self, number):
        os.kill(self.pid, number)

    def wait(self, timeout=None):
        self._process.join(timeout)
        assert not self._process.is_alive(), f"it did not end in {timeout} s"
        return self._process.exitcode


def started(argv, env):
    """A server that begins where users' begin: with Python."""
    return subprocess.Popen([sys.executable, "-m", "sonde.main", *argv], env=env, stderr=subprocess.PIPE, text=True)


@contextmanager
def running(*argv, begin=Forked, **variables):
    """A server process; yields (process, address, what it said before). A forked one saves the second that imports take."""
    env = {**os.environ, **{f"SONDE_{name}": str(value) for name, value in variables.items()}}
    process = begin(["serve", "--listen", "127.0.0.1:0", *argv], env)
    said = ""
    try:
        for line in process.stderr:
            said += line
            if "engine.started" in line:
                break
        address = re.search(r"http://127\.0\.0\.1:\d+", said)
        assert address, said
        yield process, address.group(), said
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


def ask(address, method, path, body=None, token=TOKEN):
    request = urllib.request.Request(
        address + path,
        None if body is None else json.dumps(body).encode(),
        {"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
        method=method,
    )
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read())
