"""All SQL of permission rows, and of what they gave to sessions that live."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Table, Text, UniqueConstraint, false, select, update

from sonde.server.auth.model import Grant
from sonde.server.auth.store import sessions
from sonde.server.kernel.db import Tx, metadata
from sonde.server.kernel.statements import TEXT, given, rows
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


def _of_repositories(dialect: str) -> Any:
    mine = permissions.c.repository_id == given(dialect, "items", {"id": TEXT})["id"]
    return select(permissions).where(mine).order_by(permissions.c.created_at, permissions.c.id)


def of_repositories(tx: Tx, ids: Iterable[str]) -> dict[str, list[Grant]]:
    """The rows of repositories by our ids, each in the order of their making."""
    found: dict[str, list[Grant]] = {}
    for row in tx.hot(_of_repositories, items=rows([{"id": one} for one in ids])):
        names = row.workflow, row.branch, row.environment
        grant = Grant(row.id, row.repository_id, row.permission, *names, bool(row.strangers))
        found.setdefault(row.repository_id, []).append(grant)
    return found


def of_repository(tx: Tx, repository_id: str) -> Sequence[Grant]:
    """The rows of a repository, in the order of their making."""
    return of_repositories(tx, [repository_id]).get(repository_id, [])


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


def _share(dialect: str) -> Any:
    mine = repositories.c.id.in_(select(given(dialect, "items", {"id": TEXT})["id"]))
    query = select(repositories.c.id).where(mine).order_by(repositories.c.id)
    return query.with_for_update(read=True, key_share=True)


def share(tx: Tx, ids: Iterable[str]) -> None:
    """The exchange's side of `hold`: wait for changes that are under way, then read the rows (SQLite has one writer)."""
    tx.hot(_share, items=rows([{"id": one} for one in ids]))


def live_sessions(tx: Tx, repository_id: str) -> Sequence[tuple[str, dict[str, object], str]]:
    """Id, claims and permissions of the repository's sessions that still work."""
    query = select(sessions.c.id, sessions.c.claims, sessions.c.granted).where(
        sessions.c.repository_id == repository_id, sessions.c.revoked_at.is_(None), sessions.c.expires_at > tx.now
    )
    return [(row.id, json.loads(row.claims), row.granted) for row in tx.all(query)]


def set_granted(tx: Tx, session_id: str, granted: str) -> None:
    """Note what a session may do from now on."""
    tx.run(update(sessions).where(sessions.c.id == session_id).values(granted=granted))
