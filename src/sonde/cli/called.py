"""The name that the program was called by, for what it says about itself: `sonde`, or `atmos` (the extra of that name)."""

import os
import re

OURS = "sonde"
OTHERS = frozenset({"atmos"})
# The server's commands keep their name: they are run elsewhere, by somebody else.
CALL = re.compile(r"(?<![\w.-])sonde(?= (?:pro|describe|list|validate|terraform|version|--)\b)")


def name(argv0: str) -> str:
    """The name behind the first of the words that a process is started with.

    >>> name("/usr/bin/atmos"), name("/venv/bin/sonde"), name("…/sonde/main.py")
    ('atmos', 'sonde', 'sonde')
    """
    base = os.path.basename(argv0)  # noqa: PTH119 - of any text, and before pathlib is needed
    return base if base in OTHERS else OURS


def by(program: str, text: str) -> str:
    """A text of ours, with its calls of the client under the name it was called by. Never for what others said.

    >>> by("atmos", "`sonde pro locks` shows it; sonde admin token create makes one.")
    '`atmos pro locks` shows it; sonde admin token create makes one.'
    """
    return text if program == OURS else CALL.sub(program, text)
