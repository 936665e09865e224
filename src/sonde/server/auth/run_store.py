"""All SQL of runs that were seen to live."""

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Integer, Table, Text, and_, or_, select

from sonde.server.auth.model import RunSeen
from sonde.server.kernel.db import Tx, metadata

DAY = 86_400_000  # milliseconds
runs_seen = Table(
    "runs_seen",
    metadata,
    Column("repository_id", Text, ForeignKey("repositories.id"), primary_key=True),
    Column("run_id", BigInteger, primary_key=True),
    Column("attempt", Integer, nullable=False),
    Column("completed", Boolean, nullable=False),
    Column("seen_at", BigInteger, nullable=False, index=True),
)


def note(tx: Tx, repository_id: str, run_id: int, attempt: int, *, completed: bool) -> None:
    """News of a run, whatever order it comes in: an attempt that has completed does not live again, a later one counts.

    News of numbers that GitHub does not give is none.
    """
    if not (0 < run_id < 2**63 and 0 < attempt < 2**31):
        return
    new = tx.insert(runs_seen).values(
        repository_id=repository_id, run_id=run_id, attempt=attempt, completed=completed, seen_at=tx.now
    )
    same = runs_seen.c.attempt == new.excluded.attempt
    newer = or_(
        runs_seen.c.attempt < new.excluded.attempt, and_(same, or_(~runs_seen.c.completed, new.excluded.completed))
    )
    changes = {name: new.excluded[name] for name in ("attempt", "completed", "seen_at")}
    tx.run(new.on_conflict_do_update(index_elements=["repository_id", "run_id"], set_=changes, where=newer))


def get(tx: Tx, repository_id: str, run_id: int) -> RunSeen | None:
    """What is known of a run."""
    mine = (runs_seen.c.repository_id == repository_id, runs_seen.c.run_id == run_id)
    row = tx.one(select(runs_seen).where(*mine))
    return RunSeen(row.attempt, row.completed, row.seen_at) if row else None


def purge(tx: Tx) -> int:
    """Forget runs that no token can speak of any more: GitHub ends each after 35 days."""
    old = or_(and_(runs_seen.c.completed, runs_seen.c.seen_at < tx.now - DAY), runs_seen.c.seen_at < tx.now - 36 * DAY)
    return tx.run(runs_seen.delete().where(old)).rowcount
