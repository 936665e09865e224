"""Webhook payloads, parsed once at the door into small tolerant models: only the fields we read (style.md §2.4)."""

from dataclasses import dataclass
from datetime import datetime

import msgspec


class Owner(msgspec.Struct, frozen=True):
    """A user or an organisation."""

    login: str = ""
    id: int = 0


class RepositoryRef(msgspec.Struct, frozen=True):
    """The repository an event is about."""

    id: int
    name: str
    owner: Owner
    default_branch: str = ""


class Branch(msgspec.Struct, frozen=True):
    """Head or base of a pull request; `repo` is null when a fork was deleted."""

    ref: str
    sha: str
    repo: RepositoryRef | None = None


class PullRequestPayload(msgspec.Struct, frozen=True):
    """`pull_request` of a payload."""

    number: int
    title: str
    state: str
    head: Branch
    base: Branch
    updated_at: str
    html_url: str = ""
    draft: bool = False
    merged: bool = False
    merge_commit_sha: str | None = None
    author_association: str = "NONE"
    user: Owner | None = None
    closed_at: str | None = None


class WorkflowRunPayload(msgspec.Struct, frozen=True):
    """`workflow_run` of a payload."""

    id: int
    status: str
    html_url: str = ""
    conclusion: str | None = None
    display_title: str = ""
    name: str | None = None
    run_attempt: int = 1
    event: str = ""
    head_sha: str = ""


class Installation(msgspec.Struct, frozen=True):
    """The App installation that an event reached us through."""

    id: int


class _PullRequestBody(msgspec.Struct, frozen=True):
    action: str
    pull_request: PullRequestPayload
    repository: RepositoryRef
    installation: Installation | None = None


class _WorkflowRunBody(msgspec.Struct, frozen=True):
    action: str
    workflow_run: WorkflowRunPayload
    repository: RepositoryRef
    installation: Installation | None = None


class Header(msgspec.Struct, frozen=True):
    """What every payload may have; used to file a delivery before anybody understands it."""

    action: str = ""
    repository: RepositoryRef | None = None
    installation: Installation | None = None
    number: int | None = None


@dataclass(frozen=True)
class PullRequestEvent:
    """A `pull_request` event."""

    action: str
    pull: PullRequestPayload
    repository: RepositoryRef
    installation_id: int | None

    @property
    def from_fork(self) -> bool:
        """Whether the head lies in another repository, or in one that is gone."""
        return self.pull.head.repo is None or self.pull.head.repo.id != self.repository.id


@dataclass(frozen=True)
class WorkflowRunEvent:
    """A `workflow_run` event."""

    action: str
    run: WorkflowRunPayload
    repository: RepositoryRef


class PayloadError(ValueError):
    """A payload that lacks what its event must have."""


def parse(event: str, body: bytes) -> PullRequestEvent | WorkflowRunEvent | None:
    """The typed event, or None for one we do not follow. Raises PayloadError naming what is missing."""
    try:
        if event == "pull_request":
            pull = msgspec.json.decode(body, type=_PullRequestBody)
            installation = pull.installation.id if pull.installation else None
            return PullRequestEvent(pull.action, pull.pull_request, pull.repository, installation)
        if event == "workflow_run":
            run = msgspec.json.decode(body, type=_WorkflowRunBody)
            return WorkflowRunEvent(run.action, run.workflow_run, run.repository)
    except (msgspec.DecodeError, RecursionError) as error:
        raise PayloadError(f"the {event} payload is not what GitHub documents: {error}") from error
    return None


def header(body: bytes) -> Header:
    """Action, repository and installation, as far as the payload has them. Raises PayloadError for a body that is no JSON object."""
    try:
        return msgspec.json.decode(body, type=Header)
    except msgspec.ValidationError:
        return Header()
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise PayloadError(f"the body is not a JSON object: {error}") from error


def millis(time: str | None) -> int:
    """GitHub's time text as epoch milliseconds; 0 where there is none."""
    if not time:
        return 0
    try:
        return int(datetime.fromisoformat(time).timestamp() * 1000)
    except ValueError:
        return 0
