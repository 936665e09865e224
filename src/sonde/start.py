"""Where the console script begins: a kept answer is printed before anything else is imported."""

import os
import sys

from sonde.stacks.cache import replay


def main() -> None:
    """Entry point of the console script. Exit codes: docs/exit-codes.md."""
    if replay.answer(sys.argv[1:], os.environ):
        sys.exit(0)
    from sonde.main import main as run

    run(asked=True)
