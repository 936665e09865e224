"""`POST` and `DELETE /api/v1/locks`."""

from dataclasses import replace
from functools import partial

from sonde.server.auth.model import Actor, Claimant
from sonde.server.auth.service import repository_for
from sonde.server.kernel.db import Database
from sonde.server.kernel.decode import decode
from sonde.server.kernel.door import Ask
from sonde.server.kernel.http import Call, RefusedError, Reply
from sonde.server.kernel.log import log
from sonde.server.locks import ending, service, store
from sonde.server.locks.decide import described
from sonde.server.locks.model import MAX_KEYS, Granted, Held, LockRow, NotReleased, Released
from sonde.wire.codec import to_json
from sonde.wire.envelope import ErrorTag
from sonde.wire.locks import (
    LeaveRequest,
    LockAllRequest,
    LockAnswer,
    LockRequest,
    LocksAnswer,
    LockStands,
    UnlockRequest,
    WaitRequest,
)
from sonde.wire.reads import LockSeen, LocksSeen
from sonde.wire.times import wire_time


def answer(lock: LockRow, workspace_id: str) -> LockAnswer:
    """A granted lock as the client reads it; `key` is echoed, since the client prints it."""
    return LockAnswer(
        id=lock.id,
        workspace_id=workspace_id,
        key=lock.key,
        message=lock.message,
        expires_at=wire_time(lock.expires_at),
        created_at=wire_time(lock.granted_at),
        updated_at=wire_time(lock.updated_at),
        fence=lock.fence,
    )


def lock(who: Claimant, request: LockRequest) -> Ask:
    """Take a lock: 200, or 409 with holder, until when and the holder's message (rulings 1, 2)."""
    wanted = service.Wanted(who, request.key, request.ttl, request.message or "")
    return Ask(service.ACQUIRE, wanted, partial(_taken, request.key))


def _taken(key: str, told: tuple[Actor, Granted | Held]) -> Reply:
    actor, result = told
    if isinstance(result, Held):
        raise _conflict(result.lock)
    return _granted(result, actor, key)


def lock_all(db: Database, actor: Actor, call: Call) -> Reply:
    """Take every key or none: 200 with all locks, or 409 that names the holder of the first one that is not free (rule 13)."""
    request = decode(LockAllRequest, call.body)
    if not 1 <= len(request.keys) <= MAX_KEYS:
        raise RefusedError(
            400, ErrorTag.BAD_REQUEST, f"keys has {len(request.keys)} keys; it must have 1 to {MAX_KEYS}."
        )
    result = db.submit(
        "lock.acquire", lambda tx: service.acquire_all(tx, actor, request.keys, request.ttl, request.message or "")
    ).result()
    if isinstance(result, Held):
        raise _conflict(result.lock)
    for one in result:
        log.info("lock.granted", key=one.lock.key, fence=one.lock.fence, holder=one.lock.holder.id)
    return Reply(to_json(LocksAnswer(tuple(answer(one.lock, actor.workspace_id) for one in result))))


def _conflict(held: LockRow) -> RefusedError:
    context = to_json(_standing(held))
    return RefusedError(409, ErrorTag.LOCK_CONFLICT, f"Stack is already locked: {described(held)}", context=context)


def wait(db: Database, actor: Actor, call: Call) -> Reply:
    """Take a lock or a place in its queue: 200, or 409 whose context says `position` and the `waiter` to ask again with."""
    request = decode(WaitRequest, call.body)
    result = db.submit(
        "lock.acquire",
        lambda tx: service.wait(tx, actor, request.key, request.ttl, request.message or "", request.waiter),
    ).result()
    if isinstance(result, Granted):
        return _granted(result, actor, request.key)
    standing = _standing(result.lock) if result.lock else LockStands()
    log.info("lock.waits", key=request.key, waiter=result.waiter, position=result.position)
    raise RefusedError(
        409,
        ErrorTag.LOCK_CONFLICT,
        f"You are number {result.position} of those who wait for {request.key}."
        + (f" {described(result.lock)}" if result.lock else ""),
        context=to_json(replace(standing, position=result.position, waiter=result.waiter)),
    )


def leave(db: Database, actor: Actor, call: Call) -> Reply:
    """Give one's place in a queue up: 200, also where it is gone already."""
    request = decode(LeaveRequest, call.body)
    db.submit("lock.release", lambda tx: service.leave(tx, actor, request.key, request.waiter)).result()
    log.info("lock.left", key=request.key, waiter=request.waiter)
    return Reply()


def _standing(lock: LockRow) -> LockStands:
    return LockStands(holder=lock.holder.name, expires_at=wire_time(lock.expires_at), fence=lock.fence)


def _granted(result: Granted, actor: Actor, key: str) -> Reply:
    log.info(
        "lock.renewed" if result.renewed else "lock.granted",
        key=key,
        fence=result.lock.fence,
        holder=result.lock.holder.id,
    )
    return Reply(to_json(answer(result.lock, actor.workspace_id)), headers={"X-Lock-Fence": str(result.lock.fence)})


def listed(db: Database, actor: Actor, call: Call) -> Reply:
    """Every key of a repository that was ever locked, with its newest fence: `GET …/locks`, additive to the protocol."""
    with db.read() as tx:
        repository = repository_for(tx, actor, call.parameters["owner"], call.parameters["repo"])
        found, now = store.of_repository(tx, repository.id), tx.now
    return Reply(to_json(LocksSeen(tuple(_seen(item, now) for item in found))))


def _seen(lock: LockRow, now: int) -> LockSeen:
    return LockSeen(
        key=lock.key,
        fence=lock.fence,
        live=lock.live(now),
        holder=lock.holder.name,
        run_url=lock.holder.run_url or None,
        message=lock.message,
        expires_at=wire_time(lock.expires_at),
    )


def unlock(who: Claimant, request: UnlockRequest) -> Ask:
    """Give a lock back: 200, 404 where there is none, 409 where it is not the asker's to end."""
    return Ask(ending.RELEASE, ending.Given(who, request.key), partial(_ended, request.key))


def _ended(key: str, told: tuple[Actor, Released | NotReleased]) -> Reply:
    _, result = told
    if isinstance(result, NotReleased):
        if result.absent:
            raise RefusedError(404, ErrorTag.LOCK_NOT_FOUND, result.because)
        context = to_json(_standing(result.lock)) if result.lock else None
        raise RefusedError(409, ErrorTag.LOCK_CONFLICT, result.because, context=context)
    log.info("lock.released", key=key, fence=result.lock.fence, kind=result.kind)
    return Reply({})
