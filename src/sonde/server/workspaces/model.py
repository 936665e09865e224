"""A workspace is a tenant; a repository is linked to it by GitHub's immutable ids, never by its name."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Workspace:
    """`id` is what `ATMOS_PRO_WORKSPACE_ID` holds; it is no secret.

    `strict_drift`: an inventory in which drift detection cannot run is refused instead of marked (ruling 11).
    """

    id: str
    name: str
    strict_drift: bool = False


@dataclass(frozen=True)
class Repository:
    """`github_id` and `owner_id` are GitHub's numbers and carry all authority; `owner` and `name` are for people.

    `min_lock_ttl`: seconds that each lock by request lives at least, whatever its job asked for (ruling 18).
    """

    id: str
    workspace_id: str
    github_id: int
    owner_id: int
    owner: str
    name: str
    installation_id: int | None
    min_lock_ttl: int = 0

    @property
    def full_name(self) -> str:
        """`owner/name`, as GitHub shows it."""
        return f"{self.owner}/{self.name}"
