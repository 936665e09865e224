"""Every call below `/api/v1/`: what it takes, what it answers, and which refusals it has of its own.

The server's routes are held to this table, and its OpenAPI description is made from it. A path is written as the server's
router takes it, so that both can be compared.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sonde.wire.affected import AffectedUpload, UploadAnswer
from sonde.wire.commits import CommitAnswer, CommitRequest
from sonde.wire.envelope import ErrorTag
from sonde.wire.exchange import ExchangeAnswer, ExchangeRequest
from sonde.wire.executions import Execution, ExecutionAnswer, ExecutionData, ExecutionResult
from sonde.wire.instances import RUN_ID_HEADER, InstanceStatus, InstancesUpload, InventoryAnswer, StatusAnswer
from sonde.wire.locks import (
    LeaveRequest,
    LockAllRequest,
    LockAnswer,
    LockRequest,
    LocksAnswer,
    UnlockRequest,
    WaitRequest,
)
from sonde.wire.reads import InstancesSeen, LocksSeen, PullSeen
from sonde.wire.sts import StsAnswer, StsRequest


@dataclass(frozen=True)
class Next:
    """A call that an answer leads to: `takes` maps what it asks for to the field of `data` that has it."""

    method: str
    path: str
    takes: Mapping[str, str]


@dataclass(frozen=True)
class Described:
    """`answer` is what `data` holds, an empty object where it is None; `refusals` are those beside EVERYWHERE's.

    `header` may be sent along. `old` is the path of the same call before 1.180, `ours` marks what no client of others asks for.
    """

    summary: str
    request: type[Any] | None
    answer: type[Any] | None
    refusals: tuple[ErrorTag, ...] = ()
    query: tuple[str, ...] = ()
    header: str = ""
    url: bool = False
    old: str = ""
    ours: bool = False
    then: Next | None = None


EVERYWHERE = (ErrorTag.BAD_REQUEST, ErrorTag.PAYLOAD_TOO_LARGE, ErrorTag.INTERNAL, ErrorTag.UNAVAILABLE)
AUTHORIZED = (ErrorTag.UNAUTHORIZED, ErrorTag.FORBIDDEN, ErrorTag.REPOSITORY_NOT_LINKED)
EXCHANGED = (
    ErrorTag.UNAUTHORIZED,
    ErrorTag.REPLAYED,
    ErrorTag.REPOSITORY_NOT_LINKED,
    ErrorTag.WORKSPACE_NOT_FOUND,
)

CALLS: Mapping[tuple[str, str], Described] = {
    ("POST", "auth/github-oidc"): Described(
        "A GitHub OIDC token for a session of 60 minutes", ExchangeRequest, ExchangeAnswer
    ),
    ("POST", "locks"): Described(
        "Take a lock, or renew one's own",
        LockRequest,
        LockAnswer,
        (ErrorTag.LOCK_CONFLICT,),
        old="locks",
        then=Next("DELETE", "locks", {"key": "key"}),
    ),
    ("POST", "locks/all"): Described(
        "Take the locks of several keys, all or none",
        LockAllRequest,
        LocksAnswer,
        (ErrorTag.LOCK_CONFLICT,),
        ours=True,
    ),
    ("POST", "locks/wait"): Described(
        "Take a lock, or a place in its queue", WaitRequest, LockAnswer, (ErrorTag.LOCK_CONFLICT,), ours=True
    ),
    ("DELETE", "locks/wait"): Described("Leave the queue of a key", LeaveRequest, None, ours=True),
    ("DELETE", "locks"): Described(
        "Release a lock; its key is in the body",
        UnlockRequest,
        None,
        (ErrorTag.LOCK_CONFLICT, ErrorTag.LOCK_NOT_FOUND),
        old="locks",
    ),
    ("POST", "affected-stacks"): Described(
        "What a commit affects, whole or in parts",
        AffectedUpload,
        UploadAnswer,
        (ErrorTag.BATCH_CONFLICT,),
        old="affected-stacks",
    ),
    ("POST", "instances"): Described(
        "The inventory of a repository, whole or in parts",
        InstancesUpload,
        InventoryAnswer,
        (ErrorTag.BATCH_CONFLICT, ErrorTag.DRIFT_DETECTION),
    ),
    ("PATCH", "repos/{owner:path}/{repo}/instances"): Described(
        "The exit code of a command for one instance",
        InstanceStatus,
        StatusAnswer,
        query=("stack", "component"),
        header=RUN_ID_HEADER,
    ),
    ("PATCH", "repos/{owner}/{repo}/instances/{stack}/{component:path}"): Described(
        "The same, as clients before 1.196 send it", InstanceStatus, StatusAnswer, header=RUN_ID_HEADER
    ),
    ("GET", "repos/{owner:path}/{repo}/instances"): Described(
        "Every known instance with its status", None, InstancesSeen, ours=True
    ),
    ("POST", "atmos/exec"): Described(
        "The record of one command", Execution, ExecutionAnswer, (ErrorTag.EXECUTION_CONFLICT,)
    ),
    ("POST", "atmos/exec/data"): Described(
        "A result that is too large for its record; the answer has its address",
        ExecutionData,
        ExecutionAnswer,
        url=True,
        then=Next("GET", "atmos/exec/data/{result}", {"result": "id"}),
    ),
    ("GET", "atmos/exec/data/{result}"): Described("That result", None, ExecutionResult, (ErrorTag.NOT_FOUND,)),
    ("GET", "repos/{owner}/{repo}/locks"): Described(
        "Every key that was ever locked, with its fence", None, LocksSeen, ours=True
    ),
    ("GET", "repos/{owner}/{repo}/pulls/{number}"): Described(
        "How far a pull request is, and why it waits", None, PullSeen, (ErrorTag.NOT_FOUND,), ours=True
    ),
    ("POST", "git/commit"): Described(
        "A commit by the App on the branch of the job's pull request",
        CommitRequest,
        CommitAnswer,
        (ErrorTag.HEAD_MOVED, ErrorTag.NOT_FOUND),
    ),
    ("POST", "sts"): Described(
        "Read-only GitHub tokens for private sources", StsRequest, StsAnswer, (ErrorTag.NOT_FOUND,)
    ),
}


def refusals_of(method: str, path: str) -> tuple[ErrorTag, ...]:
    """Every tag that a call may answer."""
    own = EXCHANGED if path == "auth/github-oidc" else (*AUTHORIZED, *CALLS[method, path].refusals)
    no_such = (ErrorTag.NOT_FOUND,) if "{" in path else ()  # a part of the address that no name can be
    return tuple(dict.fromkeys((*EVERYWHERE, *own, *no_such)))
