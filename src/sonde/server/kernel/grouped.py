"""Hot writes: whatever many askers want at once is one transaction, one look at the clock, one commit.

Nobody is answered before the commit. Where a transaction raises, nothing of it stands, and each asker's part is run again
alone, so that one mistake is only its maker's.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Generic, TypeVar

from sqlalchemy.exc import DBAPIError

from sonde.server.kernel.outage import unavailable
from sonde.server.kernel.tx import Tx

A = TypeVar("A")
R = TypeVar("R")
T = TypeVar("T")
BATCH = 256  # what may share one commit
TRIES = 5  # of a write that PostgreSQL chose as the victim of a collision (reliability.md F7)
COLLIDED = frozenset({"40001", "40P01"})  # serialization failure, deadlock: nothing of the transaction stands

Begin = Callable[[str], AbstractContextManager[Tx]]  # opens a write transaction at a crash point


@dataclass(frozen=True)
class Grouped(Generic[A, R]):
    """A hot write. `run` answers what was asked, item by item; an answer that is an exception is raised to its asker.

    `run` must not act on the world outside, and it must take rows in one order whoever asks (replicas do the same at once).
    `prepare` does for an item what needs no transaction, so that nobody waits for it with the database in hand.
    `again` says of an item whether it may be asked once more where a writer died with it and nobody knows if it stands.
    """

    point: str
    run: Callable[[Tx, Sequence[A]], Sequence[R | Exception]]
    prepare: Callable[[A], None] | None = None
    again: Callable[[A], bool] = lambda _: False


def answers(begin: Begin, write: Grouped[A, R], items: Sequence[A]) -> Sequence[R | Exception]:
    """The answer to each item, after the commit; why there is none where the transaction failed. Raises nothing."""
    try:
        return _transaction(begin, write, items)
    except Exception as error:  # noqa: BLE001 - whoever waits must hear why nothing was committed
        if len(items) > 1 and not unavailable(error):
            return [answers(begin, write, [item])[0] for item in items]
        return [error for _ in items]


def _transaction(begin: Begin, write: Grouped[A, R], items: Sequence[A]) -> Sequence[R | Exception]:
    if write.prepare:
        for item in items:
            write.prepare(item)
    return unless_collided(begin, write.point, lambda tx: write.run(tx, items))


def unless_collided(begin: Begin, point: str, run: Callable[[Tx], T]) -> T:
    """What `run` returns in a transaction of its own; in another, where PostgreSQL undid the first for the sake of others."""
    for _ in range(TRIES - 1):
        try:
            with begin(point) as tx:
                return run(tx)
        except DBAPIError as error:
            if not collided(error):
                raise
    with begin(point) as tx:
        return run(tx)


def collided(error: DBAPIError) -> bool:
    """Whether PostgreSQL undid the transaction since it met another; tried again it may go well."""
    return getattr(error.orig, "sqlstate", None) in COLLIDED
