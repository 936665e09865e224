"""Ports for servers that are killed and started again at the same address.

A port that the system gives out by itself (port 0) may be given to another program, or to a connection that goes out, while
the server is dead. So these lie below the range that Linux gives out, and each process begins elsewhere in it.
"""

import itertools
import os
import socket

LOWEST, HIGHEST = 15_000, 32_000
_next = itertools.count(os.getpid() * 61)


def kept_port():
    """A port that nothing listens at now and that nothing is given by chance later."""
    while True:
        port = LOWEST + next(_next) % (HIGHEST - LOWEST)
        try:
            socket.create_server(("127.0.0.1", port)).close()
        except OSError:
            continue
        return port
