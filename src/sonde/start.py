"""Where the console script begins: a kept answer is printed before anything else is imported."""

import gc
import os
import sys
from typing import Any

from sonde.stacks.cache import replay


def main() -> None:
    """Entry point of the console script. Exit codes: docs/exit-codes.md."""
    # One command, then the process ends: what the collector would look through again and again is kept to the end anyway.
    gc.disable()
    # Who started us may have closed them.
    sys.stdout, sys.stderr = sys.stdout or _nowhere(), sys.stderr or _nowhere()
    if replay.answer(sys.argv[1:], os.environ):
        leave(0)
    from sonde.main import main as run

    run()


def _nowhere() -> Any:
    return open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123 - pathlib would cost the start its import


def leave(code: int) -> None:
    """End the process at once: taking the interpreter apart is a tenth of `sonde pro lock`, and seconds after a big engine.

    For commands that have no threads and no exit handlers left. Output that cannot be written (a full disk) is an error;
    a reader that went away (`| head`) is one that nobody needs to be told of.
    """
    try:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
    except BrokenPipeError:
        code = code or 1
    except OSError as error:
        if not code:  # else it was told already
            os.write(2, f"the output cannot be written: {error.strerror}\n".encode())
        code = code or 1
    os._exit(code)
