"""A part of an upload, and the batch it belongs to (protocol.md §6.4)."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

KEPT = 60 * 60 * 1000  # milliseconds after its last part that a batch is kept, whole or not (reliability.md F24)
MAX_PARTS = 10_000
MAX_ID = 200  # characters


class Kind(StrEnum):
    """Which upload was cut into parts."""

    AFFECTED = "affected"
    INSTANCES = "instances"


@dataclass(frozen=True)
class Part:
    """One part as it came: `facts` is what every part of a batch must repeat, `digest` that of its bytes.

    `body` is what the receiver wants back of this part when the whole is there; nobody else reads it.
    """

    repository_id: str
    kind: Kind
    batch_id: str
    index: int
    total: int
    facts: str
    author: str
    digest: str
    body: bytes


@dataclass(frozen=True)
class Batch:
    """What is known of a batch; `digests` by index, `result` is the id of the upload once it was whole."""

    total: int
    facts: str
    author: str
    started_at: int
    digests: dict[int, str]
    result: str | None


@dataclass(frozen=True)
class Repeat:
    """These very bytes came before; `result` is the id of the whole upload, if it was whole by then."""

    result: str | None


@dataclass(frozen=True)
class Conflict:
    """This part cannot belong to its batch, and why."""

    because: str


@dataclass(frozen=True)
class Taken:
    """The part is stored; `missing` others are not here yet."""

    missing: int


@dataclass(frozen=True)
class Whole:
    """The last missing part came: the bodies of all, by index. `started_at` is when the first of them arrived."""

    bodies: Sequence[bytes]
    started_at: int
