"""A lock, and the answers to asking for one or giving it back."""

from dataclasses import dataclass
from enum import StrEnum

MAX_KEY = 512  # bytes
MAX_KEYS = 100  # in one request
DISPATCH_TTL = 86_400  # seconds: an automatic lock ends with its run; this is the backstop
RETRY_WINDOW = 60_000  # milliseconds in which a release may be repeated by whoever made it


WAITER_LEASE = 30_000  # milliseconds after which a waiter that does not ask again has left the queue


Name = tuple[str, str]  # of a lock: our id of its repository, and stack/component


class HolderKind(StrEnum):
    """Who may hold a lock: a job or a static token by request, or a dispatch by itself."""

    CLIENT = "client"
    DISPATCH = "dispatch"


@dataclass(frozen=True)
class Holder:
    """`id` names one holder; `reentrant` holders (one single job) may ask again and renew."""

    kind: HolderKind
    id: str
    name: str
    reentrant: bool
    run_id: int | None = None
    run_url: str = ""
    dispatch_id: str | None = None


@dataclass(frozen=True)
class Rights:
    """What a caller may end besides its own lock: another job's, a dispatch's automatic one (rule 9)."""

    others: bool
    automatic: bool


@dataclass(frozen=True)
class LockRow:
    """A lock as it stands in the database; released and expired ones stay as tombstones so that fences only rise."""

    id: str
    repository_id: str
    instance: str
    key: str
    fence: int
    holder: Holder
    message: str
    granted_at: int
    updated_at: int
    expires_at: int
    released_at: int | None

    @property
    def name(self) -> Name:
        """What tells it from every other lock."""
        return self.repository_id, self.instance

    def live(self, now: int) -> bool:
        """Whether the lock is held at `now` (database clock, epoch milliseconds)."""
        return self.released_at is None and now < self.expires_at


@dataclass(frozen=True)
class LockEvent:
    """A line of a key's history: `kind` says what was done to `lock`, `because` is an administrator's reason."""

    id: str
    lock: LockRow
    kind: str
    by: Holder
    because: str = ""


@dataclass(frozen=True)
class Granted:
    """The key is the asker's."""

    lock: LockRow
    renewed: bool


@dataclass(frozen=True)
class Held:
    """Somebody else has the key."""

    lock: LockRow


@dataclass(frozen=True)
class Waiting:
    """The asker stands in the queue of a key: 1 is the head. `lock` is what stands there now, live or not."""

    waiter: str
    position: int
    lock: LockRow | None


@dataclass(frozen=True)
class Released:
    """`kind` is owner, forced or repeated."""

    lock: LockRow
    kind: str


@dataclass(frozen=True)
class NotReleased:
    """Why the lock stays. `absent`: there was none."""

    because: str
    absent: bool
    lock: LockRow | None = None  # what stands, where something does
