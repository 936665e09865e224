"""A commit that a job asks for, and how far we are in making it."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sonde.server.workspaces.model import Repository

TRAILER = "Sonde-Change"  # last line of each message; by it a commit whose answer was lost is found again


class CommitState(StrEnum):
    """`planned → sending (committed before the call) → sent`, or failed where GitHub refused it."""

    PLANNED = "planned"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"


@dataclass(frozen=True)
class CommitRow:
    """`head` is the branch's head when it was first sent: whatever we made lies between it and the branch."""

    key: str
    state: CommitState
    head: str
    sha: str


@dataclass(frozen=True)
class Wanted:
    """What to commit. `change` names repository, branch and files by their content; `key` also run, message and comment."""

    key: str
    change: str
    repository: Repository
    number: int
    branch: str
    message: str
    comment: str
    files: dict[str, Any]

    @property
    def trailer(self) -> str:
        """The line by which this change is known again."""
        return f"{TRAILER}: {self.change}"


@dataclass(frozen=True)
class No:
    """Why not, and the HTTP status that says so."""

    status: int
    because: str
