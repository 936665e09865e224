"""All SQL of pull requests."""

from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Integer, Row, Table, Text, select

from sonde.server.kernel.db import Tx, metadata
from sonde.server.pulls.model import PullRequest

pull_requests = Table(
    "pull_requests",
    metadata,
    Column("repository_id", Text, ForeignKey("repositories.id"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("title", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("association", Text, nullable=False),
    Column("url", Text, nullable=False),
    Column("head_sha", Text, nullable=False),
    Column("head_ref", Text, nullable=False),
    Column("base_ref", Text, nullable=False),
    Column("fork", Boolean, nullable=False),
    Column("draft", Boolean, nullable=False),
    Column("open", Boolean, nullable=False),
    Column("merged", Boolean, nullable=False),
    Column("merge_sha", Text, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Column("seen_at", BigInteger, nullable=False, index=True),
)
FIELDS = tuple(column.name for column in pull_requests.columns if column.name != "seen_at")


def _pull(row: Row[Any]) -> PullRequest:
    return PullRequest(**{name: getattr(row, name) for name in FIELDS})


def get(tx: Tx, repository_id: str, number: int, *, lock: bool = False) -> PullRequest | None:
    """One pull request; `lock` keeps it from other transactions until this one ends (PostgreSQL)."""
    query = select(pull_requests).where(
        pull_requests.c.repository_id == repository_id, pull_requests.c.number == number
    )
    row = tx.one(query.with_for_update() if lock else query)
    return _pull(row) if row else None


def put(tx: Tx, pull: PullRequest) -> None:
    """Insert a pull request or replace what was known of it."""
    values: dict[str, Any] = {name: getattr(pull, name) for name in FIELDS} | {"seen_at": tx.now}
    key = ["repository_id", "number"]
    changes = {name: value for name, value in values.items() if name not in key}
    tx.run(tx.insert(pull_requests).values(**values).on_conflict_do_update(index_elements=key, set_=changes))


def newest(tx: Tx, limit: int) -> list[PullRequest]:
    """The pull requests we last heard of."""
    return [_pull(row) for row in tx.all(select(pull_requests).order_by(pull_requests.c.seen_at.desc()).limit(limit))]
