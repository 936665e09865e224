"""The hot writes, and the process that runs them beside `sonde serve`: `python -m sonde.server.hot SOCKET json|text LEVEL`.

It reads the URL of the database from its standard input, and speaks `kernel/writer_process.py` on the socket that it inherits.
"""

import gc
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from contextlib import closing, suppress
from typing import IO, Any, cast

from sonde.server.auth import service as auth
from sonde.server.kernel import log as logs
from sonde.server.kernel import points
from sonde.server.kernel.db import Database
from sonde.server.kernel.grouped import Grouped
from sonde.server.kernel.writer_process import Start, drain
from sonde.server.locks import ending
from sonde.server.locks import service as locks
from sonde.server.webhooks import service as webhooks

WRITES: Mapping[str, Grouped[Any, Any]] = {
    write.point: write for write in (webhooks.RECEIVE, auth.OPEN, locks.ACQUIRE, ending.RELEASE)
}


def starter(url: str, *, json_lines: bool, level: str) -> Start:
    """What starts a writer for the database `url` that logs as the server does."""

    def start(channel: socket.socket) -> "subprocess.Popen[bytes]":
        words = [
            sys.executable,
            "-m",
            "sonde.server.hot",
            str(channel.fileno()),
            "json" if json_lines else "text",
            level,
        ]
        process = subprocess.Popen(words, stdin=subprocess.PIPE, pass_fds=[channel.fileno()])
        with cast("IO[bytes]", process.stdin) as told:  # not among the arguments: it may hold a password
            told.write(url.encode())
        return process

    return start


def main() -> None:
    """Write until the server closes its end. Signals to the whole group are the server's to answer."""
    number, lines, level = sys.argv[1:]
    for told in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(told, signal.SIG_IGN)
    logs.configure(json_lines=lines == "json", level=level)
    points.belongs_to(os.getppid())
    gc.freeze()
    gc.set_threshold(10_000, 5, 1_000)
    channel = socket.socket(fileno=int(number))
    with channel, closing(Database(sys.stdin.read())) as db, suppress(ConnectionError):  # of a server that was killed
        drain(channel, db.write, WRITES, db.last_read)


if __name__ == "__main__":
    main()
