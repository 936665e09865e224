"""All SQL of uploads."""

import json
from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import BigInteger, Column, ForeignKey, Index, Row, Table, Text, select, update

from sonde.server.affected.model import CLOSED_SLACK, Upload, UploadState
from sonde.server.kernel.db import Tx, metadata
from sonde.wire.affected import AffectedItem
from sonde.wire.codec import from_json, to_json

# read one by one: megabytes in one call would keep every thread waiting
ITEMS = msgspec.json.Decoder(list[msgspec.Raw])
uploads = Table(
    "uploads",
    metadata,
    Column("id", Text, primary_key=True),
    Column("repository_id", Text, ForeignKey("repositories.id"), nullable=False),
    Column("credential_id", Text, nullable=False),
    Column("head_sha", Text, nullable=False),
    Column("base_sha", Text, nullable=False),
    Column("event_name", Text, nullable=False),
    Column("ref", Text, nullable=False),
    Column("items", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("received_at", BigInteger, nullable=False),
    Column("state", Text, nullable=False),
    Column("because", Text, nullable=False),
    Column("trigger_id", Text, index=True),
    Column("look_at", BigInteger, index=True),
    Index("ix_uploads_head", "repository_id", "head_sha"),
)


def _upload(row: Row[Any]) -> Upload:
    return Upload(
        id=row.id,
        repository_id=row.repository_id,
        head_sha=row.head_sha,
        base_sha=row.base_sha,
        event_name=row.event_name,
        ref=row.ref,
        items=tuple(from_json(AffectedItem, json.loads(bytes(item))) for item in ITEMS.decode(row.items)),
        digest=row.digest,
        received_at=row.received_at,
        state=UploadState(row.state),
        because=row.because,
        trigger_id=row.trigger_id,
    )


def put(tx: Tx, upload: Upload, credential_id: str, items: str | None = None) -> None:
    """Store an upload, to be looked at now; `items` is their JSON text where the caller has it already."""
    tx.run(
        uploads.insert().values(
            id=upload.id,
            repository_id=upload.repository_id,
            credential_id=credential_id,
            head_sha=upload.head_sha,
            base_sha=upload.base_sha,
            event_name=upload.event_name,
            ref=upload.ref,
            items=items if items is not None else json.dumps(to_json(upload.items)),
            digest=upload.digest,
            received_at=tx.now,
            state=upload.state,
            because=upload.because,
            look_at=tx.now,
        )
    )


def same_from(tx: Tx, credential_id: str, upload: Upload) -> str | None:
    """The id under which this very session sent this very content before: a client's retry (protocol.md §8)."""
    mine = (
        uploads.c.credential_id == credential_id,
        uploads.c.repository_id == upload.repository_id,
        uploads.c.digest == upload.digest,
        uploads.c.head_sha == upload.head_sha,
        uploads.c.received_at > tx.now - 5 * 60_000,
    )
    row = tx.one(select(uploads.c.id).where(*mine).limit(1))
    return row.id if row else None


def due(tx: Tx, limit: int) -> list[str]:
    """Uploads to look at, oldest first."""
    query = (
        select(uploads.c.id)
        .where(uploads.c.look_at <= tx.now)
        .order_by(uploads.c.received_at, uploads.c.id)
        .limit(limit)
    )
    return [row.id for row in tx.all(query)]


def take(tx: Tx, upload_id: str) -> Upload | None:
    """An upload to match in this transaction; None where another replica has it."""
    row = tx.one(
        select(uploads)
        .where(uploads.c.id == upload_id, uploads.c.look_at.is_not(None))
        .with_for_update(skip_locked=True)
    )
    return _upload(row) if row else None


def settle(tx: Tx, upload_id: str, state: UploadState, because: str, trigger_id: str | None) -> None:
    """What became of an upload; it is not looked at again until somebody wakes it."""
    values = {"state": state, "because": because, "trigger_id": trigger_id, "look_at": None}
    tx.run(update(uploads).where(uploads.c.id == upload_id).values(**values))


def park(tx: Tx, upload_id: str, because: str) -> None:
    """Look no more at an upload that cannot be matched, and say why, until its trigger wakes it."""
    tx.run(update(uploads).where(uploads.c.id == upload_id).values(because=because, look_at=None))


def wake(tx: Tx, repository_id: str, shas: Sequence[str]) -> None:
    """A trigger for these SHAs came or was let go: look again at uploads that wait for it or were taken for repeats.

    An upload without claims may have been taken for the pull request's a moment before its merge was heard of.
    """
    early = (uploads.c.event_name == "") & (uploads.c.received_at > tx.now - CLOSED_SLACK)
    at = (
        uploads.c.repository_id == repository_id,
        uploads.c.head_sha.in_(shas),
        (uploads.c.state != UploadState.MATCHED) | early,
    )
    tx.run(update(uploads).where(*at).values(look_at=tx.now))


def digests_by_trigger(tx: Tx, trigger_ids: Sequence[str]) -> dict[str, frozenset[str]]:
    """The contents that answered each trigger."""
    rows = tx.all(
        select(uploads.c.trigger_id, uploads.c.digest).where(
            uploads.c.trigger_id.in_(trigger_ids), uploads.c.state == UploadState.MATCHED
        )
    )
    found: dict[str, set[str]] = {}
    for row in rows:
        found.setdefault(row.trigger_id, set()).add(row.digest)
    return {trigger: frozenset(digests) for trigger, digests in found.items()}


def newest_waiting(tx: Tx, limit: int) -> list[Upload]:
    """Uploads that wait for their event, newest first, for the pages."""
    query = (
        select(uploads)
        .where(uploads.c.state == UploadState.WAITING)
        .order_by(uploads.c.received_at.desc())
        .limit(limit)
    )
    return [_upload(row) for row in tx.all(query)]
