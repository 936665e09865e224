"""`sonde demo --verify demo.json`: read server, offline GitHub and Terraform state again, and compare."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sonde.demo.scene import Scene, StuckError
from sonde.demo.story import Told, facts


def verify(file: Path, *, patience: float) -> list[str]:
    """What differs from the file, one sentence each; empty where nothing does. Raises StuckError where it cannot be read."""
    try:
        told = json.loads(file.read_text())
        folder = Path(told["folder"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StuckError(f"{file} is not what a demo wrote: {error}") from error
    if not (folder / "github" / "state.json").is_file():
        raise StuckError(f"{folder} holds no demo any more; run it again: sonde demo --once")
    scene = Scene(folder, listen="127.0.0.1:0", executor="true")
    try:
        scene.token = (folder / "token").read_text()
        scene.serve(patience)
        pull = scene.github.pull(scene.repository(), told["pull_request"])
        now = facts(Told(scene, lambda _: None, patience, keep_lock=False, pull=pull))
    finally:
        scene.close()
    return list(differences(told, now, ""))


def differences(before: Any, now: Any, where: str) -> Iterator[str]:
    """Each place where two JSON values differ."""
    if isinstance(before, dict) and isinstance(now, dict):
        for key in sorted(set(before) | set(now)):
            yield from differences(before.get(key, "(absent)"), now.get(key, "(absent)"), f"{where}/{key}")
    elif before != now:
        yield f"{where}: the file says {before}, now it is {now}"
