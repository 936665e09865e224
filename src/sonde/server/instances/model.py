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
    component_type: str = ""
    enabled: bool | None = None  # None until an inventory tells
    drift_enabled: bool = False
    misconfigured: str = ""  # what its settings lack, in a sentence
    declared: bool = False  # an upload or an inventory named it; a report alone may have cut its name
    pro: str = ""  # `settings.pro` as JSON text


@dataclass(frozen=True)
class InventoryRow:
    """What an inventory tells of one instance; the fields are in the order in which the database reads them."""

    stack: str
    component: str
    component_type: str
    enabled: bool
    drift_enabled: bool
    misconfigured: str
    pro: str


@dataclass(frozen=True)
class Inventory:
    """One whole inventory of a repository. `event_name` and `ref` are signed claims, empty for a static token.

    `started_at` is when its first part arrived: an older inventory that is whole later does not replace a newer one.
    """

    id: str
    repository_id: str
    author: str
    event_name: str
    ref: str
    digest: str
    instances: int
    started_at: int
    received_at: int
