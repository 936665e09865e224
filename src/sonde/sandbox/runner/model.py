"""What the runner is asked (`RunRequest`) and what it reports (`RunEvent`)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

Conclusion = Literal["success", "failure", "cancelled", "skipped", "timed_out"]


class RunnerError(Exception):
    """Base of the runner's errors.

    RunnerError
    ├── UnsupportedWorkflow    the file says something that this runner does not do, or that GitHub would refuse
    ├── InvalidInputs          the dispatch's inputs do not fit the workflow's declaration (GitHub answers 422)
    └── ExpressionError        a `${{ }}` expression that cannot be read or evaluated
    """


class UnsupportedWorkflow(RunnerError):  # noqa: N818 - it names what was met
    """`file:line: what`. Raised when the file is read, never in the middle of a run."""


class InvalidInputs(RunnerError):  # noqa: N818 - it names what was met
    """GitHub's own sentence for a 422 of `POST …/dispatches`."""


class ExpressionError(RunnerError):
    """An expression names an unknown context or function, or does not parse."""


@dataclass(frozen=True)
class JobFacts:
    """What is known of a job when it starts: enough for its OIDC claims, its check run and its REST description."""

    key: str  # the job's key in the workflow file; with a matrix `key` alone is not unique
    name: str  # as shown, matrix values in parentheses: `plan (dev)`
    check_run_id: int  # what `RunRequest.allocate_job_id` answered; GitHub's job id and check run id are one number
    environment: str | None = None  # `environment: NAME`, rendered; the claim `environment`, and the end of `sub`
    permissions: Mapping[str, str] = field(default_factory=dict)  # {"id-token": "write", …}, what is absent is none


@dataclass(frozen=True)
class OidcGrant:
    """Values of ACTIONS_ID_TOKEN_REQUEST_URL and ACTIONS_ID_TOKEN_REQUEST_TOKEN."""

    url: str  # https; clients append `&audience=…`, so it must already carry a query
    token: str


@dataclass(frozen=True)
class RunRequest:
    """One run of one workflow file at one commit. Ids, tokens, PATH and folders are given, never taken from the process."""

    repository: str  # OWNER/NAME
    repository_id: int
    repository_owner_id: int
    bare_repository: Path  # the git folder that `actions/checkout` fetches from
    workflow_path: str  # .github/workflows/x.yaml
    workflow_text: str
    event_name: str  # pull_request, workflow_dispatch, merge_group, push, …
    payload: Mapping[str, Any]  # the webhook's payload: GITHUB_EVENT_PATH and github.event
    ref: str  # refs/pull/7/merge, refs/heads/main, …
    sha: str  # the commit that actions/checkout takes by default
    actor: str
    run_id: int
    run_number: int
    work: Path  # empty or absent folder of this run; checkouts, HOME and temporary files go under it
    path: str  # PATH of every step
    head_ref: str = ""  # branch names, for pull_request events only
    base_ref: str = ""
    run_attempt: int = 1
    inputs: Mapping[str, Any] = field(default_factory=dict)  # as sent; the runner fills in the declared defaults
    vars: Mapping[str, str] = field(default_factory=dict)  # the `vars` context
    secrets: Mapping[str, str] = field(default_factory=dict)  # the `secrets` context; GITHUB_TOKEN is also github.token
    env: Mapping[str, str] = field(default_factory=dict)  # further environment of every step, e.g. SSL_CERT_FILE
    server_url: str = "https://github.com"  # GITHUB_SERVER_URL
    # Base of the checkout's remote URL. Clients parse it (the Go CLI knows a few hosts only); nothing connects to it.
    remote_base: str = "https://github.com"
    api_url: str = "https://api.github.com"
    # Called once for each job, in the order in which the jobs are queued, with the job's shown name.
    allocate_job_id: Callable[[str], int] = field(default=lambda _name: 0)
    # Called when a job with `id-token: write` starts; None leaves the two variables unset.
    oidc: Callable[[JobFacts], OidcGrant | None] = field(default=lambda _job: None)


@dataclass(frozen=True)
class RunStarted:
    run_id: int
    title: str  # `run-name` rendered, else the workflow's name; GitHub's `display_title`
    concurrency_group: str = ""  # rendered; the runner does not act on it, the sandbox may


@dataclass(frozen=True)
class JobQueued:
    run_id: int
    job: JobFacts


@dataclass(frozen=True)
class JobStarted:
    run_id: int
    job: JobFacts


@dataclass(frozen=True)
class StepCompleted:
    run_id: int
    job: JobFacts
    number: int  # from 1
    name: str
    conclusion: Conclusion
    log: str  # stdout and stderr as written, secrets masked; empty when skipped


@dataclass(frozen=True)
class JobCompleted:
    run_id: int
    job: JobFacts
    conclusion: Conclusion
    outputs: Mapping[str, str]
    summary: str  # what the steps wrote to GITHUB_STEP_SUMMARY, in order
    because: str  # one sentence: why it was skipped or failed; empty on success


@dataclass(frozen=True)
class RunCompleted:
    run_id: int
    conclusion: Conclusion
    because: str  # one sentence; empty on success


RunEvent = RunStarted | JobQueued | JobStarted | StepCompleted | JobCompleted | RunCompleted
Report = Callable[[RunEvent], None]
