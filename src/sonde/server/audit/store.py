"""All SQL of the audit log. Rows are added and read; none is changed, and only `cut` removes some."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict

from sqlalchemy import BigInteger, Column, Index, Table, Text, UniqueConstraint, delete, select, update

from sonde.server.audit.model import Ends, Mark, Row
from sonde.server.kernel.db import Tx, metadata

audit_log = Table(
    "audit_log",
    metadata,
    Column("id", Text, primary_key=True),
    Column("workspace_id", Text, nullable=False),  # no foreign key: the log outlives what it tells of
    Column("number", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("action", Text, nullable=False),
    Column("actor_type", Text, nullable=False),
    Column("actor_id", Text, nullable=False),
    Column("actor_name", Text, nullable=False),
    Column("target_type", Text, nullable=False),
    Column("target_id", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("metadata", Text, nullable=False),
    Column("previous", Text, nullable=False),
    Column("seal", Text, nullable=False),
    UniqueConstraint("workspace_id", "number"),
    Index("ix_audit_log_at", "at"),
)
audit_heads = Table(
    "audit_heads",
    metadata,
    Column("workspace_id", Text, primary_key=True),
    Column("number", BigInteger, nullable=False),
    Column("seal", Text, nullable=False),
    # the newest row that was exported and cut: the anchor from which the rest is verified
    Column("cut_number", BigInteger, nullable=False, server_default="0"),
    Column("cut_seal", Text, nullable=False, server_default=""),
)
PAGE = 1000  # rows that are read at a time


def head_for_update(tx: Tx, workspace_id: str) -> tuple[int, str]:
    """Number and seal of the newest row; whoever else wants to add one waits until this transaction ends."""
    empty = tx.insert(audit_heads).values(workspace_id=workspace_id, number=0, seal="")
    tx.run(empty.on_conflict_do_nothing())
    row = tx.run(select(audit_heads).where(audit_heads.c.workspace_id == workspace_id).with_for_update()).one()
    return row.number, row.seal


def add(tx: Tx, row: Row) -> None:
    """Add a row; it is the newest now."""
    tx.run(audit_log.insert().values(**asdict(row)))
    mine = audit_heads.c.workspace_id == row.workspace_id
    tx.run(update(audit_heads).where(mine).values(number=row.number, seal=row.seal))


def ends(tx: Tx, workspace_id: str) -> Ends:
    """What is kept beside the chain of a workspace."""
    row = tx.one(select(audit_heads).where(audit_heads.c.workspace_id == workspace_id))
    return Ends(Mark(row.number, row.seal), Mark(row.cut_number, row.cut_seal)) if row else Ends()


def chain(tx: Tx, workspace_id: str, through: int) -> Iterator[Row]:
    """The rows of a workspace up to number `through`, oldest first, read page by page; some may be added meanwhile."""
    mine, last = (audit_log.c.workspace_id == workspace_id, audit_log.c.number <= through), 0
    while True:
        behind = select(audit_log).where(*mine, audit_log.c.number > last)
        page = tx.all(behind.order_by(audit_log.c.number).limit(PAGE))
        for row in page:
            yield Row(**row._mapping)  # noqa: SLF001 - SQLAlchemy's public name of it
        if len(page) < PAGE:
            return
        last = page[-1].number


def seal_of(tx: Tx, workspace_id: str, number: int) -> str | None:
    """The seal of one row; None where it is not there."""
    row = tx.one(select(audit_log.c.seal).where(audit_log.c.workspace_id == workspace_id, audit_log.c.number == number))
    return row.seal if row else None


def cut(tx: Tx, workspace_id: str, mark: Mark) -> int:
    """Remove the rows up to `mark` and keep it as the anchor; how many went. The database lets only such rows go."""
    mine = audit_heads.c.workspace_id == workspace_id
    tx.run(update(audit_heads).where(mine).values(cut_number=mark.number, cut_seal=mark.seal))
    old = (audit_log.c.workspace_id == workspace_id, audit_log.c.number <= mark.number)
    return tx.run(delete(audit_log).where(*old)).rowcount


def newest(tx: Tx, workspace_id: str | None, category: str, limit: int, *, before: int | None = None) -> Sequence[Row]:
    """The newest rows of a workspace or of all, newest first; `category` is the start of the action, empty for all.

    `before` (milliseconds): only those that were written at that time or earlier.
    """
    query = select(audit_log).order_by(audit_log.c.at.desc(), audit_log.c.id.desc()).limit(limit)
    if workspace_id is not None:
        query = query.where(audit_log.c.workspace_id == workspace_id)
    if before is not None:
        query = query.where(audit_log.c.at <= before)
    if category:
        query = query.where(audit_log.c.action.startswith(category, autoescape=True))
    return [Row(**row._mapping) for row in tx.all(query)]  # noqa: SLF001 - as above
