"""All SQL of stumbles. The table is empty while all is well."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import BigInteger, Column, Integer, Table, Text, delete, select

from sonde.server.kernel.db import Tx, metadata

stumbles = Table(
    "stumbles",
    metadata,
    Column("job", Text, primary_key=True),
    Column("item", Text, primary_key=True),
    Column("attempts", Integer, nullable=False),
    Column("because", Text, nullable=False),
    Column("retry_at", BigInteger, nullable=False),
)


@dataclass(frozen=True)
class Stumble:
    """A job raised `attempts` times in a row for one item; it is left alone until `retry_at` (epoch milliseconds)."""

    attempts: int
    because: str
    retry_at: int


def every(tx: Tx) -> Mapping[tuple[str, str], Stumble]:
    """Every stumble by job and item."""
    return {(row.job, row.item): Stumble(row.attempts, row.because, row.retry_at) for row in tx.all(select(stumbles))}


def count(tx: Tx, job: str, item: str, because: str, pauses: Sequence[int]) -> int:
    """Count one more try that raised, and rest for the pause of that try (milliseconds, the last one from then on).

    Returns how many tries there were. Two replicas that stumble at once are both counted.
    """
    first = {"job": job, "item": item, "attempts": 1, "because": because, "retry_at": tx.now + pauses[0]}
    again = {"attempts": stumbles.c.attempts + 1, "because": because}
    written = tx.insert(stumbles).values(**first).on_conflict_do_update(index_elements=["job", "item"], set_=again)
    attempts = int(tx.run(written.returning(stumbles.c.attempts)).scalar_one())
    pause = pauses[min(attempts, len(pauses)) - 1]
    mine = (stumbles.c.job == job, stumbles.c.item == item)
    tx.run(stumbles.update().where(*mine).values(retry_at=tx.now + pause))
    return attempts


def forget(tx: Tx, job: str, item: str) -> None:
    """The item went well, or it is parked: its count starts anew."""
    tx.run(delete(stumbles).where(stumbles.c.job == job, stumbles.c.item == item))
