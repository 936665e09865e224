"""All SQL of those who wait for a lock."""

from collections import Counter
from typing import Any

from sqlalchemy import BigInteger, Column, ColumnElement, ForeignKey, Index, Row, Table, Text, and_, select

from sonde.server.kernel.db import Tx, metadata
from sonde.server.locks.model import LockRow

lock_waiters = Table(
    "lock_waiters",
    metadata,
    Column("id", Text, primary_key=True),
    Column("repository_id", Text, ForeignKey("repositories.id"), nullable=False),
    Column("instance", Text, nullable=False),
    Column("holder_id", Text, nullable=False),
    Column("holder_name", Text, nullable=False, server_default=""),
    Column("asked_at", BigInteger, nullable=False),
    Column("lease_until", BigInteger, nullable=False),
    Index("ix_lock_waiters_key", "repository_id", "instance", "asked_at", "id"),
)


def stand_in_queue(tx: Tx, wanted: LockRow, waiter: str, lease: int) -> list[str]:
    """The ids of the waiters of a key, the head first, after `waiter` joined or renewed its lease (milliseconds).

    Whoever let the lease pass has left, and joins again at the end.
    """
    here = and_(lock_waiters.c.repository_id == wanted.repository_id, lock_waiters.c.instance == wanted.instance)
    tx.run(lock_waiters.delete().where(here, lock_waiters.c.lease_until <= tx.now))
    joins = tx.insert(lock_waiters).values(
        id=waiter,
        repository_id=wanted.repository_id,
        instance=wanted.instance,
        holder_id=wanted.holder.id,
        holder_name=wanted.holder.name,
        asked_at=tx.now,
        lease_until=tx.now + lease,
    )
    tx.run(joins.on_conflict_do_update(index_elements=["id"], set_={"lease_until": tx.now + lease}, where=here))
    order = select(lock_waiters.c.id).where(here).order_by(lock_waiters.c.asked_at, lock_waiters.c.id)
    return [row.id for row in tx.all(order)]


def queue(tx: Tx) -> list[tuple[Row[Any], int]]:
    """All waiters of a key with their places: 1 is the head."""
    order = (lock_waiters.c.repository_id, lock_waiters.c.instance, lock_waiters.c.asked_at, lock_waiters.c.id)
    standing = tx.all(select(lock_waiters).where(lock_waiters.c.lease_until > tx.now).order_by(*order))
    seen = Counter[tuple[str, str]]()
    found = []
    for row in standing:
        seen[row.repository_id, row.instance] += 1
        found.append((row, seen[row.repository_id, row.instance]))
    return found


def _stands(waiter: str, repository_id: str, instance: str, holder_id: str) -> ColumnElement[bool]:
    return and_(
        lock_waiters.c.id == waiter,
        lock_waiters.c.repository_id == repository_id,
        lock_waiters.c.instance == instance,
        lock_waiters.c.holder_id == holder_id,
    )


def waits(tx: Tx, waiter: str, wanted: LockRow) -> bool:
    """Whether this waiter stands in the queue of this key, for this holder."""
    mine = _stands(waiter, wanted.repository_id, wanted.instance, wanted.holder.id)
    return tx.one(select(lock_waiters.c.id).where(mine)) is not None


def leave_queue(tx: Tx, waiter: str) -> None:
    """Forget a waiter."""
    tx.run(lock_waiters.delete().where(lock_waiters.c.id == waiter))


def leave_queue_of(tx: Tx, repository_id: str, instance: str, holder_id: str, waiter: str) -> None:
    """Forget a waiter, if he stands in the queue of this key and is this holder."""
    tx.run(lock_waiters.delete().where(_stands(waiter, repository_id, instance, holder_id)))
