"""All SQL of permission rows, and of what they gave to sessions that live."""

import json
from collections.abc import Sequence

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Table, Text, UniqueConstraint, false, select, update

from sonde.server.auth.model import Grant
from sonde.server.auth.store import sessions
from sonde.server.kernel.db import Tx, metadata
from sonde.server.workspaces.store import repositories

permissions = Table(
    "permissions",
    metadata,
    Column("id", Text, primary_key=True),
    Column("repository_id", Text, ForeignKey("repositories.id"), nullable=False),
    Column("permission", Text, nullable=False),
    Column("workflow", Text, nullable=False),
    Column("branch", Text, nullable=False),
    Column("environment", Text, nullable=False),
    Column("strangers", Boolean, nullable=False, server_default=false()),
    Column("created_at", BigInteger, nullable=False),
    UniqueConstraint(
        "repository_id", "permission", "workflow", "branch", "environment", "strangers", name="uq_permissions_row"
    ),
)


def of_repository(tx: Tx, repository_id: str) -> Sequence[Grant]:
    """The rows of a repository, in the order of their making."""
    mine = permissions.c.repository_id == repository_id
    rows = tx.all(select(permissions).where(mine).order_by(permissions.c.created_at, permissions.c.id))
    return [
        Grant(row.id, row.repository_id, row.permission, row.workflow, row.branch, row.environment, row.strangers)
        for row in rows
    ]


def add(tx: Tx, grant: Grant) -> bool:
    """Add a row; False where the same stands already."""
    values = {name: getattr(grant, name) for name in Grant.__dataclass_fields__}
    return tx.added(tx.insert(permissions).values(**values, created_at=tx.now).on_conflict_do_nothing())


def remove(tx: Tx, grant_id: str) -> None:
    """Remove a row."""
    tx.run(permissions.delete().where(permissions.c.id == grant_id))


def hold(tx: Tx, repository_id: str) -> None:
    """Let no session of the repository be made until this transaction ends: an exchange holds the row too, shared."""
    tx.run(select(repositories.c.id).where(repositories.c.id == repository_id).with_for_update())


def share(tx: Tx, repository_id: str) -> None:
    """The exchange's side of `hold`: wait for a change that is under way, then read the rows (PostgreSQL)."""
    query = select(repositories.c.id).where(repositories.c.id == repository_id)
    if tx.connection.dialect.name == "postgresql":  # SQLite has one writer
        tx.run(query.with_for_update(read=True, key_share=True))


def live_sessions(tx: Tx, repository_id: str) -> Sequence[tuple[str, dict[str, object], str]]:
    """Id, claims and permissions of the repository's sessions that still work."""
    query = select(sessions.c.id, sessions.c.claims, sessions.c.granted).where(
        sessions.c.repository_id == repository_id, sessions.c.revoked_at.is_(None), sessions.c.expires_at > tx.now
    )
    return [(row.id, json.loads(row.claims), row.granted) for row in tx.all(query)]


def set_granted(tx: Tx, session_id: str, granted: str) -> None:
    """Note what a session may do from now on."""
    tx.run(update(sessions).where(sessions.c.id == session_id).values(granted=granted))
