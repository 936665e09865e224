"""All SQL of locks. Rows are never deleted: a fence that was given once is never given again (rule 7)."""

from collections.abc import Iterable, Mapping, Sequence
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
    literal,
    not_,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy.sql import ColumnElement

from sonde.server.kernel.db import Tx, metadata
from sonde.server.kernel.statements import NOW, NUMBER, TEXT, given, insert, rows
from sonde.server.locks.model import Holder, HolderKind, LockEvent, LockRow, Name

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


def _lock(row: Row[Any]) -> LockRow:
    holder = Holder(
        HolderKind(row.holder_kind),
        row.holder_id,
        row.holder_name,
        bool(row.reentrant),
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


def _live(now: Any) -> ColumnElement[bool]:
    return and_(locks.c.released_at.is_(None), locks.c.expires_at > now)


_TOLD = (
    "repository_id",
    "instance",
    "id",
    "key",
    "holder_kind",
    "holder_id",
    "holder_name",
    "reentrant",
    "run_id",
    "run_url",
    "dispatch_id",
    "message",
    "expires_at",
)


def _acquire(dialect: str) -> Any:
    items = given(dialect, "items", {name: locks.c[name].type for name in _TOLD})
    first = (*items.values(), literal(1), NOW, NOW)
    source = select(*first).where(items["id"].is_not(None)).order_by(items["repository_id"], items["instance"])
    wanted = insert(dialect, locks).from_select([*_TOLD, "fence", "granted_at", "updated_at"], source)
    new, live = wanted.excluded, _live(NOW)
    same = and_(live, locks.c.holder_id == new.holder_id, locks.c.reentrant)
    # without a run of its own nobody takes over, nor from a dispatch whose run is not known yet: NULL equals nothing
    by_request = new.holder_kind == HolderKind.CLIENT.value
    handed = and_(live, locks.c.holder_kind == HolderKind.DISPATCH.value, locks.c.run_id == new.run_id, by_request)
    changes, asked = _changes(new, or_(same, handed)), or_(not_(live), same, handed)
    granted = wanted.on_conflict_do_update(index_elements=["repository_id", "instance"], set_=changes, where=asked)
    return granted.returning(locks)


def acquire(tx: Tx, wanted: Sequence[LockRow]) -> dict[Name, LockRow]:
    """Grant, renew or hand over each of `wanted`, all in one statement; a name that is not in the answer has a live lock of
    another holder (rule 5). Each name may occur once.

    Free or expired: the row becomes what is wanted with the next fence. Live and the very same re-entrant holder: same id and
    fence, a later expiry. Live, of the dispatch whose run asks: the holder changes, id and fence stay (rule 6), and so does
    the expiry unless the new one is later, since the run goes on whatever ttl its job asked for.
    """
    got = [_lock(row) for row in tx.hot(_acquire, items=rows([_told(lock) for lock in wanted]))]
    return {lock.name: lock for lock in got}


def _told(lock: LockRow) -> dict[str, Any]:
    holder = lock.holder
    return {
        "repository_id": lock.repository_id,
        "instance": lock.instance,
        "id": lock.id,
        "key": lock.key,
        "holder_kind": holder.kind,
        "holder_id": holder.id,
        "holder_name": holder.name,
        "reentrant": holder.reentrant,
        "run_id": holder.run_id,
        "run_url": holder.run_url,
        "dispatch_id": holder.dispatch_id,
        "message": lock.message,
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


def _named(dialect: str) -> Any:
    items = given(dialect, "items", {"repository_id": TEXT, "instance": TEXT})
    return select(locks).where(tuple_(locks.c.repository_id, locks.c.instance).in_(select(*items.values())))


def _named_for_update(dialect: str) -> Any:
    return _named(dialect).order_by(locks.c.repository_id, locks.c.instance).with_for_update()


def named(tx: Tx, names: Iterable[Name]) -> dict[Name, LockRow]:
    """Locks by name, live or not."""
    return {lock.name: lock for lock in map(_lock, tx.hot(_named, items=_items(names)))}


def named_for_update(tx: Tx, names: Iterable[Name]) -> dict[Name, LockRow]:
    """The same, and nobody else changes them until this transaction ends (SQLite: there is one writer anyway)."""
    return {lock.name: lock for lock in map(_lock, tx.hot(_named_for_update, items=_items(names)))}


def _items(names: Iterable[Name]) -> str:
    return rows([{"repository_id": repository_id, "instance": instance} for repository_id, instance in names])


def get(tx: Tx, repository_id: str, instance: str) -> LockRow | None:
    """The lock of an instance, live or not."""
    return named(tx, [(repository_id, instance)]).get((repository_id, instance))


def get_for_update(tx: Tx, repository_id: str, instance: str) -> LockRow | None:
    """The same, and nobody else changes it until this transaction ends."""
    return named_for_update(tx, [(repository_id, instance)]).get((repository_id, instance))


_GRANT = {"repository_id": TEXT, "instance": TEXT, "fence": NUMBER}


def _release(dialect: str) -> Any:
    items = given(dialect, "items", _GRANT)
    mine = tuple_(locks.c.repository_id, locks.c.instance, locks.c.fence).in_(select(*items.values()))
    return update(locks).where(mine).values(released_at=NOW, updated_at=NOW)


def release(tx: Tx, ended: Iterable[LockRow]) -> None:
    """End locks now; their rows stay."""
    tx.hot(_release, items=_grants(ended))


def _grants(of: Iterable[LockRow]) -> str:
    return rows([{"repository_id": one.repository_id, "instance": one.instance, "fence": one.fence} for one in of])


def of_dispatch(tx: Tx, dispatch_id: str) -> list[LockRow]:
    """Live locks that a dispatch took by itself, also those its own run has taken over."""
    mine = select(locks).where(locks.c.dispatch_id == dispatch_id, _live(tx.now))
    return [_lock(row) for row in tx.all(mine.with_for_update())]


def of_run(tx: Tx, repository_id: str, run_id: int, holders: str) -> list[LockRow]:
    """Live locks of a repository's run whose holders' ids begin with `holders`."""
    mine = (locks.c.repository_id == repository_id, locks.c.run_id == run_id, locks.c.holder_id.startswith(holders))
    query = select(locks).where(*mine, _live(tx.now)).order_by(locks.c.instance)
    return [_lock(row) for row in tx.all(query.with_for_update())]


def bind_run(tx: Tx, dispatch_id: str, run_id: int, run_url: str) -> None:
    """Tell a dispatch's lock which run it belongs to, so that the run's own job may take it over."""
    still = and_(locks.c.dispatch_id == dispatch_id, locks.c.holder_kind == HolderKind.DISPATCH, _live(tx.now))
    tx.run(update(locks).where(still).values(run_id=run_id, run_url=run_url))


def live_of_repository(tx: Tx, repository_id: str) -> list[LockRow]:
    """Every lock that is held in a repository, by instance."""
    live = select(locks).where(locks.c.repository_id == repository_id, _live(tx.now))
    return [_lock(row) for row in tx.all(live.order_by(locks.c.instance))]


def of_repository(tx: Tx, repository_id: str) -> list[LockRow]:
    """Every lock of a repository, tombstones too, by instance."""
    return [
        _lock(row)
        for row in tx.all(select(locks).where(locks.c.repository_id == repository_id).order_by(locks.c.instance))
    ]


def all_live(tx: Tx) -> list[LockRow]:
    """Every lock that is held, by key."""
    return [_lock(row) for row in tx.all(select(locks).where(_live(tx.now)).order_by(locks.c.key))]


_EVENT = ("id", "repository_id", "instance", "fence", "kind", "holder_id", "holder_name", "because")


def _note(dialect: str) -> Any:
    items = given(dialect, "items", {name: lock_events.c[name].type for name in _EVENT})
    return lock_events.insert().from_select([*_EVENT, "at"], select(*items.values(), NOW))


def lost_fence(tx: Tx, lock: LockRow, holders: Sequence[str]) -> int | None:
    """The newest fence under which one of `holders` had this key, if it is an older one than now and they did not give it back."""
    here = (lock_events.c.repository_id == lock.repository_id, lock_events.c.instance == lock.instance)
    mine = (*here, lock_events.c.holder_id.in_(holders))
    row = tx.one(select(func.max(lock_events.c.fence)).where(*mine, lock_events.c.kind.in_(GRANTS)))
    if row is None or row[0] is None or row[0] >= lock.fence:
        return None
    given_back = (lock_events.c.fence == row[0], lock_events.c.kind == "owner")
    return None if tx.one(select(lock_events.c.id).where(*here, *given_back)) else int(row[0])


def note(tx: Tx, events: Iterable[LockEvent]) -> None:
    """Append to the histories of keys."""
    items = [
        {
            "id": one.id,
            "repository_id": one.lock.repository_id,
            "instance": one.lock.instance,
            "fence": one.lock.fence,
            "kind": one.kind,
            "holder_id": one.by.id,
            "holder_name": one.by.name,
            "because": one.because,
        }
        for one in events
    ]
    tx.hot(_note, items=rows(items))


def _fences(dialect: str) -> Any:
    items = given(dialect, "items", {"repository_id": TEXT, "instance": TEXT, "holder_id": TEXT})
    name = (lock_events.c.repository_id, lock_events.c.instance, lock_events.c.holder_id)
    mine = and_(tuple_(*name).in_(select(*items.values())), lock_events.c.kind.in_(GRANTS))
    return select(*name, func.max(lock_events.c.fence).label("newest")).where(mine).group_by(*name)


def newest_fences(tx: Tx, of: Iterable[tuple[Name, str]]) -> dict[tuple[Name, str], int]:
    """The newest fence under which a holder (by id) was granted a key, if ever."""
    items = [{"repository_id": name[0], "instance": name[1], "holder_id": holder} for name, holder in of]
    found = tx.hot(_fences, items=rows(items))
    return {((row.repository_id, row.instance), row.holder_id): row.newest for row in found}


def _enders(dialect: str) -> Any:
    items = given(dialect, "items", _GRANT)
    name = (lock_events.c.repository_id, lock_events.c.instance, lock_events.c.fence)
    ends = and_(tuple_(*name).in_(select(*items.values())), lock_events.c.kind.not_in(GRANTS))
    return select(lock_events.c.repository_id, lock_events.c.instance, lock_events.c.holder_id).where(ends)


def ended_by(tx: Tx, of: Iterable[LockRow]) -> dict[Name, str]:
    """The holder id of whoever ended each lock, which need not be its holder; absent where nobody did."""
    found = tx.hot(_enders, items=_grants(of))
    return {(row.repository_id, row.instance): row.holder_id for row in found}


_ENDED_FIRST = case((lock_events.c.kind.in_(GRANTS), 1), else_=0)  # ids of one millisecond are in no order


def history(tx: Tx, limit: int) -> Sequence[Row[Any]]:
    """The newest events of all keys."""
    order = (lock_events.c.at.desc(), lock_events.c.fence.desc(), _ENDED_FIRST, lock_events.c.id.desc())
    return tx.all(select(lock_events).order_by(*order).limit(limit))


def lapsed(tx: Tx, limit: int) -> list[LockRow]:
    """Locks whose time ran out before anybody gave them back, newest first: their run may still work (ruling 18)."""
    over = (locks.c.released_at.is_(None), locks.c.expires_at <= tx.now)
    return [_lock(row) for row in tx.all(select(locks).where(*over).order_by(locks.c.expires_at.desc()).limit(limit))]


BY_HAND = ("forced", "admin")  # kinds of events that end a lock against its holder's will


def ended_by_hand(tx: Tx, repository_id: str, of: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """Who ended the automatic lock of a dispatch by hand, also once its run had taken it over, and why; absent where nobody did.

    `of` has the instance (stack/component) of each dispatch, by which the history is found.
    """
    given_to, ended = lock_events.alias("given_to"), lock_events.alias("ended")
    same = [given_to.c[name] == ended.c[name] for name in ("repository_id", "instance", "fence")]
    holders = {f"dispatch:{one}": one for one in of}
    here = (given_to.c.repository_id == repository_id, given_to.c.instance.in_(sorted(set(of.values()))))
    mine = (*here, given_to.c.holder_id.in_(holders), given_to.c.kind == "granted", ended.c.kind.in_(BY_HAND))
    query = select(given_to.c.holder_id, ended.c.holder_name, ended.c.because).where(*same, *mine)
    return {holders[row.holder_id]: (row.holder_name, row.because) for row in tx.all(query)}


def history_of(tx: Tx, repository_id: str, instance: str, limit: int) -> Sequence[Row[Any]]:
    """The newest events of one key."""
    mine = (lock_events.c.repository_id == repository_id, lock_events.c.instance == instance)
    newest = (
        select(lock_events)
        .where(*mine)
        .order_by(lock_events.c.fence.desc(), lock_events.c.at.desc(), _ENDED_FIRST, lock_events.c.id.desc())
    )
    return tx.all(newest.limit(limit))
