"""`POST /api/v1/locks` and `DELETE /api/v1/locks` (protocol.md §5, reliability.md §4)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

PATH = "locks"
WAIT_PATH = "locks/wait"  # ours
ALL_PATH = "locks/all"  # ours
DEFAULT_TTL = 30  # seconds
DEFAULT_MESSAGE = "Locked by Atmos"


def lock_key(owner: str, name: str, stack: str, component: str) -> str:
    """The key of an instance's lock, verbatim; it cannot be split again, since each part may hold a slash."""
    return f"{owner}/{name}/{stack}/{component}"


@dataclass(frozen=True)
class LockRequest:
    """`ttl` in seconds. The Go client's own class also has `properties`, which it never sends; they are passed over."""

    key: str
    ttl: int = DEFAULT_TTL
    message: str | None = None

    JSON: ClassVar[Mapping[str, str]] = {"message": "lockMessage"}
    NULLABLE: ClassVar[frozenset[str]] = frozenset()


@dataclass(frozen=True)
class WaitRequest:
    """`POST /api/v1/locks/wait` (ours): a LockRequest, and the `waiter` of the answer before."""

    key: str
    ttl: int = DEFAULT_TTL
    message: str | None = None
    waiter: str = ""

    JSON: ClassVar[Mapping[str, str]] = {"message": "lockMessage"}
    NULLABLE: ClassVar[frozenset[str]] = frozenset()


@dataclass(frozen=True)
class LeaveRequest:
    """`DELETE /api/v1/locks/wait` (ours): who waited does not want the lock any more."""

    key: str
    waiter: str

    JSON: ClassVar[Mapping[str, str]] = {}
    NULLABLE: ClassVar[frozenset[str]] = frozenset()


@dataclass(frozen=True)
class LockAllRequest:
    """`POST /api/v1/locks/all` (ours): a LockRequest of several keys of one repository, all or none."""

    keys: tuple[str, ...]
    ttl: int = DEFAULT_TTL
    message: str | None = None

    JSON: ClassVar[Mapping[str, str]] = {"message": "lockMessage"}
    NULLABLE: ClassVar[frozenset[str]] = frozenset()


@dataclass(frozen=True)
class UnlockRequest:
    """The body of a DELETE."""

    key: str

    JSON: ClassVar[Mapping[str, str]] = {}
    NULLABLE: ClassVar[frozenset[str]] = frozenset()


@dataclass(frozen=True)
class LockAnswer:
    """A granted lock. Times are `YYYY-MM-DDTHH:MM:SSZ`; `fence` rises with every grant of the key."""

    id: str
    workspace_id: str
    key: str
    message: str
    expires_at: str
    created_at: str
    updated_at: str
    fence: int | None = None
    deleted_at: str | None = None

    JSON: ClassVar[Mapping[str, str]] = {
        "workspace_id": "workspaceId",
        "message": "lockMessage",
        "expires_at": "expiresAt",
        "created_at": "createdAt",
        "updated_at": "updatedAt",
        "deleted_at": "deletedAt",
    }
    NULLABLE: ClassVar[frozenset[str]] = frozenset({"deleted_at"})


@dataclass(frozen=True)
class LocksAnswer:
    """Every lock that was granted, in the order of the keys."""

    locks: tuple[LockAnswer, ...]

    JSON: ClassVar[Mapping[str, str]] = {}
    NULLABLE: ClassVar[frozenset[str]] = frozenset()


@dataclass(frozen=True)
class LockStands:
    """The `context` of a refused lock: who has it until when, and the asker's place in the queue, if it waits."""

    position: int | None = None
    waiter: str | None = None
    holder: str | None = None
    expires_at: str | None = None
    fence: int | None = None

    JSON: ClassVar[Mapping[str, str]] = {"expires_at": "expiresAt"}
    NULLABLE: ClassVar[frozenset[str]] = frozenset()
