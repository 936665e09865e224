"""All SQL of executions and their results."""

import json
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    LargeBinary,
    Row,
    Table,
    Text,
    UniqueConstraint,
    delete,
    select,
)

from sonde.server.executions.model import KEPT, Result, Stored
from sonde.server.kernel.db import Tx, metadata

executions = Table(
    "executions",
    metadata,
    Column("workspace_id", Text, ForeignKey("workspaces.id"), primary_key=True),
    Column("execution_id", Text, primary_key=True),
    Column("repository_id", Text, ForeignKey("repositories.id"), index=True),
    Column("author", Text, nullable=False),
    Column("run_id", BigInteger),
    Column("facts", Text, nullable=False),
    Column("data", LargeBinary),
    Column("data_id", Text),
    Column("received_at", BigInteger, nullable=False, index=True),
)
execution_data = Table(
    "execution_data",
    metadata,
    Column("id", Text, primary_key=True),
    Column("workspace_id", Text, ForeignKey("workspaces.id"), nullable=False),
    Column("execution_id", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("received_at", BigInteger, nullable=False, index=True),
    UniqueConstraint("workspace_id", "execution_id", "author", "digest"),
)


def put(tx: Tx, stored: Stored) -> bool:
    """Insert an execution, or replace it where its own author sends it again; False where it is somebody else's."""
    key = {"workspace_id": stored.workspace_id, "execution_id": stored.execution_id}
    values = {
        "repository_id": stored.repository_id,
        "run_id": stored.run_id,
        "facts": json.dumps(dict(stored.facts)),
        "data": stored.data,
        "data_id": stored.data_id,
        "received_at": tx.now,
    }
    statement = tx.insert(executions).values(**key, author=stored.author, **values)
    mine = executions.c.author == stored.author
    return tx.added(statement.on_conflict_do_update(index_elements=list(key), set_=values, where=mine))


def put_result(tx: Tx, result: Result) -> str:
    """Store a result; the same one from the same author again is the first. Returns its id."""
    values = {**vars(result), "received_at": tx.now}
    tx.run(tx.insert(execution_data).values(**values).on_conflict_do_nothing())
    mine = [
        execution_data.c[name] == getattr(result, name) for name in ("workspace_id", "execution_id", "author", "digest")
    ]
    return str(tx.run(select(execution_data.c.id).where(*mine)).scalar_one())


def result(tx: Tx, workspace_id: str, result_id: str) -> Row[Any] | None:
    """A result of the workspace: execution_id and body."""
    mine = (execution_data.c.workspace_id == workspace_id, execution_data.c.id == result_id)
    return tx.one(select(execution_data.c.execution_id, execution_data.c.body).where(*mine))


def purge(tx: Tx) -> int:
    """Remove executions and results past their time; how many rows went."""
    old = tx.now - KEPT
    gone = tx.run(delete(executions).where(executions.c.received_at < old)).rowcount
    return gone + tx.run(delete(execution_data).where(execution_data.c.received_at < old)).rowcount
