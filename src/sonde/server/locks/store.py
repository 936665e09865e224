"""All SQL of locks. Rows are never deleted: a fence that was given once is never given again (rule 7)."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Row,
    Table,
    Text,
    and_,
    case,
    false,
    func,
    insert,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.sql import ColumnElement

from sonde.server.kernel.db import Tx, metadata
from sonde.server.locks.model import Holder, HolderKind, LockRow

GRANTS = ("granted", "renewed", "taken_over")  # kinds of events; every other kind ends a lock, once for each fence
locks = Table(
    "locks",
    metadata,
    Column("repository_id", Text, ForeignKey("repositories.id"), primary_key=True),
    Column("instance", Text, primary_key=True),  # stack/component, verbatim: what follows owner/name/ in the key
    Column("id", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("fence", BigInteger, nullable=False),
    Column("holder_kind", Text, nullable=False),
    Column("holder_id", Text, nullable=False),
    Column("holder_name", Text, nullable=False),
    Column("reentrant", Boolean, nullable=False, server_default=false()),
    Column("run_id", BigInteger),
    Column("run_url", Text, nullable=False, server_default=""),
    Column("dispatch_id", Text, index=True),
    Column("message", Text, nullable=False, server_default=""),
    Column("granted_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("released_at", BigInteger),
)
lock_events = Table(
    "lock_events",
    metadata,
    Column("id", Text, primary_key=True),
    Column("repository_id", Text, ForeignKey("repositories.id"), nullable=False),
    Column("instance", Text, nullable=False),
    Column("fence", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),  # granted, renewed, taken_over, owner, forced, run_ended, …
    Column("holder_id", Text, nullable=False),
    Column("holder_name", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("because", Text, nullable=False, server_default=""),  # an administrator's reason
    Index("ix_lock_events_key", "repository_id", "instance", "fence"),
)

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


def _lock(row: Row[Any]) -> LockRow:
    holder = Holder(
        HolderKind(row.holder_kind),
        row.holder_id,
        row.holder_name,
        row.reentrant,
        row.run_id,
        row.run_url,
        row.dispatch_id,
    )
    return LockRow(
        id=row.id,
        repository_id=row.repository_id,
        instance=row.instance,
        key=row.key,
        fence=row.fence,
        holder=holder,
        message=row.message,
        granted_at=row.granted_at,
        updated_at=row.updated_at,
        expires_at=row.expires_at,
        released_at=row.released_at,
    )


def _live(now: int) -> ColumnElement[bool]:
    return and_(locks.c.released_at.is_(None), locks.c.expires_at > now)


def acquire(tx: Tx, wanted: LockRow) -> LockRow | None:
    """Grant, renew or hand over `wanted` in one statement; None where a live lock of another holder stands (rule 5).

    Free or expired: the row becomes `wanted` with the next fence. Live and the very same re-entrant holder: same id and
    fence, a later expiry. Live, of the dispatch whose run asks: the holder changes, id and fence stay (rule 6), and so does
    the expiry unless the new one is later, since the run goes on whatever ttl its job asked for.
    """
    holder = wanted.holder
    new = tx.insert(locks).values(_values(wanted, tx.now))
    live = _live(tx.now)
    same = and_(live, locks.c.holder_id == holder.id, locks.c.reentrant)
    # without a run of its own nobody takes over: `run_id IS NULL` would match a dispatch whose run is not known yet
    by_request = literal(holder.kind == HolderKind.CLIENT and holder.run_id is not None)
    handed = and_(live, locks.c.holder_kind == HolderKind.DISPATCH, locks.c.run_id == holder.run_id, by_request)
    changes = _changes(new.excluded, or_(same, handed))
    key = ["repository_id", "instance"]
    statement = new.on_conflict_do_update(index_elements=key, set_=changes, where=or_(~live, same, handed))
    row = tx.one(statement.returning(locks))
    return _lock(row) if row else None


def _values(lock: LockRow, now: int) -> dict[str, Any]:
    """The row of a first grant."""
    holder = lock.holder
    return {
        "repository_id": lock.repository_id,
        "instance": lock.instance,
        "id": lock.id,
        "key": lock.key,
        "fence": 1,
        "holder_kind": holder.kind,
        "holder_id": holder.id,
        "holder_name": holder.name,
        "reentrant": holder.reentrant,
        "run_id": holder.run_id,
        "run_url": holder.run_url,
        "dispatch_id": holder.dispatch_id,
        "message": lock.message,
        "granted_at": now,
        "updated_at": now,
        "expires_at": lock.expires_at,
    }


def _changes(new: Any, kept: ColumnElement[bool]) -> dict[str, Any]:
    """What a grant changes in a row that stands: all of it, but a renewal or hand-over keeps what it continues."""
    taken = (
        "key",
        "holder_kind",
        "holder_id",
        "holder_name",
        "reentrant",
        "run_id",
        "run_url",
        "message",
        "updated_at",
    )
    continued = ("id", "granted_at", "dispatch_id")
    later = and_(kept, locks.c.expires_at > new.expires_at)  # what was promised is never shortened (rule 3)
    return {
        **{name: new[name] for name in taken},
        **{name: case((kept, locks.c[name]), else_=new[name]) for name in continued},
        "fence": case((kept, locks.c.fence), else_=locks.c.fence + 1),
        "expires_at": case((later, locks.c.expires_at), else_=new.expires_at),
        "released_at": None,
    }


def get(tx: Tx, repository_id: str, instance: str) -> LockRow | None:
    """The lock of an instance, live or not."""
    row = tx.one(select(locks).where(locks.c.repository_id == repository_id, locks.c.instance == instance))
    return _lock(row) if row else None


def get_for_update(tx: Tx, repository_id: str, instance: str) -> LockRow | None:
    """The same, and nobody else changes it until this transaction ends (SQLite: there is one writer anyway)."""
    row = tx.one(
        select(locks).where(locks.c.repository_id == repository_id, locks.c.instance == instance).with_for_update()
    )
    return _lock(row) if row else None


def release(tx: Tx, lock: LockRow) -> None:
    """End a lock now; the row stays."""
    mine = and_(
        locks.c.repository_id == lock.repository_id, locks.c.instance == lock.instance, locks.c.fence == lock.fence
    )
    tx.run(update(locks).where(mine).values(released_at=tx.now, updated_at=tx.now))


def of_dispatch(tx: Tx, dispatch_id: str) -> list[LockRow]:
    """Live locks that a dispatch took by itself, also those its own run has taken over."""
    rows = tx.all(select(locks).where(locks.c.dispatch_id == dispatch_id, _live(tx.now)).with_for_update())
    return [_lock(row) for row in rows]


def bind_run(tx: Tx, dispatch_id: str, run_id: int, run_url: str) -> None:
    """Tell a dispatch's lock which run it belongs to, so that the run's own job may take it over."""
    still = and_(locks.c.dispatch_id == dispatch_id, locks.c.holder_kind == HolderKind.DISPATCH, _live(tx.now))
    tx.run(update(locks).where(still).values(run_id=run_id, run_url=run_url))


def live_of_repository(tx: Tx, repository_id: str) -> list[LockRow]:
    """Every lock that is held in a repository, by instance."""
    rows = tx.all(select(locks).where(locks.c.repository_id == repository_id, _live(tx.now)).order_by(locks.c.instance))
    return [_lock(row) for row in rows]


def of_repository(tx: Tx, repository_id: str) -> list[LockRow]:
    """Every lock of a repository, tombstones too, by instance."""
    return [
        _lock(row)
        for row in tx.all(select(locks).where(locks.c.repository_id == repository_id).order_by(locks.c.instance))
    ]


def all_live(tx: Tx) -> list[LockRow]:
    """Every lock that is held, by key."""
    return [_lock(row) for row in tx.all(select(locks).where(_live(tx.now)).order_by(locks.c.key))]


def note(tx: Tx, event_id: str, lock: LockRow, kind: str, by: Holder, because: str = "") -> None:
    """Append to the history of a key."""
    tx.run(
        insert(lock_events).values(
            id=event_id,
            repository_id=lock.repository_id,
            instance=lock.instance,
            fence=lock.fence,
            kind=kind,
            holder_id=by.id,
            holder_name=by.name,
            at=tx.now,
            because=because,
        )
    )


def newest_fence_of(tx: Tx, repository_id: str, instance: str, holder_id: str) -> int | None:
    """The newest fence under which this holder was granted the key, if ever."""
    mine = and_(
        lock_events.c.repository_id == repository_id,
        lock_events.c.instance == instance,
        lock_events.c.holder_id == holder_id,
        lock_events.c.kind.in_(GRANTS),
    )
    row = tx.one(select(func.max(lock_events.c.fence)).where(mine))
    return row[0] if row else None


def lost_fence(tx: Tx, lock: LockRow, holders: Sequence[str]) -> int | None:
    """The newest fence under which one of `holders` had this key, if it is an older one than now and they did not give it back."""
    here = (lock_events.c.repository_id == lock.repository_id, lock_events.c.instance == lock.instance)
    mine = (*here, lock_events.c.holder_id.in_(holders))
    row = tx.one(select(func.max(lock_events.c.fence)).where(*mine, lock_events.c.kind.in_(GRANTS)))
    if row is None or row[0] is None or row[0] >= lock.fence:
        return None
    given_back = (lock_events.c.fence == row[0], lock_events.c.kind == "owner")
    return None if tx.one(select(lock_events.c.id).where(*here, *given_back)) else int(row[0])


def ended_by(tx: Tx, lock: LockRow) -> str:
    """The holder id of whoever ended this lock, which need not be its holder; empty where nobody did."""
    mine = and_(
        lock_events.c.repository_id == lock.repository_id,
        lock_events.c.instance == lock.instance,
        lock_events.c.fence == lock.fence,
        lock_events.c.kind.not_in(GRANTS),
    )
    row = tx.one(select(lock_events.c.holder_id).where(mine))
    return row[0] if row else ""


def history(tx: Tx, limit: int) -> Sequence[Row[Any]]:
    """The newest events of all keys."""
    return tx.all(select(lock_events).order_by(lock_events.c.at.desc(), lock_events.c.id.desc()).limit(limit))


def lapsed(tx: Tx, limit: int) -> list[LockRow]:
    """Locks whose time ran out before anybody gave them back, newest first: their run may still work (ruling 18)."""
    over = (locks.c.released_at.is_(None), locks.c.expires_at <= tx.now)
    return [_lock(row) for row in tx.all(select(locks).where(*over).order_by(locks.c.expires_at.desc()).limit(limit))]


def history_of(tx: Tx, repository_id: str, instance: str, limit: int) -> Sequence[Row[Any]]:
    """The newest events of one key."""
    mine = (lock_events.c.repository_id == repository_id, lock_events.c.instance == instance)
    newest = select(lock_events).where(*mine).order_by(lock_events.c.fence.desc(), lock_events.c.id.desc())
    return tx.all(newest.limit(limit))


def stand_in_queue(tx: Tx, wanted: LockRow, waiter: str, lease: int) -> list[str]:
    """The ids of who waits for a key, the head first, after `waiter` joined or renewed its lease (milliseconds).

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
    """Everybody who waits for a key, with his place: 1 is the head."""
    order = (lock_waiters.c.repository_id, lock_waiters.c.instance, lock_waiters.c.asked_at, lock_waiters.c.id)
    standing = tx.all(select(lock_waiters).where(lock_waiters.c.lease_until > tx.now).order_by(*order))
    seen = Counter[tuple[str, str]]()
    found = []
    for row in standing:
        seen[row.repository_id, row.instance] += 1
        found.append((row, seen[row.repository_id, row.instance]))
    return found


def waits(tx: Tx, waiter: str, wanted: LockRow) -> bool:
    """Whether this waiter stands in the queue of this key, for this holder."""
    mine = (
        lock_waiters.c.id == waiter,
        lock_waiters.c.repository_id == wanted.repository_id,
        lock_waiters.c.instance == wanted.instance,
        lock_waiters.c.holder_id == wanted.holder.id,
    )
    return tx.one(select(lock_waiters.c.id).where(*mine)) is not None


def leave_queue(tx: Tx, waiter: str) -> None:
    """Forget a waiter."""
    tx.run(lock_waiters.delete().where(lock_waiters.c.id == waiter))
