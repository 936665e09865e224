"""Use cases of locks: by request of a client, and by a dispatch for as long as its run lasts."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeGuard, TypeVar
from unicodedata import category

from sonde.server.audit.model import Change
from sonde.server.audit.service import record
from sonde.server.auth.model import Actor, Claimant, Permission, about, who
from sonde.server.auth.service import admitted, repository_for
from sonde.server.kernel.db import Grouped, Tx
from sonde.server.kernel.http import RefusedError
from sonde.server.kernel.ids import new_id
from sonde.server.locks import decide, queue_store, store
from sonde.server.locks.model import (
    DISPATCH_TTL,
    MAX_KEY,
    WAITER_LEASE,
    Granted,
    Held,
    Holder,
    HolderKind,
    LockEvent,
    LockRow,
    Name,
    NotReleased,
    Released,
    Rights,
    Waiting,
)
from sonde.server.workspaces.model import Repository, UnlockBy
from sonde.wire.envelope import ErrorTag
from sonde.wire.locks import lock_key

W = TypeVar("W")  # what somebody wishes
D = TypeVar("D")  # what was decided about it


@dataclass(frozen=True)
class Wanted:
    """A request for a lock; `ttl` in seconds."""

    who: Claimant
    key: str
    ttl: int
    message: str


@dataclass(frozen=True)
class Given:
    """A request to end a lock."""

    who: Claimant
    key: str


def _acquire_each(tx: Tx, asked: Sequence[Wanted]) -> list[tuple[Actor, Granted | Held] | RefusedError]:
    actors = admitted(tx, [one.who for one in asked])
    return _each(
        actors,
        lambda at, actor: _asked(tx, actor, asked[at].key, asked[at].ttl, asked[at].message),
        partial(_take_all, tx),
    )


def _release_each(tx: Tx, asked: Sequence[Given]) -> list[tuple[Actor, Released | NotReleased] | RefusedError]:
    actors = admitted(tx, [one.who for one in asked])
    return _each(actors, lambda at, actor: _ending(tx, actor, asked[at].key), partial(_end_all, tx))


def _each(
    actors: Sequence[Actor | RefusedError],
    wish: Callable[[int, Actor], W],
    answer: Callable[[Sequence[W]], Sequence[D]],
) -> list[tuple[Actor, D] | RefusedError]:
    """Decide for all actors that are admitted; the others get their refusal."""
    wishes: dict[int, tuple[Actor, W]] = {}
    refused: dict[int, RefusedError] = {}
    for at, actor in enumerate(actors):
        if isinstance(actor, RefusedError):
            refused[at] = actor
            continue
        try:
            wishes[at] = actor, wish(at, actor)
        except RefusedError as error:
            refused[at] = error
    answers = dict(zip(wishes, answer([one for _, one in wishes.values()]), strict=True))
    return [refused.get(at) or (wishes[at][0], answers[at]) for at in range(len(actors))]


# a job that asks twice renews; a token would meet its own lock, and a second release could end the next holder's
ACQUIRE = Grouped("lock.acquire", _acquire_each, again=lambda asked: bool(asked.who.session_id))
RELEASE = Grouped("lock.release", _release_each)


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
    repository, instance = _located(tx, actor, key)
    queue_store.leave_queue_of(tx, repository.id, instance, actor.holder, waiter)


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
    repository, instance = _located(tx, actor, key)
    forces = Permission.LOCKS_FORCE in actor.granted
    rights = Rights(others=forces or repository.unlock_by is UnlockBy.REPOSITORY, automatic=forces)
    return Ending((repository.id, instance), _holder(actor, repository), rights, actor)


def _end_all(tx: Tx, wishes: Sequence[Ending]) -> list[Released | NotReleased]:
    decisions: dict[int, Released | NotReleased] = {}
    for turn in _turns([wish.name for wish in wishes]):
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


def _turns(names: Sequence[Name]) -> list[list[int]]:
    """Positions in turns, such that no name occurs twice in a turn: of two requests for one name the later is answered later."""
    turns: list[list[int]] = []
    seen: dict[Name, int] = {}
    for at, name in enumerate(names):
        turn = seen.get(name, 0)
        seen[name] = turn + 1
        if turn == len(turns):
            turns.append([])
        turns[turn].append(at)
    return turns


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


def acquire_for_dispatch(
    tx: Tx, repository: Repository, *, stack: str, component: str, dispatch_id: str, message: str
) -> Granted | Held:
    """The automatic lock of a dispatch; asking again for the same dispatch renews it."""
    holder = Holder(HolderKind.DISPATCH, f"dispatch:{dispatch_id}", "Sonde", reentrant=True, dispatch_id=dispatch_id)
    key = lock_key(repository.owner, repository.name, stack, component)
    wanted = _wanted(repository.id, f"{stack}/{component}", key, holder, message, now=tx.now, ttl=DISPATCH_TTL)
    return _take(tx, wanted)


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
    repository, instance = _located(tx, actor, key)
    most = repository.max_lock_ttl
    if not 1 <= ttl <= most:
        raise RefusedError(400, ErrorTag.BAD_REQUEST, f"ttl is in seconds, from 1 to {most}; {ttl} is not.")
    holder = _holder(actor, repository)
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
    for turn in _turns([lock.name for lock in wanted]):
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


def _holder(actor: Actor, repository: Repository) -> Holder:
    run = actor.run_id
    url = f"{_server_url(actor)}/{repository.full_name}/actions/runs/{run}" if run else ""
    return Holder(HolderKind.CLIENT, actor.holder, actor.name, actor.reentrant, run, url)


def _server_url(actor: Actor) -> str:
    issuer = str(actor.claims.get("iss", ""))
    host = issuer.removeprefix("https://token.actions.").partition("/")[0]
    return "https://github.com" if host == "githubusercontent.com" else issuer.partition("/_services")[0]


def _located(tx: Tx, actor: Actor, key: str) -> tuple[Repository, str]:
    if len(key.encode()) > MAX_KEY or any(category(char) == "Cc" for char in key):
        raise RefusedError(
            400, ErrorTag.BAD_REQUEST, f"A lock key has at most {MAX_KEY} bytes and no control characters."
        )
    owner_and_name, instance = _split(actor, key)
    if not instance.strip("/") or instance.startswith("/") or "/" not in instance:
        raise RefusedError(400, ErrorTag.BAD_REQUEST, f"The lock key {key!r} is not OWNER/REPOSITORY/STACK/COMPONENT.")
    owner, _, name = owner_and_name.rpartition("/")
    return repository_for(tx, actor, owner, name), instance


def _split(actor: Actor, key: str) -> tuple[str, str]:
    """`owner/name` and the rest. The credential's own repository cuts the key, since an owner may hold a slash (GitLab)."""
    if actor.repository and key.lower().startswith(f"{actor.repository.full_name}/".lower()):
        length = len(actor.repository.full_name)
        return key[:length], key[length + 1 :]
    owner, _, rest = key.partition("/")
    name, _, instance = rest.partition("/")
    return f"{owner}/{name}", instance
