"""A pull request as we last heard of it."""

from dataclasses import dataclass

from sonde.server.dispatches.model import Trigger

WRITERS = frozenset({"OWNER", "MEMBER", "COLLABORATOR"})  # author_association of people who may have write access


@dataclass(frozen=True)
class PullRequest:
    """Times are epoch milliseconds, GitHub's own: arrival order does not count (reliability.md F13)."""

    repository_id: str
    number: int
    title: str
    author: str
    association: str
    url: str
    head_sha: str
    head_ref: str
    base_ref: str
    fork: bool
    draft: bool
    open: bool
    merged: bool
    merge_sha: str
    updated_at: int


@dataclass(frozen=True)
class Decision:
    """What an event makes of a pull request, with the reason that the deliveries page shows.

    `opens` is a trigger to open; `replaces` are triggers that a newer SHA takes out of the race; `ends` are those that a
    close ends together with their locks; `frees` are held ones that may go on now.
    """

    pull: PullRequest | None
    because: str
    opens: Trigger | None = None
    replaces: tuple[Trigger, ...] = ()
    ends: tuple[Trigger, ...] = ()
    frees: tuple[Trigger, ...] = ()
