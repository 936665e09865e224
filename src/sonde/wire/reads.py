"""`GET /api/v1/repos/{owner}/{repo}/{locks,instances,pulls/N}`: what stands, and why. Additive to the protocol."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar


def locks_path(owner: str, name: str) -> str:
    """Path of a repository's locks; both parts must already be percent-encoded."""
    return f"repos/{owner}/{name}/locks"


def pull_path(owner: str, name: str, number: int) -> str:
    """Path of a pull request; both names must already be percent-encoded."""
    return f"repos/{owner}/{name}/pulls/{number}"


@dataclass(frozen=True)
class LockSeen:
    """A key that is or was locked, with its newest fence; `expires_at` is `YYYY-MM-DDTHH:MM:SSZ`."""

    key: str
    fence: int = 0
    live: bool = False
    holder: str = ""
    run_url: str | None = None
    message: str = ""
    expires_at: str = ""

    JSON: ClassVar[Mapping[str, str]] = {"run_url": "runUrl", "expires_at": "expiresAt"}
    NULLABLE: ClassVar[frozenset[str]] = frozenset({"run_url"})


@dataclass(frozen=True)
class LocksSeen:
    """Every key of a repository that was ever locked."""

    locks: tuple[LockSeen, ...] = ()

    JSON: ClassVar[Mapping[str, str]] = {}
    NULLABLE: ClassVar[frozenset[str]] = frozenset()


@dataclass(frozen=True)
class InstanceSeen:
    """An instance with its last known status; `last_run` is `YYYY-MM-DDTHH:MM:SSZ`.

    `enabled` is null until an inventory tells; `misconfigured` is a sentence, null where nothing is wrong.
    """

    stack: str
    component: str
    component_type: str | None = None
    enabled: bool | None = None
    drift_enabled: bool = False
    misconfigured: str | None = None
    status: str = ""
    last_command: str | None = None
    exit_code: int | None = None
    last_run: str | None = None

    JSON: ClassVar[Mapping[str, str]] = {
        "component_type": "componentType",
        "drift_enabled": "driftEnabled",
        "last_command": "lastCommand",
        "exit_code": "exitCode",
        "last_run": "lastRun",
    }
    NULLABLE: ClassVar[frozenset[str]] = frozenset(
        {"component_type", "enabled", "misconfigured", "last_command", "exit_code", "last_run"}
    )


@dataclass(frozen=True)
class InstancesSeen:
    """Every instance of a repository."""

    instances: tuple[InstanceSeen, ...] = ()

    JSON: ClassVar[Mapping[str, str]] = {}
    NULLABLE: ClassVar[frozenset[str]] = frozenset()


@dataclass(frozen=True)
class DispatchSeen:
    """One dispatched workflow of a trigger, and why it is in its state; `run_id` is GitHub's."""

    id: str = ""
    stack: str = ""
    component: str = ""
    workflow: str = ""
    state: str = ""
    because: str = ""
    result: str | None = None
    run_id: int | None = None
    run_url: str | None = None

    JSON: ClassVar[Mapping[str, str]] = {"run_id": "runId", "run_url": "runUrl"}
    NULLABLE: ClassVar[frozenset[str]] = frozenset({"result", "run_id", "run_url"})


@dataclass(frozen=True)
class NotDispatched:
    """An instance that a trigger passed over, and why."""

    instance: str
    because: str = ""

    JSON: ClassVar[Mapping[str, str]] = {}
    NULLABLE: ClassVar[frozenset[str]] = frozenset()


@dataclass(frozen=True)
class TriggerSeen:
    """What one event of a pull request started; `check_run_id` is GitHub's."""

    id: str = ""
    activity: str = ""
    sha: str = ""
    state: str = ""
    conclusion: str | None = None
    because: str = ""
    dispatches: tuple[DispatchSeen, ...] = ()
    not_dispatched: tuple[NotDispatched, ...] = ()
    check_run_id: int | None = None

    JSON: ClassVar[Mapping[str, str]] = {"not_dispatched": "notDispatched", "check_run_id": "checkRunId"}
    NULLABLE: ClassVar[frozenset[str]] = frozenset({"conclusion", "check_run_id"})


@dataclass(frozen=True)
class PullSeen:
    """A pull request with all its triggers, oldest first."""

    number: int
    title: str = ""
    head_sha: str = ""
    open: bool = False
    merged: bool = False
    triggers: tuple[TriggerSeen, ...] = ()

    JSON: ClassVar[Mapping[str, str]] = {"head_sha": "headSha"}
    NULLABLE: ClassVar[frozenset[str]] = frozenset()
