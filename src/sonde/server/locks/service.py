"""Use cases of locks: taking one, several or a place in a queue, by request of a client or for a dispatch.

How they end is in `ending`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from sonde.server.auth.model import Actor, Claimant
from sonde.server.auth.service import admitted
from sonde.server.kernel.db import Grouped, Tx
from sonde.server.kernel.http import RefusedError
from sonde.server.kernel.ids import new_id
from sonde.server.locks import queue_store, store
from sonde.server.locks.asking import each, holder_of, located, turns
from sonde.server.locks.model import (
    DISPATCH_TTL,
    WAITER_LEASE,
    Granted,
    Held,
    Holder,
    HolderKind,
    LockEvent,
    LockRow,
    Waiting,
)
from sonde.server.workspaces.model import Repository
from sonde.wire.envelope import ErrorTag
from sonde.wire.locks import lock_key


@dataclass(frozen=True)
class Wanted:
    """A request for a lock; `ttl` in seconds."""

    who: Claimant
    key: str
    ttl: int
    message: str


def _acquire_each(tx: Tx, asked: Sequence[Wanted]) -> list[tuple[Actor, Granted | Held] | RefusedError]:
    actors = admitted(tx, [one.who for one in asked])
    return each(
        actors,
        lambda at, actor: _asked(tx, actor, asked[at].key, asked[at].ttl, asked[at].message),
        partial(_take_all, tx),
    )


# a job that asks twice renews; a token would meet its own lock, and a second release could end the next holder's
ACQUIRE = Grouped("lock.acquire", _acquire_each, again=lambda asked: bool(asked.who.session_id))


def acquire(tx: Tx, actor: Actor, key: str, ttl: int, message: str) -> Granted | Held:
    """Take a key for `ttl` seconds. Raises RefusedError 400 for a key or ttl out of range, 403 for another repository's key."""
    return _take(tx, _asked(tx, actor, key, ttl, message))


def acquire_all(tx: Tx, actor: Actor, keys: Sequence[str], ttl: int, message: str) -> tuple[Granted, ...] | Held:
    """Take every key or none, in one order whoever asks, so that two askers never wait for each other (rule 13).

    Raises RefusedError as `acquire` does; then too nothing is taken.
    """
    wanted = {lock.name: lock for lock in (_asked(tx, actor, key, ttl, message) for key in keys)}
    if len({repository_id for repository_id, _ in wanted}) > 1:
        raise RefusedError(400, ErrorTag.BAD_REQUEST, "The keys are of more than one repository.")
    granted: list[Granted] = []
    with tx.connection.begin_nested() as savepoint:
        for name in sorted(wanted):
            got = _take(tx, wanted[name])
            if isinstance(got, Held):
                savepoint.rollback()
                return got
            granted.append(got)
    return tuple(granted)


def wait(tx: Tx, actor: Actor, key: str, ttl: int, message: str, waiter: str) -> Granted | Waiting:
    """Take a key, or stand in its queue: first come, first served among those who wait (rule 13).

    `waiter` is the id of an earlier answer, empty at first. Who does not ask again for 30 seconds has left the queue.
    Raises RefusedError as `acquire` does.
    """
    wanted = _asked(tx, actor, key, ttl, message)
    mine = waiter if waiter and queue_store.waits(tx, waiter, wanted) else new_id("wait", tx.now)
    order = queue_store.stand_in_queue(tx, wanted, mine, WAITER_LEASE)
    standing = store.get(tx, wanted.repository_id, wanted.instance)
    renews = standing is not None and standing.live(tx.now) and standing.holder.id == wanted.holder.id
    if order[0] == mine or (renews and wanted.holder.reentrant):
        got = _take(tx, wanted)
        if isinstance(got, Granted):
            queue_store.leave_queue(tx, mine)
            return got
        standing = got.lock
    return Waiting(mine, order.index(mine) + 1, standing)


def leave(tx: Tx, actor: Actor, key: str, waiter: str) -> None:
    """Forget that this actor waits for a key, so that those behind move up. Raises RefusedError as `acquire` does for a key."""
    repository, instance = located(tx, actor, key)
    queue_store.leave_queue_of(tx, repository.id, instance, actor.holder, waiter)


def acquire_for_dispatch(
    tx: Tx, repository: Repository, *, stack: str, component: str, dispatch_id: str, message: str
) -> Granted | Held:
    """The automatic lock of a dispatch; asking again for the same dispatch renews it."""
    holder = Holder(HolderKind.DISPATCH, f"dispatch:{dispatch_id}", "Sonde", reentrant=True, dispatch_id=dispatch_id)
    key = lock_key(repository.owner, repository.name, stack, component)
    wanted = _wanted(repository.id, f"{stack}/{component}", key, holder, message, now=tx.now, ttl=DISPATCH_TTL)
    return _take(tx, wanted)


def overtaken(tx: Tx, actor: Actor, repository_id: str, instance: str, dispatch_id: str | None) -> str:
    """Why what a job says of an instance is history only, as a sentence: it lost the lock, and somebody had the key after it (rule 8).

    Empty where it did not, or never held the key, or gave it back itself. A static token is many jobs, so nobody can say it lost one.
    """
    own = [actor.holder] if actor.reentrant else []
    holders = [*own, *([f"dispatch:{dispatch_id}"] if dispatch_id else [])]
    lock = store.get(tx, repository_id, instance) if holders else None
    lost = store.lost_fence(tx, lock, holders) if lock else None
    if lock is None or lost is None:
        return ""
    return f"its lock (fence {lost}) had ended, and {lock.holder.name} got the key after it (fence {lock.fence})"


def bind_run(tx: Tx, dispatch_id: str, run_id: int, run_url: str) -> None:
    """Tell the automatic lock of a dispatch which run it belongs to, so that the run's own job may take it over (rule 6)."""
    store.bind_run(tx, dispatch_id, run_id, run_url)


def _asked(tx: Tx, actor: Actor, key: str, ttl: int, message: str) -> LockRow:
    repository, instance = located(tx, actor, key)
    most = repository.max_lock_ttl
    if not 1 <= ttl <= most:
        raise RefusedError(400, ErrorTag.BAD_REQUEST, f"ttl is in seconds, from 1 to {most}; {ttl} is not.")
    holder = holder_of(actor, repository)
    lives = min(max(ttl, repository.min_lock_ttl), most)
    return _wanted(repository.id, instance, key, holder, message[:4096], now=tx.now, ttl=lives)


def _wanted(
    repository_id: str, instance: str, key: str, holder: Holder, message: str, *, now: int, ttl: int
) -> LockRow:
    return LockRow(
        id=new_id("lock", now),
        repository_id=repository_id,
        instance=instance,
        key=key,
        fence=0,
        holder=holder,
        message=message,
        granted_at=now,
        updated_at=now,
        expires_at=now + ttl * 1000,
        released_at=None,
    )


def _take(tx: Tx, wanted: LockRow) -> Granted | Held:
    return _take_all(tx, [wanted])[0]


def _take_all(tx: Tx, wanted: Sequence[LockRow]) -> list[Granted | Held]:
    answers: dict[int, Granted | Held] = {}
    for turn in turns([lock.name for lock in wanted]):
        for at, answer in zip(turn, _take_turn(tx, [wanted[at] for at in turn]), strict=True):
            answers[at] = answer
    return [answers[at] for at in range(len(wanted))]


def _take_turn(tx: Tx, wanted: Sequence[LockRow]) -> list[Granted | Held]:
    got = store.acquire(tx, wanted)
    others = [lock.name for lock in wanted if lock.name not in got]
    standing = store.named(tx, others) if others else {}
    answers: list[Granted | Held] = []
    events = []
    for lock in wanted:
        mine = got.get(lock.name)
        if mine is None:
            answers.append(Held(standing.get(lock.name) or replace(lock, message="released a moment ago")))
            continue
        answers.append(Granted(mine, mine.id != lock.id))
        events.append(LockEvent(new_id("lev", tx.now), mine, _kind_of(lock, mine), lock.holder))
    if events:
        store.note(tx, events)
    return answers


def _kind_of(wanted: LockRow, got: LockRow) -> str:
    if got.id == wanted.id:
        return "granted"
    return "taken_over" if got.holder.dispatch_id and got.holder.kind is HolderKind.CLIENT else "renewed"
