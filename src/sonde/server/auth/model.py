"""Trust, by name: an unverified token becomes SignedClaims, SignedClaims and a link become a Session."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NewType

from sonde.server.audit import model as audit
from sonde.server.workspaces.model import Repository

UnverifiedJwt = NewType("UnverifiedJwt", str)
SessionToken = NewType("SessionToken", str)


class Permission(StrEnum):
    """What a route asks for (product.md §4 #4)."""

    AFFECTED_CREATE = "affected_stacks:create"
    INSTANCES_CREATE = "instances:create"
    INSTANCES_UPDATE = "instances:update"
    EXEC_CREATE = "exec:create"
    LOCKS_CREATE = "locks:create"
    LOCKS_DELETE = "locks:delete"
    LOCKS_FORCE = "locks:force"
    STATUS_READ = "status:read"
    GIT_COMMIT = "git:commit"
    STS_MINT = "sts:mint"


EVERY = frozenset(str(one) for one in Permission)
UNFORCED = EVERY - {str(Permission.LOCKS_FORCE)}  # what a static token may do if nobody says otherwise
# what a newly linked repository gives its jobs: all but what reaches beyond this server (product.md §4 #4), or over others
BY_HAND = (Permission.GIT_COMMIT, Permission.STS_MINT, Permission.LOCKS_FORCE)
DEFAULTS = tuple(one for one in Permission if one not in BY_HAND)


@dataclass(frozen=True)
class Grant:
    """A row: jobs whose workflow, branch and environment fit have the permission. `auth/patterns.py` says what fits.

    `strangers`: also in `pull_request_target`, which runs a stranger's change with the repository's rights.
    """

    id: str
    repository_id: str
    permission: str
    workflow: str = "*"
    branch: str = "*"
    environment: str = "*"
    strangers: bool = False


@dataclass(frozen=True)
class SignedClaims:
    """Claims whose signature, issuer, audience and times were checked (reliability.md T1, T4)."""

    issuer: str
    jti: str
    expires_at: int
    repository_id: int
    owner_id: int
    repository: str
    raw: Mapping[str, Any]

    def text(self, name: str) -> str:
        """A claim as text; empty where it is absent."""
        value = self.raw.get(name)
        return value if isinstance(value, str) else ""


@dataclass(frozen=True)
class RunSeen:
    """The newest attempt of a workflow run that was heard of, and when (epoch milliseconds)."""

    attempt: int
    completed: bool
    seen_at: int


@dataclass(frozen=True)
class Actor:
    """Who a request acts for. `repository` is None only for a static token of a whole workspace.

    `holder` names the owner of what it locks (reliability.md §4 rule 2); `claims` is empty for a static token.
    """

    workspace_id: str
    repository: Repository | None
    credential_id: str
    holder: str
    name: str
    claims: Mapping[str, Any]
    granted: frozenset[str] = frozenset()  # permissions, as they were decided when the credential was made

    @property
    def run_id(self) -> int | None:
        """The workflow run that calls, by its signed claim."""
        value = str(self.claims.get("run_id", ""))
        return int(value) if value.isdigit() else None

    @property
    def reentrant(self) -> bool:
        """Whether the holder is one single job; many jobs may share a static token."""
        return bool(self.claims)


@dataclass(frozen=True)
class Claimant:
    """What a request shows before any row was asked: a session that its signature proves, or the digest of a static token.

    Whether that lives, and may do what `permission` says, is decided where the request takes effect, in its transaction.
    """

    session_id: str
    token_sha256: str
    permission: Permission


def who(actor: Actor) -> audit.Actor:
    """The actor of a request, for the audit log."""
    return audit.Actor("job" if actor.claims else "token", actor.credential_id, actor.name)


def about(actor: Actor) -> dict[str, Any]:
    """What the token of a job says about it, for the audit log."""
    names = ("repository", "run_id", "run_attempt", "event_name", "ref", "workflow_ref", "environment", "actor_id")
    return {name: actor.claims[name] for name in names if name in actor.claims}
