"""All SQL of the audit log. Rows are added and read; nothing here changes or deletes one."""

from collections.abc import Sequence
from dataclasses import asdict

from sqlalchemy import BigInteger, Column, Index, Table, Text, UniqueConstraint, select, update

from sonde.server.audit.model import Row
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
)


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


def head(tx: Tx, workspace_id: str) -> tuple[int, str]:
    """Number and seal of the newest row as they are kept beside the chain."""
    row = tx.one(select(audit_heads).where(audit_heads.c.workspace_id == workspace_id))
    return (row.number, row.seal) if row else (0, "")


def chain(tx: Tx, workspace_id: str) -> Sequence[Row]:
    """Every row of a workspace, oldest first."""
    mine = audit_log.c.workspace_id == workspace_id
    return [Row(**row._mapping) for row in tx.all(select(audit_log).where(mine).order_by(audit_log.c.number))]  # noqa: SLF001 - SQLAlchemy's public name of it


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
