"""The `sonde` program for tests that ask it hundreds of times: a process that has imported it forks one for each command line.

A Python that imports the client costs the processor ten times what most commands do. What is forked begins where the
console script does (`sonde.start.main`), in the folder, the environment and the streams of its own that it is given, and
ends as a process does. How a true start goes is for tests/cli/test_process_end.py, test_imports.py and their like.
"""

import functools
import gc
import importlib
import json
import os
import pkgutil
import selectors
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

STARTING = ("PYTHON", "LC_", "LANG", "TZ")  # variables that an interpreter reads when it starts, and not again
MOST = 100_000  # bytes of one request
OURS = ("sonde.cli", "sonde.gotemplate", "sonde.stacks", "sonde.wire")
LAZY = ("concurrent.futures.thread", "http.client", "sonde.main", "ssl", "subprocess", "urllib.request", "yaml")


class Program:
    """The program, ready to be run; `close` ends it."""

    def __init__(self):
        self._asked, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            number = theirs.fileno()
            command = [sys.executable, __file__, str(number)]
            self._process = subprocess.Popen(
                command, pass_fds=[number], env={"PATH": os.environ["PATH"]}, stdin=subprocess.DEVNULL
            )

    def run(self, *argv, cwd, env):
        """Run to the end, as `subprocess.run([sys.executable, "-m", "sonde.main", *argv])` does with captured text."""
        if any(name.startswith(STARTING) for name in env):
            command = [sys.executable, "-m", "sonde.main", *argv]
            return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)
        code, stdout, stderr = self.begin(("sonde.start", "main"), argv, cwd=cwd, env=env)
        return subprocess.CompletedProcess(list(argv), code, _text(stdout), _text(stderr))

    def begin(self, what, argv, *, cwd, env):
        """Call something in a new process: a module, its function, what that is given. Exit code and both outputs."""
        request = json.dumps([what, argv, str(cwd), {name: str(value) for name, value in env.items()}]).encode()
        ours, theirs = socket.socketpair()
        out, its_out = os.pipe()
        err, its_err = os.pipe()
        with ours:
            with theirs:
                socket.send_fds(self._asked, [request], [its_out, its_err, theirs.fileno()])
            os.close(its_out)
            os.close(its_err)
            stdout, stderr = _read([out, err])
            return int(ours.recv(16)), stdout, stderr

    def close(self):
        self._asked.close()
        self._process.wait()


def _text(data):
    return data.decode().replace("\r\n", "\n").replace("\r", "\n")


@functools.cache
def shared():
    """The one of this process."""
    return Program()


def _read(pipes):
    """Everything of several pipes, until all of them are closed."""
    read = {pipe: bytearray() for pipe in pipes}
    with selectors.DefaultSelector() as selector:
        for pipe in pipes:
            selector.register(pipe, selectors.EVENT_READ)
        while selector.get_map():
            for key, _ in selector.select():
                data = os.read(key.fd, 65_536)
                read[key.fd] += data
                if not data:
                    selector.unregister(key.fd)
                    os.close(key.fd)
    return [bytes(read[pipe]) for pipe in pipes]


def _import_all():
    for name in OURS:
        for module in pkgutil.walk_packages(importlib.import_module(name).__path__, f"{name}."):
            importlib.import_module(module.name)
    for name in LAZY:
        importlib.import_module(name)


def _next_command(asked):
    """Wait for command lines; returns in the process that is to become one."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        request, streams, *_ = socket.recv_fds(asked, MOST, 3)
        if not request:
            sys.exit()  # the tests are over
        if not os.fork():
            break
        for stream in streams:
            os.close(stream)
        with suppress(ChildProcessError):  # what waits for a command ends with it
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
    asked.close()
    *streams, told = streams
    child = os.fork()
    if child:
        for stream in streams:
            os.close(stream)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        os.write(told, str(code).encode())
        os._exit(0)
    os.close(told)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number, stream in enumerate(streams, 1):
        os.dup2(stream, number)
        os.close(stream)
    return json.loads(request)


def _become(what, argv, cwd, env):
    """Be as `python -m sonde.main` is just before its first line; returns what to call then."""
    module, function, *given = what
    if not module.startswith("sonde."):
        sys.path.insert(0, str(Path(__file__).parent / "stacks"))
    begins = getattr(importlib.import_module(module), function)
    os.chdir(cwd)
    coerced = {name: value for name, value in os.environ.items() if name == "LC_CTYPE"}  # PEP 538
    os.environ.clear()
    os.environ.update(coerced | env)
    main = sys.modules["sonde.main"].__file__
    sys.argv = [main, *argv]
    sys.orig_argv = [sys.executable, "-m", "sonde.main", *argv]
    return functools.partial(begins, *given)


if __name__ == "__main__":
    _import_all()
    gc.collect()
    gc.freeze()
    _become(*_next_command(socket.socket(fileno=int(sys.argv[1]))))()
