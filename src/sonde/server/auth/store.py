"""All SQL of sessions, used token ids, static tokens and signing keys."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, Column, ForeignKey, Row, Table, Text, delete, select

from sonde.server.auth.model import EVERY, Actor, SignedClaims
from sonde.server.kernel.db import Tx, metadata

used_jti = Table(
    "used_jti",
    metadata,
    Column("issuer", Text, primary_key=True),
    Column("jti", Text, primary_key=True),
    Column("keep_until", BigInteger, nullable=False, index=True),
)
sessions = Table(
    "sessions",
    metadata,
    Column("id", Text, primary_key=True),
    Column("workspace_id", Text, ForeignKey("workspaces.id"), nullable=False),
    Column("repository_id", Text, ForeignKey("repositories.id"), nullable=False),
    Column("holder", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("claims", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False, index=True),
    Column("revoked_at", BigInteger),
    Column("granted", Text, nullable=False, server_default=""),  # permissions, separated by spaces
)
tokens = Table(
    "tokens",
    metadata,
    Column("id", Text, primary_key=True),
    Column("workspace_id", Text, ForeignKey("workspaces.id"), nullable=False),
    Column("repository_id", Text, ForeignKey("repositories.id")),
    Column("name", Text, nullable=False),
    Column("sha256", Text, nullable=False, unique=True),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("revoked_at", BigInteger),
    Column("granted", Text, nullable=False, server_default=""),
)
signing_keys = Table(
    "signing_keys",
    metadata,
    Column("kid", Text, primary_key=True),
    Column("secret", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
)


@dataclass(frozen=True)
class StaticToken:
    """A bearer for CI outside GitHub; only its SHA-256 is stored. `repository_id` None means the whole workspace."""

    id: str
    workspace_id: str
    repository_id: str | None
    name: str
    expires_at: int
    granted: frozenset[str] = EVERY


def sha256(secret: str) -> str:
    """What is stored of a bearer token."""
    return hashlib.sha256(secret.encode()).hexdigest()


def claim_jti(tx: Tx, claims: SignedClaims, keep_until: int) -> bool:
    """Use the token up. False if it was used before; the database decides, also among replicas."""
    statement = (
        tx.insert(used_jti).values(issuer=claims.issuer, jti=claims.jti, keep_until=keep_until).on_conflict_do_nothing()
    )
    return tx.added(statement)


def put_session(tx: Tx, session_id: str, actor: Actor, expires_at: int) -> None:
    """Store a session, so that it can be revoked."""
    tx.run(
        sessions.insert().values(
            id=session_id,
            workspace_id=actor.workspace_id,
            repository_id=actor.repository.id if actor.repository else None,
            holder=actor.holder,
            name=actor.name,
            claims=json.dumps(dict(actor.claims)),
            granted=" ".join(sorted(actor.granted)),
            created_at=tx.now,
            expires_at=expires_at,
        )
    )


def live_session(tx: Tx, session_id: str) -> Row[Any] | None:
    """A session that has neither expired nor been revoked."""
    return tx.one(
        select(sessions).where(
            sessions.c.id == session_id, sessions.c.revoked_at.is_(None), sessions.c.expires_at > tx.now
        )
    )


def put_token(tx: Tx, token: StaticToken, secret: str) -> None:
    """Store a static token by its digest."""
    tx.run(
        tokens.insert().values(
            id=token.id,
            workspace_id=token.workspace_id,
            repository_id=token.repository_id,
            name=token.name,
            sha256=sha256(secret),
            granted=" ".join(sorted(token.granted)),
            created_at=tx.now,
            expires_at=token.expires_at,
        )
    )


def live_token(tx: Tx, secret: str) -> StaticToken | None:
    """The static token with this secret, if it lives; looked up by digest, so that timing tells nothing."""
    row = tx.one(
        select(tokens).where(
            tokens.c.sha256 == sha256(secret), tokens.c.revoked_at.is_(None), tokens.c.expires_at > tx.now
        )
    )
    return _token(row) if row else None


def _token(row: Row[Any]) -> StaticToken:
    granted = frozenset(row.granted.split())
    return StaticToken(row.id, row.workspace_id, row.repository_id, row.name, row.expires_at, granted)


def keys(tx: Tx) -> Sequence[Row[Any]]:
    """Every session key, newest first."""
    return tx.all(select(signing_keys).order_by(signing_keys.c.created_at.desc(), signing_keys.c.kid))


def put_key(tx: Tx, kid: str, secret: str) -> None:
    """Add a session key."""
    tx.run(signing_keys.insert().values(kid=kid, secret=secret, created_at=tx.now))


def purge(tx: Tx) -> int:
    """Remove used token ids and sessions that can no longer matter; how many rows went."""
    gone = tx.run(delete(used_jti).where(used_jti.c.keep_until < tx.now)).rowcount
    return gone + tx.run(delete(sessions).where(sessions.c.expires_at < tx.now - 7 * 86_400_000)).rowcount
