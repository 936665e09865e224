"""All SQL of commits. Of a commit only its digest is kept, never its contents."""

from typing import Any

from sqlalchemy import BigInteger, Column, ForeignKey, Integer, Row, Table, Text, case, select, update

from sonde.server.commits.model import CommitRow, CommitState, Wanted
from sonde.server.kernel.db import Tx, metadata

commits = Table(
    "commits",
    metadata,
    Column("key", Text, primary_key=True),
    Column("repository_id", Text, ForeignKey("repositories.id"), nullable=False, index=True),
    Column("number", Integer, nullable=False),
    Column("branch", Text, nullable=False),
    Column("change", Text, nullable=False),
    Column("credential_id", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("head", Text, nullable=False, server_default=""),
    Column("sha", Text, nullable=False, server_default=""),
    Column("because", Text, nullable=False, server_default=""),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
)


def _row(row: Row[Any]) -> CommitRow:
    return CommitRow(row.key, CommitState(row.state), row.head, row.sha)


def plan(tx: Tx, wanted: Wanted, credential_id: str) -> CommitRow:
    """The row of a commit, made where there is none; of several at once one inserts and all get the same row."""
    values = {
        "key": wanted.key,
        "repository_id": wanted.repository.id,
        "number": wanted.number,
        "branch": wanted.branch,
        "change": wanted.change,
        "credential_id": credential_id,
        "state": CommitState.PLANNED,
        "created_at": tx.now,
        "updated_at": tx.now,
    }
    tx.run(tx.insert(commits).values(**values).on_conflict_do_nothing())
    return _row(tx.run(select(commits).where(commits.c.key == wanted.key)).one())


def sending(tx: Tx, key: str, head: str) -> CommitRow:
    """Note that GitHub is about to hear of it. The first head stays, since the search for what we made starts there."""
    kept = case((commits.c.head == "", head), else_=commits.c.head)
    state = case((commits.c.state == CommitState.SENT, commits.c.state), else_=CommitState.SENDING.value)
    changes = {"state": state, "head": kept, "because": "", "updated_at": tx.now}
    return _row(tx.run(update(commits).where(commits.c.key == key).values(**changes).returning(commits)).one())


def sent(tx: Tx, key: str, sha: str) -> bool:
    """The commit exists. True for the first caller that says so, whose answer counts."""
    mine = (commits.c.key == key, commits.c.state != CommitState.SENT)
    done = update(commits).where(*mine).values(state=CommitState.SENT, sha=sha, because="", updated_at=tx.now)
    return tx.run(done).rowcount == 1


def failed(tx: Tx, key: str, because: str) -> None:
    """GitHub refused it; the same request may come again and is then tried again."""
    mine = (commits.c.key == key, commits.c.state != CommitState.SENT)
    tx.run(update(commits).where(*mine).values(state=CommitState.FAILED, because=because, updated_at=tx.now))
