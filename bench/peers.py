"""What we stand beside: the command that is timed, and the Go CLI if this machine has one."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

FLOOR = (sys.executable, "-c", "pass")  # what starting any Python program takes


def sonde() -> str:
    """The console script of this environment, started as a user starts it."""
    return str(Path(sys.executable).with_name("sonde"))


def go_cli(given: str | None) -> tuple[str | None, str]:
    """The Go CLI as (path, its version), or (None, why there is none).

    An `atmos` on the PATH that is a script is not taken for it, since ours may be installed under that name; `--peer` is.
    """
    found = shutil.which(given or "atmos")
    if found is None:
        return None, f"there is no {given or 'atmos on the PATH; --peer PATH names one'}"
    if given is None and _is_script(found):
        return None, f"{found} is a script, not the Go binary; --peer PATH names one"
    env = {"PATH": os.environ.get("PATH", os.defpath), "ATMOS_LOGS_LEVEL": "Off", "NO_COLOR": "1", "HOME": os.devnull}
    asked = subprocess.run([found, "version"], env=env, capture_output=True, text=True, check=False, cwd="/")
    words = [word for word in asked.stdout.split() if word[:1].isdigit()]
    return found, words[0] if words else "of unknown version"


def _is_script(path: str) -> bool:
    with Path(path).open("rb") as program:  # not all 300 MB of it: no peak below the bench's own can be seen
        return program.read(2) == b"#!"
