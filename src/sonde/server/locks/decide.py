"""Who may release what (reliability.md §4 rules 9 and 10). Acquiring is decided by the database, in one statement."""

from sonde.server.locks.model import RETRY_WINDOW, Holder, HolderKind, LockRow, NotReleased, Released, Rights
from sonde.wire.times import wire_time


def release(
    lock: LockRow | None, asker: Holder, rights: Rights, *, held_before_fence: int | None, ended_by: str, now: int
) -> Released | NotReleased:
    """Whether `asker` may end `lock`. `held_before_fence` is the newest fence under which the asker once held the key.

    `ended_by` is the holder id of whoever ended it already: only he may say so again, since his answer may have been lost.
    """
    if lock is None or not lock.live(now):
        if lock and lock.released_at is not None and ended_by == asker.id and now - lock.released_at <= RETRY_WINDOW:
            return Released(lock, "repeated")
        return NotReleased("Lock not found or already expired", absent=True)
    if lock.holder.id == asker.id:
        return Released(lock, "owner")
    if held_before_fence is not None and held_before_fence < lock.fence:
        return NotReleased(
            f"Your lock (fence {held_before_fence}) has ended, and now {described(lock)}. That one was not released, since it is not yours.",
            absent=False,
            lock=lock,
        )
    because = _withheld(lock, rights)
    return NotReleased(because, absent=False, lock=lock) if because else Released(lock, "forced")


def _withheld(lock: LockRow, rights: Rights) -> str:
    """Why a caller that is not the holder may not end a lock; empty where it may."""
    if lock.holder.kind is HolderKind.DISPATCH:
        sooner = "A job with the permission locks:force, or `sonde admin lock release`, ends it sooner."
        told = f"{described(lock)}. It is the automatic lock of a dispatch and ends with its run. {sooner}"
        return "" if rights.automatic else told
    if rights.others:
        return ""
    return (
        f"{described(lock)}. In this repository a lock is released by its holder, by a job with the permission locks:force, "
        "or by `sonde admin lock release`."
    )


def described(lock: LockRow) -> str:
    """`KEY is locked by WHO until WHEN: MESSAGE`, for every refusal and page.

    The refused caller reads another job's text in a terminal: it may hold no control character, and nothing that changes
    the direction of text (T14).
    """
    run = f", run {lock.holder.run_url}" if lock.holder.run_url else ""
    message = f": {lock.message}" if lock.message else ""
    told = f"{lock.key} is locked by {lock.holder.name}{run} until {wire_time(lock.expires_at)}{message}"
    return "".join(char if char.isprintable() else " " for char in told)
