"""A workspace is a tenant; a repository is linked to it by GitHub's immutable ids, never by its name."""

from dataclasses import dataclass
from enum import StrEnum

MAX_LOCK_TTL = 86_400  # seconds: a workspace may allow less


@dataclass(frozen=True)
class Workspace:
    """`id` is what `ATMOS_PRO_WORKSPACE_ID` holds; it is no secret.

    `strict_drift`: an inventory in which drift detection cannot run is refused instead of marked (ruling 11).
    `max_lock_ttl`: seconds that a lock may be asked for at most (reliability.md §4 rule 4).
    """

    id: str
    name: str
    strict_drift: bool = False
    max_lock_ttl: int = MAX_LOCK_TTL


class UnlockBy(StrEnum):
    """Who may end a lock by request: any job of the repository, as the protocol's own service has it, or its holder alone."""

    REPOSITORY = "repository"
    HOLDER = "holder"


@dataclass(frozen=True)
class Repository:
    """`github_id` and `owner_id` are GitHub's numbers and carry all authority; `owner` and `name` are for people.

    `min_lock_ttl`: seconds that each lock by request lives at least, whatever its job asked for (ruling 18).
    `locks_end_with_run`: what a job locked is free when its run has ended (reliability.md §4 rule 11).
    `max_lock_ttl`: the workspace's.
    """

    id: str
    workspace_id: str
    github_id: int
    owner_id: int
    owner: str
    name: str
    installation_id: int | None
    min_lock_ttl: int = 0
    unlock_by: UnlockBy = UnlockBy.REPOSITORY
    locks_end_with_run: bool = False
    max_lock_ttl: int = MAX_LOCK_TTL

    @property
    def full_name(self) -> str:
        """`owner/name`, as GitHub shows it."""
        return f"{self.owner}/{self.name}"
