"""`sonde serve` as a process of its own, and requests to it."""

import json
import os
import re
import subprocess
import sys
import urllib.error
import urllib.request
from contextlib import contextmanager

from twins import TOKEN


@contextmanager
def running(*argv, **variables):
    """A server process; yields (process, address, what it said before)."""
    env = {**os.environ, **{f"SONDE_{name}": str(value) for name, value in variables.items()}}
    command = [sys.executable, "-m", "sonde.main", "serve", "--listen", "127.0.0.1:0", *argv]
    process = subprocess.Popen(command, env=env, stderr=subprocess.PIPE, text=True)
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
