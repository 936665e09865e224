"""A trigger is one activity of an event at one SHA; a dispatch is one workflow for one instance because of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class TriggerState(StrEnum):
    """How far a trigger is."""

    WAITING = "waiting"  # for the upload that says what is affected
    HELD = "held"  # a draft, a fork or an author without write access: nothing is dispatched
    RUNNING = "running"
    CONCLUDED = "concluded"
    SUPERSEDED = "superseded"  # a newer SHA of the pull request took its place, or it was closed


class State(StrEnum):
    """How far a dispatch is."""

    PLANNED = "planned"  # waits for its prerequisites
    BLOCKED = "blocked"  # waits for somebody's lock
    QUEUED = "queued"  # has its lock; the call to GitHub is written down as an effect
    SENT = "sent"  # GitHub accepted; the run has not begun
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    SKIPPED = "skipped"  # a prerequisite did not succeed
    CANCELLED = "cancelled"


ENDED = frozenset({State.SUCCEEDED, State.FAILED, State.SKIPPED, State.CANCELLED})
UNSENT = frozenset({State.PLANNED, State.BLOCKED})
ON_GITHUB = frozenset({State.SENT, State.RUNNING})


class Conclusion(StrEnum):
    """What the check run says in the end."""

    SUCCESS = "success"
    FAILURE = "failure"
    NEUTRAL = "neutral"
    CANCELLED = "cancelled"


@dataclass(frozen=True)
class InstanceName:
    """A component in a stack."""

    stack: str
    component: str

    def __str__(self) -> str:
        return f"{self.stack}/{self.component}"


@dataclass(frozen=True)
class Trigger:
    """`head_sha` is what an upload names; `sha` is what dispatched workflows get (decisions.md, ruling 7)."""

    id: str
    repository_id: str
    event: str
    activity: str
    number: int
    head_sha: str
    sha: str
    ref: str
    state: TriggerState
    because: str
    conclusion: Conclusion | None
    created_at: int
    version: int
    upload_id: str | None = None
    notes: tuple[tuple[str, str], ...] = ()  # (instance, why it is not dispatched)

    @property
    def proposed(self) -> bool:
        """Whether it looks at a change that is not merged."""
        return self.event == "pull_request" and self.activity != "merged"


@dataclass(frozen=True)
class Dispatch:
    """`id` is the `atmos_pro_run_id` the workflow gets; `after` are the instances that must succeed first."""

    id: str
    trigger_id: str
    repository_id: str
    instance: InstanceName
    workflow: str
    inputs: Mapping[str, str]
    after: tuple[InstanceName, ...]
    state: State
    because: str
    run_id: int | None = None
    run_url: str = ""
    outcome: str = ""
    blocked_since: int | None = None
    sent_at: int | None = None
    updated_at: int = 0


@dataclass(frozen=True)
class Origin:
    """What is known of the command behind a report.

    `proposed` is whether the dispatch behind its run looked at a change that is not merged, None without a dispatch.
    `event_name` and `ref` are signed claims, empty for a static token. `newer` is what we know that is newer than a static
    token's report, as a sentence; `default_branch` is empty until a webhook tells.
    """

    proposed: bool | None
    event_name: str
    ref: str
    default_branch: str
    newer: str


@dataclass(frozen=True)
class NewDispatch:
    """A dispatch as the plan of a trigger wants it, before it has an id."""

    instance: InstanceName
    workflow: str
    inputs: Mapping[str, str]
    after: tuple[InstanceName, ...]


@dataclass(frozen=True)
class Move:
    """One dispatch changes state, with the reason that people read."""

    dispatch: Dispatch
    to: State
    because: str


@dataclass(frozen=True)
class Advance:
    """What a look at a trigger's dispatches decides: moves to make, dispatches ready for their lock, an end if all ended."""

    moves: tuple[Move, ...]
    ready: tuple[Dispatch, ...]
    conclusion: Conclusion | None
    because: str
