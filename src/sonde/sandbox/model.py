"""What the offline GitHub remembers: flat records, each a row of `state.json` (world.py says how they change).

Times are RFC 3339 text in UTC with whole seconds, as GitHub writes them; ids are numbers, unique over the whole world.
Git is not in here: commits, branches and tags are in the bare repositories.
"""

from dataclasses import dataclass, field
from typing import Any, Literal

Permission = Literal["admin", "maintain", "write", "triage", "read", "none"]
AccountType = Literal["User", "Organization", "Bot"]
RunStatus = Literal["queued", "in_progress", "completed"]


@dataclass
class Account:
    """A person, an organisation or an App's bot: all of GitHub's owners and actors are one kind of thing."""

    id: int
    login: str
    type: AccountType


@dataclass
class App:
    id: int
    slug: str  # the bot's login is `<slug>[bot]`
    name: str
    owner: str  # login
    client_id: str
    webhook_secret: str
    webhook_url: str | None
    permissions: dict[str, str]
    events: list[str]  # webhooks wanted; installation and installation_repositories come unasked
    created_at: str


@dataclass
class Installation:
    id: int
    account: str  # login
    created_at: str
    updated_at: str
    permissions: dict[str, str]
    repository_ids: list[int] | None = None  # None: all of the account's
    suspended_at: str | None = None


@dataclass
class Token:
    """An installation's access token, a job's GITHUB_TOKEN, or a person's own."""

    value: str
    installation_id: int | None  # None for a job's token
    expires_at: str
    permissions: dict[str, str]
    repository_ids: list[int] | None = None
    run_id: int | None = None
    login: str | None = None  # of the person


@dataclass
class Repository:
    id: int
    owner: str  # login
    name: str
    default_branch: str
    private: bool
    created_at: str
    updated_at: str
    pushed_at: str
    description: str | None = None
    fork_of: int | None = None
    permissions: dict[str, str] = field(default_factory=dict)  # login -> Permission
    vars: dict[str, str] = field(default_factory=dict)  # Actions variables
    secrets: dict[str, str] = field(default_factory=dict)
    protected_branches: list[str] = field(default_factory=list)
    immutable_subject: bool = False  # OIDC `sub` as for repositories made since 2026-07-15
    next_number: int = 1  # of issues and pull requests together
    workflow_ids: dict[str, int] = field(default_factory=dict)  # path -> id
    run_numbers: dict[str, int] = field(default_factory=dict)  # path -> last number

    @property
    def full_name(self) -> str:
        return f"{self.owner}/{self.name}"


@dataclass
class PullRequest:
    id: int
    repository_id: int
    number: int
    title: str
    body: str | None
    author: str
    head_repository_id: int
    head_branch: str
    head_sha: str
    base_branch: str
    base_sha: str
    created_at: str
    updated_at: str
    state: Literal["open", "closed"] = "open"
    draft: bool = False
    merge_commit_sha: str | None = None  # the test merge while open, GitHub's meaning; the real one when merged
    mergeable: bool = True
    merged_by: str | None = None
    closed_at: str | None = None
    merged_at: str | None = None


@dataclass
class Run:
    """A workflow run. `sha` and `ref` are what its jobs see; `head_*` is what the REST API shows for it."""

    id: int
    repository_id: int
    workflow_id: int
    workflow_path: str
    workflow_name: str
    title: str
    number: int
    event: str
    ref: str
    sha: str
    head_branch: str
    head_sha: str
    head_repository_id: int
    actor: str  # who caused the run
    triggered_by: str  # who caused its latest attempt
    check_suite_id: int
    created_at: str
    updated_at: str
    attempt: int = 1
    inputs: dict[str, Any] = field(default_factory=dict)
    pull_number: int | None = None
    group: str = ""  # of `concurrency`, rendered; "" is none
    cancels_group: bool = False  # `cancel-in-progress`
    head_ref: str = ""  # pull_request events only
    base_ref: str = ""
    status: RunStatus = "queued"
    conclusion: str | None = None
    because: str = ""
    started_at: str | None = None
    cancel_asked: bool = False


@dataclass
class Job:
    """A job of a run; its id is also the id of its check run, as on GitHub."""

    id: int
    run_id: int
    key: str
    name: str
    created_at: str
    attempt: int = 1
    status: RunStatus = "queued"
    conclusion: str | None = None
    started_at: str | None = None
    completed_at: str | None = None
    environment: str | None = None
    permissions: dict[str, str] = field(default_factory=dict)
    steps: list[dict[str, Any]] = field(default_factory=list)  # number, name, conclusion, log
    outputs: dict[str, str] = field(default_factory=dict)
    summary: str = ""
    because: str = ""
    oidc_token: str | None = None  # ACTIONS_ID_TOKEN_REQUEST_TOKEN; dies with the job


@dataclass
class CheckRun:
    id: int
    repository_id: int
    app_id: int
    suite_id: int
    head_sha: str
    name: str
    created_at: str
    status: str = "queued"
    conclusion: str | None = None
    external_id: str = ""
    details_url: str | None = None
    started_at: str | None = None
    completed_at: str | None = None
    output: dict[str, Any] = field(default_factory=dict)  # title, summary, text
    annotations: list[dict[str, Any]] = field(default_factory=list)
    actions: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class Comment:
    id: int
    repository_id: int
    number: int  # of the issue or pull request
    author: str
    body: str
    created_at: str
    updated_at: str


@dataclass
class Review:
    id: int
    repository_id: int
    number: int  # of the pull request
    author: str
    body: str
    state: Literal["APPROVED", "CHANGES_REQUESTED", "COMMENTED", "DISMISSED"]
    commit_id: str
    submitted_at: str


@dataclass
class Release:
    id: int
    repository_id: int
    tag: str
    name: str
    body: str
    target: str  # the branch it was made from
    author: str
    created_at: str
    prerelease: bool = False


@dataclass
class Delivery:
    """One attempt to deliver a webhook. The body lies in `deliveries/<guid>.json`, the same for each attempt."""

    id: int
    guid: str
    event: str
    action: str | None
    created_at: str
    delivered_at: str | None = None
    redelivery: bool = False
    duration: float = 0.0  # seconds
    status: str = "pending"  # OK, or what went wrong; `pending` while queued or held
    status_code: int = 0
    installation_id: int | None = None
    repository_id: int | None = None
    request_headers: dict[str, str] = field(default_factory=dict)
    response_headers: dict[str, str] = field(default_factory=dict)
    response_body: str | None = None
