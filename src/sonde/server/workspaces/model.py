"""A workspace is a tenant; a repository is linked to it by GitHub's immutable ids, never by its name."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Workspace:
    """`id` is what `ATMOS_PRO_WORKSPACE_ID` holds; it is no secret."""

    id: str
    name: str


@dataclass(frozen=True)
class Repository:
    """`github_id` and `owner_id` are GitHub's numbers and carry all authority; `owner` and `name` are for people."""

    id: str
    workspace_id: str
    github_id: int
    owner_id: int
    owner: str
    name: str
    installation_id: int | None

    @property
    def full_name(self) -> str:
        """`owner/name`, as GitHub shows it."""
        return f"{self.owner}/{self.name}"
