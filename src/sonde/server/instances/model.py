"""An instance and what one reported command says of it."""

from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    """What we know of an instance's deployment."""

    UNKNOWN = "unknown"
    IN_SYNC = "in_sync"
    DRIFTED = "drifted"
    ERROR = "error"


class Outcome(StrEnum):
    """What one command said, before anybody asks what it means for the instance."""

    NO_CHANGES = "no_changes"
    CHANGES = "changes"
    APPLIED = "applied"
    FAILED = "failed"


@dataclass(frozen=True)
class Report:
    """One command that ended: `last_run` is epoch milliseconds, None where the client sent none."""

    command: str
    exit_code: int
    last_run: int | None


@dataclass(frozen=True)
class Instance:
    """A component in a stack of a repository."""

    repository_id: str
    stack: str
    component: str
    status: Status
    last_command: str
    exit_code: int | None
    last_run: int | None
    updated_at: int
