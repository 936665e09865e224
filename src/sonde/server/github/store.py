"""All SQL of effects: what GitHub shall look like, and how far we are in telling it."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import BigInteger, Column, ForeignKey, Integer, Row, Table, Text, and_, func, or_, select, update

from sonde.server.github.model import Effect, EffectState
from sonde.server.kernel.db import Tx, metadata

effects = Table(
    "effects",
    metadata,
    Column("slot", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("repository_id", Text, ForeignKey("repositories.id"), nullable=False),
    Column("subject_id", Text, nullable=False),
    Column("desired", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("sent_version", Integer, nullable=False, server_default="0"),
    Column("remote_id", BigInteger),
    Column("remote_url", Text, nullable=False, server_default=""),
    Column("state", Text, nullable=False),
    Column("because", Text, nullable=False, server_default=""),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("sending_since", BigInteger),
    Column("lease_until", BigInteger),
    Column("due_at", BigInteger, index=True),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
)


def _effect(row: Row[Any]) -> Effect:
    return Effect(
        slot=row.slot,
        kind=row.kind,
        repository_id=row.repository_id,
        subject_id=row.subject_id,
        desired=row.desired,
        version=row.version,
        sent_version=row.sent_version,
        remote_id=row.remote_id,
        remote_url=row.remote_url,
        state=EffectState(row.state),
        because=row.because,
        attempts=row.attempts,
        sending_since=row.sending_since,
    )


def want(tx: Tx, effect: Effect) -> bool:
    """Write down what a slot shall look like; an effect that was not sent yet is replaced, an equal one is no change.

    Returns whether there is something to send.
    """
    standing = get(tx, effect.slot, lock=True)
    if standing is None:
        first = {
            "state": EffectState.PLANNED,
            "version": 1,
            "due_at": tx.now,
            "created_at": tx.now,
            "updated_at": tx.now,
        }
        names = {
            "slot": effect.slot,
            "kind": effect.kind,
            "repository_id": effect.repository_id,
            "subject_id": effect.subject_id,
        }
        values = {**names, **first, "desired": effect.desired}
        if tx.added(tx.insert(effects).values(**values).on_conflict_do_nothing()):
            return True
        standing = get(tx, effect.slot, lock=True)  # another replica was faster: ours is the newer wish
    if standing is None or standing.desired == effect.desired:
        return False
    state = standing.state if standing.state in (EffectState.SENDING, EffectState.LOST) else EffectState.PLANNED
    changes: dict[str, Any] = {
        "desired": effect.desired,
        "subject_id": effect.subject_id,
        "version": standing.version + 1,
        "state": state,
    }
    if state is EffectState.PLANNED:
        changes["due_at"] = tx.now
    tx.run(update(effects).where(effects.c.slot == effect.slot).values(**changes, updated_at=tx.now))
    return True


def get(tx: Tx, slot: str, *, lock: bool = False) -> Effect | None:
    """One effect by its slot."""
    query = select(effects).where(effects.c.slot == slot)
    row = tx.one(query.with_for_update() if lock else query)
    return _effect(row) if row else None


def due(tx: Tx, limit: int) -> list[Effect]:
    """Effects to send, lost ones to look for, and claims whose holder let the lease run out."""
    ready = and_(effects.c.state.in_((EffectState.PLANNED, EffectState.LOST)), effects.c.due_at <= tx.now)
    abandoned = and_(effects.c.state == EffectState.SENDING, effects.c.lease_until <= tx.now)
    return [
        _effect(row)
        for row in tx.all(
            select(effects).where(or_(ready, abandoned)).order_by(effects.c.due_at, effects.c.slot).limit(limit)
        )
    ]


def claim(tx: Tx, effect: Effect, lease_until: int) -> Effect | None:
    """Make a planned effect ours to send; None where another replica was faster. Only one claim of a version wins."""
    mine = (effects.c.slot == effect.slot, effects.c.state == EffectState.PLANNED)
    changes = {
        "state": EffectState.SENDING,
        "sending_since": tx.now,
        "lease_until": lease_until,
        "attempts": effects.c.attempts + 1,
    }
    row = tx.one(update(effects).where(*mine).values(**changes, updated_at=tx.now).returning(effects))
    return _effect(row) if row else None


def set_lost(tx: Tx, effect: Effect, because: str, due_at: int) -> bool:
    """Nobody knows whether the call took effect: look for it from `due_at` on. False where somebody else did this."""
    mine = (effects.c.slot == effect.slot, effects.c.state.in_((EffectState.SENDING, EffectState.LOST)))
    changed = tx.run(
        update(effects).where(*mine).values(state=EffectState.LOST, because=because, due_at=due_at, updated_at=tx.now)
    )
    return changed.rowcount == 1


def look_again(tx: Tx, effect: Effect, because: str, at: int) -> None:
    """Nothing was found yet; look again at `at`. A dead process's claim stays a claim, with a new lease."""
    column = "due_at" if effect.state is EffectState.LOST else "lease_until"
    tx.run(
        update(effects).where(effects.c.slot == effect.slot).values(**{column: at}, because=because, updated_at=tx.now)
    )


def set_sent(tx: Tx, effect: Effect, version: int, remote_id: int | None, remote_url: str) -> None:
    """GitHub shows `version`; where people wanted more meanwhile, the effect is planned again."""
    standing = get(tx, effect.slot, lock=True)
    more = standing is not None and standing.version > version
    state = EffectState.PLANNED if more else EffectState.SENT
    changes = {
        "state": state,
        "sent_version": version,
        "because": "",
        "attempts": 0,
        "due_at": tx.now if more else None,
    }
    known = {"remote_id": remote_id, "remote_url": remote_url} if remote_id is not None else {}
    tx.run(update(effects).where(effects.c.slot == effect.slot).values(**changes, **known, updated_at=tx.now))


def set_planned(tx: Tx, effect: Effect, because: str, due_at: int) -> None:
    """The call certainly had no effect: send it again from `due_at` on."""
    changes = {"state": EffectState.PLANNED, "because": because, "due_at": due_at, "updated_at": tx.now}
    tx.run(update(effects).where(effects.c.slot == effect.slot).values(**changes))


def set_failed(tx: Tx, effect: Effect, because: str) -> None:
    """GitHub refuses it for good."""
    changes = {"state": EffectState.FAILED, "because": because, "due_at": None, "updated_at": tx.now}
    tx.run(update(effects).where(effects.c.slot == effect.slot).values(**changes))


def withdraw(tx: Tx, slot: str, because: str) -> bool:
    """Take back an effect that was not sent; False where it is under way or done."""
    mine = (effects.c.slot == slot, effects.c.state == EffectState.PLANNED)
    changed = tx.run(
        update(effects).where(*mine).values(state=EffectState.FAILED, because=because, due_at=None, updated_at=tx.now)
    )
    return changed.rowcount == 1


def abandon_claims(tx: Tx) -> int:
    """A single process that starts knows that every claim in the table is of a dead one."""
    mine = effects.c.state == EffectState.SENDING
    return tx.run(update(effects).where(mine).values(lease_until=0)).rowcount


def of_subjects(tx: Tx, repository_id: str, subject_ids: Sequence[str]) -> list[Effect]:
    """The effects for these dispatches, oldest first."""
    mine = (effects.c.repository_id == repository_id, effects.c.subject_id.in_(subject_ids))
    return [_effect(row) for row in tx.all(select(effects).where(*mine).order_by(effects.c.created_at, effects.c.slot))]


def unsent(tx: Tx) -> dict[str, int]:
    """How many effects are in each state in which something is still to be done about them."""
    still = effects.c.state.in_((EffectState.PLANNED, EffectState.LOST, EffectState.SENDING))
    query = select(effects.c.state, func.count().label("many")).where(still).group_by(effects.c.state)
    return {row.state: row.many for row in tx.all(query)}


def troubled(tx: Tx, limit: int) -> list[Effect]:
    """Effects that GitHub has not taken at the first try and that are not given up, longest waiting first."""
    unsent = effects.c.state.in_((EffectState.PLANNED, EffectState.LOST, EffectState.SENDING))
    query = select(effects).where(unsent, effects.c.because != "").order_by(effects.c.updated_at).limit(limit)
    return [_effect(row) for row in tx.all(query)]
