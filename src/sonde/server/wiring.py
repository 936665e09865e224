"""The composition root: what answers which request, which event goes where, how each effect is sent. Tables to read."""

import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from operator import itemgetter
from pathlib import Path
from typing import Any

from sonde.server.affected import api as affected
from sonde.server.affected import pages as upload_pages
from sonde.server.audit import pages as audit_pages
from sonde.server.auth import api as auth
from sonde.server.auth import pages as auth_pages
from sonde.server.auth.jwks import Jwks, fetch_with
from sonde.server.auth.model import Actor, Claimant, Permission
from sonde.server.auth.runs import LiveRuns, UnansweredError
from sonde.server.auth.service import Trust
from sonde.server.auth.sessions import KeyRing
from sonde.server.commits import api as commits
from sonde.server.dispatches import api as dispatches
from sonde.server.dispatches.sender import CancelSender, DispatchSender
from sonde.server.dispatches.service import on_outcome
from sonde.server.executions import api as executions
from sonde.server.github.client import GitHub, GitHubError, RejectedError
from sonde.server.github.comment import CommentSender
from sonde.server.github.deliver import Delivery, OnOutcome, Sender
from sonde.server.github.model import Kind
from sonde.server.instances import api as instances
from sonde.server.instances import pages as instance_pages
from sonde.server.jobs import Loop
from sonde.server.kernel.db import Database
from sonde.server.kernel.door import Ask
from sonde.server.kernel.http import Call, Reply
from sonde.server.kernel.tls import outgoing
from sonde.server.locks import api as locks
from sonde.server.locks import pages as lock_pages
from sonde.server.openapi import document
from sonde.server.pulls import api as pulls
from sonde.server.pulls import pages as pull_pages
from sonde.server.pulls.render import MARKER
from sonde.server.pulls.senders import CheckSender
from sonde.server.pulls.service import on_pull_request, on_workflow_run
from sonde.server.settings import LEGACY_AUDIENCE, Settings
from sonde.server.sts import api as sts
from sonde.server.web import reference
from sonde.server.web.model import PageHandler
from sonde.server.webhooks import pages as webhook_pages
from sonde.server.webhooks.service import Handler
from sonde.server.workspaces.model import Repository
from sonde.wire.codec import WireObject
from sonde.wire.locks import LockRequest, UnlockRequest


class UndeclaredError(TypeError):
    """A route that does not say which permission it wants: no server starts with one (reliability.md T17)."""


ApiHandler = Callable[[Database, Actor, Call], Reply]
GitHubHandler = Callable[[GitHub | None, Database, Actor, Call], Reply]


def _declared(path: str, permission: object) -> None:
    if not isinstance(permission, Permission):
        raise UndeclaredError(f"the route {path} declares no permission")


@dataclass(frozen=True)
class ApiRoute:
    """A route below `/api/v1/`; who calls it must hold `permission`. `wakes`: it leaves rows that the engine acts on."""

    method: str
    path: str
    permission: Permission
    handler: ApiHandler
    wakes: bool = False

    def __post_init__(self) -> None:
        _declared(self.path, self.permission)


@dataclass(frozen=True)
class GitHubRoute:
    """A route below `/api/v1/` whose caller waits for GitHub; the handler says so where this server has no App."""

    method: str
    path: str
    permission: Permission
    handler: GitHubHandler

    def __post_init__(self) -> None:
        _declared(self.path, self.permission)


@dataclass(frozen=True)
class HotRoute:
    """A route below `/api/v1/` that is answered on the event loop, out of a grouped write.

    The door decodes the body as `body`. Whether the caller lives and holds `permission` is found out in that very write.
    """

    method: str
    path: str
    permission: Permission
    body: type[WireObject]
    handler: Callable[[Claimant, Any], Ask]

    def __post_init__(self) -> None:
        _declared(self.path, self.permission)


Route = ApiRoute | GitHubRoute | HotRoute
ROUTES: tuple[Route, ...] = (
    HotRoute("POST", "locks", Permission.LOCKS_CREATE, LockRequest, locks.lock),
    HotRoute("DELETE", "locks", Permission.LOCKS_DELETE, UnlockRequest, locks.unlock),
    ApiRoute("POST", "locks/all", Permission.LOCKS_CREATE, locks.lock_all),
    ApiRoute("POST", "locks/wait", Permission.LOCKS_CREATE, locks.wait),
    ApiRoute("DELETE", "locks/wait", Permission.LOCKS_CREATE, locks.leave),
    ApiRoute("POST", "affected-stacks", Permission.AFFECTED_CREATE, affected.upload, wakes=True),
    ApiRoute("POST", "instances", Permission.INSTANCES_CREATE, instances.upload, wakes=True),
    ApiRoute(
        "PATCH", "repos/{owner:path}/{repo}/instances", Permission.INSTANCES_UPDATE, dispatches.status, wakes=True
    ),
    ApiRoute(
        "PATCH",
        "repos/{owner}/{repo}/instances/{stack}/{component:path}",
        Permission.INSTANCES_UPDATE,
        dispatches.status,
        wakes=True,
    ),
    ApiRoute("GET", "repos/{owner:path}/{repo}/instances", Permission.STATUS_READ, instances.listed),
    ApiRoute("POST", "atmos/exec", Permission.EXEC_CREATE, executions.report),
    ApiRoute("POST", "atmos/exec/data", Permission.EXEC_CREATE, executions.upload),
    ApiRoute("GET", "atmos/exec/data/{result}", Permission.STATUS_READ, executions.result),
    ApiRoute("GET", "repos/{owner}/{repo}/locks", Permission.STATUS_READ, locks.listed),
    ApiRoute("GET", "repos/{owner}/{repo}/pulls/{number}", Permission.STATUS_READ, pulls.show),
    GitHubRoute("POST", "git/commit", Permission.GIT_COMMIT, commits.commit),
    GitHubRoute("POST", "sts", Permission.STS_MINT, sts.tokens),
)
OLD_PREFIX = "/api/"  # where clients before 1.180 look for these, with a static token (product.md §2.10)
OLD_PATHS = frozenset({"affected-stacks", "locks"})
EXCHANGE = ("POST", "auth/github-oidc", auth.exchange)


@cache
def described() -> Mapping[str, Any]:
    """The OpenAPI description of the routes above."""
    routes = ((route.method, route.path, str(route.permission)) for route in ROUTES)
    return document(((*EXCHANGE[:2], ""), *routes))


@dataclass(frozen=True)
class Page:
    """A page for people. Every one asks for a session first; a route that is not in PAGES does not exist (T17)."""

    method: str
    path: str
    handler: PageHandler


PAGES: tuple[Page, ...] = (
    Page("GET", "/", pull_pages.overview),
    Page("GET", "/locks", lock_pages.locks),
    Page("GET", "/audit", audit_pages.audit),
    Page("GET", "/security", auth_pages.security),
    Page("GET", "/instances", instance_pages.repositories),
    Page("GET", "/deliveries", partial(webhook_pages.deliveries, waiting=upload_pages.waiting)),
    Page("GET", "/deliveries/{guid:path}", webhook_pages.delivery),
    Page("GET", "/docs", partial(reference.page, described)),
    Page("GET", "/openapi.json", partial(reference.openapi, described)),
    Page("GET", "/{owner}/{repo}/instances", instance_pages.instances),
    Page("GET", "/{owner}/{repo}/instance", instance_pages.instance),
    Page("GET", "/{owner}/{repo}/pull/{number}", pull_pages.pull),
    Page("POST", "/{owner}/{repo}/pull/{number}/allow", pull_pages.allow),
)

EVENTS: Mapping[tuple[str, str], Handler] = {
    ("pull_request", "opened"): on_pull_request,
    ("pull_request", "synchronize"): on_pull_request,
    ("pull_request", "reopened"): on_pull_request,
    ("pull_request", "closed"): on_pull_request,
    ("pull_request", "ready_for_review"): on_pull_request,
    ("pull_request", "converted_to_draft"): on_pull_request,
    ("workflow_run", "requested"): on_workflow_run,
    ("workflow_run", "in_progress"): on_workflow_run,
    ("workflow_run", "completed"): on_workflow_run,
}

SENDERS: Mapping[str, Sender] = {
    Kind.DISPATCH: DispatchSender(),
    Kind.CHECK: CheckSender(),
    Kind.COMMENT: CommentSender(lambda _: MARKER),
    Kind.CANCEL: CancelSender(),
    Kind.COMMIT_COMMENT: CommentSender(itemgetter("marker")),
}

OUTCOMES: Mapping[str, OnOutcome] = {
    Kind.DISPATCH: on_outcome,
    Kind.CHECK: lambda _tx, _effect, _outcome: None,
    Kind.COMMENT: lambda _tx, _effect, _outcome: None,
    Kind.CANCEL: lambda _tx, _effect, _outcome: None,
    Kind.COMMIT_COMMENT: lambda _tx, _effect, _outcome: None,
}


@dataclass(frozen=True)
class Site:
    """One running server: its settings, its database, whom it trusts, and the loop it pumps."""

    settings: Settings
    db: Database
    trust: Trust
    loop: Loop


def build(settings: Settings) -> Site:
    """Put a server together; opens no connection yet but reads the App's key. Raises OSError where that file is missing."""
    db = Database(settings.url_of_database)
    tls = outgoing(settings.ca_file)
    github = _github(settings, tls)
    live_runs = LiveRuns(db, partial(_asked, github)) if settings.oidc_live_runs else None
    keys = Jwks(fetch_with(tls), _clock(db))
    trust = Trust(db, settings.oidc_issuers, audiences(settings), keys, KeyRing(db), live_runs)
    settle, lease = int(settings.dispatch_settle_seconds * 1000), int(settings.effect_lease_seconds * 1000)
    delivery = Delivery(db, github, SENDERS, OUTCOMES, settle, lease) if github else None
    return Site(settings, db, trust, Loop(db, github, delivery, dict(EVENTS), settings.url))


def audiences(settings: Settings) -> tuple[str, ...]:
    """The audiences a GitHub token may name: our own address and those of the settings, the shared one unless it is off."""
    named = (one for one in settings.oidc_audiences if one != LEGACY_AUDIENCE or settings.oidc_legacy_audience)
    return (*named, settings.url)


def _asked(github: GitHub | None, repository: Repository, run_id: int) -> tuple[int, bool] | None:
    """The newest attempt of a run and whether it is over, as GitHub tells it now. Raises UnansweredError."""
    if github is None:
        raise UnansweredError("this server has no GitHub App")
    try:
        run = github.run(repository, run_id)
    except RejectedError as error:
        if error.status == 404:
            return None
        raise UnansweredError(str(error)) from error
    except GitHubError as error:
        raise UnansweredError(str(error)) from error
    return run.attempt, run.status == "completed"


def _clock(db: Database) -> Callable[[], int]:
    def now() -> int:
        with db.read() as tx:
            return tx.now

    return now


def _github(settings: Settings, tls: ssl.SSLContext) -> GitHub | None:
    if settings.github_missing:
        return None
    key = Path(str(settings.github_app_private_key_file)).read_text()
    return GitHub(settings.github_api_url, settings.github_app_id, key, tls)
