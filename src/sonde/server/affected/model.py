"""An upload: what one commit affects, said by a client of a repository."""

from dataclasses import dataclass
from enum import StrEnum

from sonde.wire.affected import AffectedItem

CLOSED_SLACK = 60_000  # milliseconds by which an upload may precede the merge it belongs to (two clocks)


class UploadState(StrEnum):
    """How far an upload is."""

    WAITING = "waiting"  # no trigger for its SHA yet
    MATCHED = "matched"
    REPEATED = "repeated"  # the same content for the same trigger came before


@dataclass(frozen=True)
class Upload:
    """`event_name` and `ref` are signed claims, empty for a static token; `items` hold only `settings.pro`."""

    id: str
    repository_id: str
    head_sha: str
    base_sha: str
    event_name: str
    ref: str
    items: tuple[AffectedItem, ...]
    digest: str
    received_at: int
    state: UploadState
    because: str
    trigger_id: str | None


@dataclass(frozen=True)
class Content:
    """What an upload, or a part of one, says, ready to be stored: `items` as JSON text, and the digest of each item."""

    items: str
    digests: tuple[str, ...]

    def packed(self) -> bytes:
        """As it is kept until the other parts of the upload are here."""
        return f"{','.join(self.digests)}\n{self.items}".encode()


@dataclass(frozen=True)
class Match:
    """The upload answers this trigger; `repeated` where its content came before."""

    trigger_id: str
    repeated: bool
    because: str


@dataclass(frozen=True)
class Wait:
    """No trigger to answer yet, and why."""

    because: str
