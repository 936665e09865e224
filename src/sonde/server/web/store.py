"""All SQL of sign-in: one-time tokens and browser sessions, both stored by their SHA-256 only."""

import hashlib

from sqlalchemy import BigInteger, Column, Table, Text, delete, select

from sonde.server.kernel.db import Tx, metadata

page_tokens = Table(
    "page_tokens",
    metadata,
    Column("sha256", Text, primary_key=True),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False, index=True),
)
page_sessions = Table(
    "page_sessions",
    metadata,
    Column("id", Text, primary_key=True),
    Column("sha256", Text, nullable=False, unique=True),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False, index=True),
)


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def put_token(tx: Tx, token: str, expires_at: int) -> None:
    """Store a one-time token."""
    tx.run(page_tokens.insert().values(sha256=_digest(token), created_at=tx.now, expires_at=expires_at))


def knows_token(tx: Tx, token: str) -> bool:
    """Whether a one-time token may be used; looked up by digest, so that timing tells nothing."""
    mine = (page_tokens.c.sha256 == _digest(token), page_tokens.c.expires_at > tx.now)
    return tx.one(select(page_tokens.c.sha256).where(*mine)) is not None


def use_token(tx: Tx, token: str) -> bool:
    """Use a one-time token up. False where it is unknown, expired or was used: of two who try, the database picks one."""
    mine = (page_tokens.c.sha256 == _digest(token), page_tokens.c.expires_at > tx.now)
    return tx.run(delete(page_tokens).where(*mine)).rowcount == 1


def put_session(tx: Tx, session_id: str, secret: str, expires_at: int) -> None:
    """Store a browser session; `secret` is what its cookie holds."""
    values = {"id": session_id, "sha256": _digest(secret), "created_at": tx.now, "expires_at": expires_at}
    tx.run(page_sessions.insert().values(**values))


def live_session(tx: Tx, secret: str) -> str | None:
    """The id of the session whose cookie this is, if it lives; looked up by digest, so that timing tells nothing."""
    mine = (page_sessions.c.sha256 == _digest(secret), page_sessions.c.expires_at > tx.now)
    row = tx.one(select(page_sessions.c.id).where(*mine))
    return row.id if row else None


def end_session(tx: Tx, secret: str) -> None:
    """End a session, if there is one."""
    tx.run(delete(page_sessions).where(page_sessions.c.sha256 == _digest(secret)))


def purge(tx: Tx) -> None:
    """Remove what has expired."""
    for table in (page_tokens, page_sessions):
        tx.run(delete(table).where(table.c.expires_at <= tx.now))
