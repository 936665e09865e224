"""Ports for servers that are killed and started again at the same address.

A port that the system gives out by itself (port 0) may be given to another program, or to a connection that goes out, while
the server is dead. So these lie below the range that Linux gives out, and are held by a socket that does not listen: who
binds with SO_REUSEADDR, as servers do, gets past it, and who asks here, in any process, does not.
"""

import itertools
import os
import socket

LOWEST, HIGHEST = 15_000, 32_000
_next = itertools.count(os.getpid() * 61)
_held = []  # until this process ends


def kept_port():
    """A port that nothing listens at now and that nobody else gets later."""
    while True:
        port = LOWEST + next(_next) % (HIGHEST - LOWEST)
        holder = socket.socket()
        try:
            holder.bind(("127.0.0.1", port))
        except OSError:
            holder.close()
            continue
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # after the bind, which must be of nobody's port
        _held.append(holder)
        return port
