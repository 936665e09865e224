"""All SQL of batches and their parts."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    delete,
    func,
    select,
    update,
)

from sonde.server.chunks.model import KEPT, Batch, Part
from sonde.server.kernel.db import Tx, metadata
from sonde.server.kernel.ids import new_id

batches = Table(
    "batches",
    metadata,
    Column("id", Text, primary_key=True),
    Column("repository_id", Text, ForeignKey("repositories.id"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("batch_id", Text, nullable=False),
    Column("total", Integer, nullable=False),
    Column("facts", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("result", Text),
    Column("started_at", BigInteger, nullable=False),
    Column("touched_at", BigInteger, nullable=False, index=True),
    UniqueConstraint("repository_id", "kind", "batch_id"),
)
batch_parts = Table(
    "batch_parts",
    metadata,
    Column("batch", Text, ForeignKey("batches.id", ondelete="CASCADE"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("digest", Text, nullable=False),
    Column("body", LargeBinary),  # null once the whole upload stands
)


def open_batch(tx: Tx, part: Part) -> tuple[str, Batch]:
    """The batch of a part, begun by it if it is the first, and ours alone until this transaction ends."""
    values = {
        "id": new_id("bat", tx.now),
        "repository_id": part.repository_id,
        "kind": part.kind,
        "batch_id": part.batch_id,
        "total": part.total,
        "facts": part.facts,
        "author": part.author,
        "started_at": tx.now,
        "touched_at": tx.now,
    }
    tx.run(tx.insert(batches).values(**values).on_conflict_do_nothing())
    mine = (
        batches.c.repository_id == part.repository_id,
        batches.c.kind == part.kind,
        batches.c.batch_id == part.batch_id,
    )
    # two last parts at once: without the lock each would miss the other, and nobody would put the whole together
    row: Any = tx.one(select(batches).where(*mine).with_for_update())
    parts = tx.all(select(batch_parts.c.position, batch_parts.c.digest).where(batch_parts.c.batch == row.id))
    digests = {one.position: one.digest for one in parts}
    return row.id, Batch(row.total, row.facts, row.author, row.started_at, digests, row.result)


def add(tx: Tx, batch: str, part: Part) -> None:
    """Keep a part."""
    tx.run(batch_parts.insert().values(batch=batch, position=part.index, digest=part.digest, body=part.body))
    tx.run(update(batches).where(batches.c.id == batch).values(touched_at=tx.now))


SLICE = 1024 * 1024  # bytes that are read of a body at a time: no other thread runs while the driver decodes them


def bodies(tx: Tx, batch: str) -> Sequence[bytes]:
    """What every part of a whole batch holds, by index."""
    mine = batch_parts.c.batch == batch
    sizes = select(batch_parts.c.position, func.length(batch_parts.c.body).label("size")).where(mine)
    return [_body(tx, batch, row.position, row.size) for row in tx.all(sizes.order_by(batch_parts.c.position))]


def _body(tx: Tx, batch: str, position: int, size: int) -> bytes:
    mine = (batch_parts.c.batch == batch, batch_parts.c.position == position)
    slices = []
    for start in range(0, size, SLICE):
        row = tx.one(select(func.substr(batch_parts.c.body, start + 1, SLICE).label("slice")).where(*mine))
        slices.append(bytes(row.slice) if row else b"")
    return b"".join(slices)


def finish(tx: Tx, batch: str, result: str) -> None:
    """The whole upload stands as `result`; digests stay for an hour, so that a late retry is known for one."""
    tx.run(update(batches).where(batches.c.id == batch).values(result=result, touched_at=tx.now))
    tx.run(update(batch_parts).where(batch_parts.c.batch == batch).values(body=None))


def expired(tx: Tx, limit: int) -> list[str]:
    """Batches of which nothing was heard for an hour."""
    query = select(batches.c.id).where(batches.c.touched_at <= tx.now - KEPT).order_by(batches.c.touched_at)
    return [row.id for row in tx.all(query.limit(limit))]


def rest(tx: Tx, batch: str, because: str) -> None:
    """Leave a batch that cannot be removed alone for another hour; `because` is in the log, nobody else waits for it."""
    del because
    tx.run(update(batches).where(batches.c.id == batch).values(touched_at=tx.now))


def drop(tx: Tx, batch: str) -> tuple[str, int, int] | None:
    """Remove an expired batch: its id as the client named it, its total and the parts that came; None if it is not there.

    A part that arrived since it was found expired keeps it.
    """
    old = (batches.c.id == batch, batches.c.touched_at <= tx.now - KEPT)
    row = tx.one(select(batches.c.batch_id, batches.c.total, batches.c.result).where(*old).with_for_update())
    if row is None:
        return None
    came = tx.run(delete(batch_parts).where(batch_parts.c.batch == batch)).rowcount
    tx.run(delete(batches).where(batches.c.id == batch))
    return (row.batch_id, row.total, came)
