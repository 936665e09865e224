"""Use cases of ending a lock: by request, by an administrator, and because a dispatch or a run is over."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeGuard

from sonde.server.audit.model import Change
from sonde.server.audit.service import record
from sonde.server.auth.model import Actor, Claimant, Permission, about, who
from sonde.server.auth.service import admitted
from sonde.server.kernel.db import Grouped, Tx
from sonde.server.kernel.http import RefusedError
from sonde.server.kernel.ids import new_id
from sonde.server.locks import decide, store
from sonde.server.locks.asking import each, holder_of, located, turns
from sonde.server.locks.model import Holder, HolderKind, LockEvent, LockRow, Name, NotReleased, Released, Rights
from sonde.server.workspaces.model import Repository, UnlockBy


@dataclass(frozen=True)
class Given:
    """A request to end a lock."""

    who: Claimant
    key: str


def _release_each(tx: Tx, asked: Sequence[Given]) -> list[tuple[Actor, Released | NotReleased] | RefusedError]:
    actors = admitted(tx, [one.who for one in asked])
    return each(actors, lambda at, actor: _ending(tx, actor, asked[at].key), partial(_end_all, tx))


RELEASE = Grouped("lock.release", _release_each)


def release(tx: Tx, actor: Actor, key: str) -> Released | NotReleased:
    """Give a key back, or take it from another holder of the same repository (rule 9)."""
    return _end_all(tx, [_ending(tx, actor, key)])[0]


@dataclass(frozen=True)
class Ending:
    """Somebody who may speak of a lock wants it ended."""

    name: Name
    by: Holder
    rights: Rights
    actor: Actor


def _ending(tx: Tx, actor: Actor, key: str) -> Ending:
    repository, instance = located(tx, actor, key)
    forces = Permission.LOCKS_FORCE in actor.granted
    rights = Rights(others=forces or repository.unlock_by is UnlockBy.REPOSITORY, automatic=forces)
    return Ending((repository.id, instance), holder_of(actor, repository), rights, actor)


def _end_all(tx: Tx, wishes: Sequence[Ending]) -> list[Released | NotReleased]:
    decisions: dict[int, Released | NotReleased] = {}
    for turn in turns([wish.name for wish in wishes]):
        for at, decision in zip(turn, _end_turn(tx, [wishes[at] for at in turn]), strict=True):
            decisions[at] = decision
    forced = [(wishes[at].actor, one.lock) for at, one in decisions.items() if _is_forced(one)]
    # in one order, so that two transactions which add rows to two logs never wait for each other
    for actor, lock in sorted(forced, key=lambda pair: pair[0].workspace_id):
        _record_forced(tx, actor, lock)
    return [decisions[at] for at in range(len(wishes))]


def _end_turn(tx: Tx, wishes: Sequence[Ending]) -> list[Released | NotReleased]:
    locks = store.named_for_update(tx, [wish.name for wish in wishes])
    dead = [lock for lock in locks.values() if not lock.live(tx.now)]
    enders = store.ended_by(tx, dead) if dead else {}
    strangers = [(wish.name, wish.by.id) for wish in wishes if wish.by.reentrant and _of_another(locks, wish, tx.now)]
    fences = store.newest_fences(tx, strangers) if strangers else {}
    decisions, ended = [], []
    for wish in wishes:
        before, ended_by = fences.get((wish.name, wish.by.id)), enders.get(wish.name, "")
        decision = decide.release(
            locks.get(wish.name), wish.by, wish.rights, held_before_fence=before, ended_by=ended_by, now=tx.now
        )
        if isinstance(decision, Released) and decision.kind != "repeated":
            ended.append(LockEvent(new_id("lev", tx.now), decision.lock, decision.kind, wish.by))
        decisions.append(decision)
    if ended:
        store.release(tx, [event.lock for event in ended])
        store.note(tx, ended)
    return decisions


def _of_another(locks: Mapping[Name, LockRow], wish: Ending, now: int) -> bool:
    lock = locks.get(wish.name)
    return lock is not None and lock.live(now) and lock.holder.id != wish.by.id


def _is_forced(decision: Released | NotReleased) -> TypeGuard[Released]:
    """Whether it was against the holder's will. Only that is a row of the audit log; each key has a history of its own."""
    return isinstance(decision, Released) and decision.kind == "forced"


def _record_forced(tx: Tx, actor: Actor, lock: LockRow) -> None:
    facts = {"fence": lock.fence, "holder": lock.holder.name, "holderRun": lock.holder.run_id}
    told = f"{lock.key} was released, though {lock.holder.name} held it"
    record(tx, Change(actor.workspace_id, "lock.deleted", who(actor), ("lock", lock.id), told, facts | about(actor)))


def release_by_admin(tx: Tx, repository: Repository, instance: str, reason: str) -> LockRow | None:
    """End whatever lock stands, also a dispatch's, and write the reason into its history; None where none is held."""
    lock = store.get_for_update(tx, repository.id, instance)
    if lock is None or not lock.live(tx.now):
        return None
    store.release(tx, [lock])
    admin = Holder(HolderKind.CLIENT, "admin", "an administrator", reentrant=False)
    store.note(tx, [LockEvent(new_id("lev", tx.now), lock, "admin", admin, reason)])
    return lock


def release_of_dispatch(tx: Tx, dispatch_id: str, because: str) -> int:
    """End the automatic locks of a dispatch, also those its run has taken over; how many there were (rule 11)."""
    ended = store.of_dispatch(tx, dispatch_id)
    if ended:
        store.release(tx, ended)
        store.note(tx, [LockEvent(new_id("lev", tx.now), lock, because, lock.holder) for lock in ended])
    return len(ended)


def end_with_run(tx: Tx, repository: Repository, run_id: int, attempt: int) -> int:
    """End what the jobs of one attempt of a run have locked, where the repository wants that; how many there were (rule 11)."""
    if not repository.locks_end_with_run:
        return 0
    ended = store.of_run(tx, repository.id, run_id, f"job:{repository.github_id}:{run_id}:{attempt}:")
    if ended:
        store.release(tx, ended)
        store.note(tx, [LockEvent(new_id("lev", tx.now), lock, "run_ended", lock.holder) for lock in ended])
    return len(ended)


def ended_by_hand(tx: Tx, repository_id: str, of: Mapping[str, str]) -> dict[str, str]:
    """For each dispatch whose automatic lock somebody ended before its run did: a sentence that says who, and why (rule 9).

    `of` has the instance (stack/component) of each dispatch.
    """
    found = store.ended_by_hand(tx, repository_id, of) if of else {}
    return {one: f"its lock was released by {who}{f': {why}' if why else ''}" for one, (who, why) in found.items()}
