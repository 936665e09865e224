"""Which workflow files there are at a commit, which of them an event starts, and what a run of one is called."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from sonde.sandbox import git
from sonde.sandbox.runner.expressions import interpolate, resolve
from sonde.sandbox.runner.model import RunnerError
from sonde.sandbox.runner.values import truthy
from sonde.sandbox.runner.workflow import Workflow, parse

FOLDER = ".github/workflows"


@dataclass(frozen=True)
class File:
    """A workflow file at a commit: parsed, or why it could not be."""

    path: str
    text: str
    workflow: Workflow | None
    error: str = ""

    @property
    def name(self) -> str:
        return self.workflow.name if self.workflow else self.path


def load(bare: Path, sha: str, path: str) -> File | None:
    """One workflow file; None if there is none of that path at `sha`."""
    return next((file for file in load_all(bare, sha) if file.path == path), None)


def load_all(bare: Path, sha: str) -> list[File]:
    """Every workflow file at a commit; one that cannot be parsed says why."""
    entries = git.listing(bare, sha, FOLDER) or ()
    return [
        _parsed(f"{FOLDER}/{entry.path}", git.blob(bare, entry.sha).decode(errors="replace"))
        for entry in entries
        if entry.type == "blob" and entry.path.endswith((".yml", ".yaml"))
    ]


@lru_cache(maxsize=1024)
def _parsed(path: str, text: str) -> File:
    try:
        return File(path, text, parse(text, path))
    except RunnerError as error:
        return File(path, text, None, str(error))


def concurrency(workflow: Workflow, contexts: Mapping[str, Any]) -> tuple[str, bool]:
    """The run's `concurrency` group ("" is none), and whether it cancels what is in progress there."""
    if not workflow.concurrency_group:
        return "", False
    group = interpolate(workflow.concurrency_group, contexts)
    return group, truthy(resolve(workflow.cancel_in_progress, contexts))


def title(workflow: Workflow, otherwise: str, contexts: Mapping[str, Any]) -> str:
    """`display_title` of a run: `run-name` with its expressions, else what GitHub shows for the event."""
    if not workflow.run_name:
        return otherwise
    try:
        return interpolate(workflow.run_name, contexts).strip() or otherwise
    except RunnerError:
        return otherwise
