"""All SQL of sessions, used token ids, static tokens and signing keys."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, Column, ForeignKey, Row, Table, Text, delete, func, select, update
from sqlalchemy.sql import ColumnElement

from sonde.server.auth.model import UNFORCED, Actor, SignedClaims
from sonde.server.kernel.db import Tx, metadata
from sonde.server.kernel.statements import NOW, NUMBER, TEXT, Build, given, insert, rows

# milliseconds for which a key that was replaced still verifies: twice what its last session lives
OVERLAP = 2 * 3_600_000
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
    granted: frozenset[str] = UNFORCED


def sha256(secret: str) -> str:
    """What is stored of a bearer token."""
    return hashlib.sha256(secret.encode()).hexdigest()


def _claim_jtis(dialect: str) -> Any:
    items = given(dialect, "items", {"issuer": TEXT, "jti": TEXT, "keep_until": NUMBER})
    source = select(*items.values()).where(items["jti"].is_not(None)).order_by(items["issuer"], items["jti"])
    claim = insert(dialect, used_jti).from_select(list(items), source).on_conflict_do_nothing()
    return claim.returning(used_jti.c.issuer, used_jti.c.jti)


def claim_jtis(tx: Tx, claims: Iterable[SignedClaims], leeway: int) -> set[tuple[str, str]]:
    """Use tokens up: those (issuer, jti) that were not used before; the database decides, also among replicas.

    They are remembered until `leeway` (milliseconds) after they expire.
    """
    items = [{"issuer": one.issuer, "jti": one.jti, "keep_until": one.expires_at + leeway} for one in claims]
    return {(row.issuer, row.jti) for row in tx.hot(_claim_jtis, items=rows(items))}


_SESSION = ("id", "workspace_id", "repository_id", "holder", "name", "claims", "granted", "created_at", "expires_at")


def _put_sessions(dialect: str) -> Any:
    items = given(dialect, "items", {name: sessions.c[name].type for name in _SESSION})
    return sessions.insert().from_select(list(_SESSION), select(*items.values()))


def put_sessions(tx: Tx, opened: Mapping[str, Actor], expires_at: int) -> None:
    """Store sessions by their ids, so that they can be revoked."""
    items = [
        {
            "id": session_id,
            "workspace_id": actor.workspace_id,
            "repository_id": actor.repository.id if actor.repository else None,
            "holder": actor.holder,
            "name": actor.name,
            "claims": json.dumps(dict(actor.claims)),
            "granted": " ".join(sorted(actor.granted)),
            "created_at": tx.now,
            "expires_at": expires_at,
        }
        for session_id, actor in opened.items()
    ]
    tx.hot(_put_sessions, items=rows(items))


def live_session(tx: Tx, session_id: str) -> Row[Any] | None:
    """A session that has neither expired nor been revoked."""
    return tx.one(
        select(sessions).where(
            sessions.c.id == session_id, sessions.c.revoked_at.is_(None), sessions.c.expires_at > tx.now
        )
    )


def _by_key(column: Column[Any]) -> Build:
    """Rows whose `column` is among the items, and that have neither expired nor been revoked."""

    def build(dialect: str) -> Any:
        table: Any = column.table
        wanted = given(dialect, "items", {"key": TEXT})["key"]
        return select(table).where(column == wanted, table.c.revoked_at.is_(None), table.c.expires_at > NOW)

    return build


_LIVE_SESSIONS, _LIVE_TOKENS = _by_key(sessions.c.id), _by_key(tokens.c.sha256)


def live_sessions(tx: Tx, ids: Iterable[str]) -> dict[str, Row[Any]]:
    """The sessions that have neither expired nor been revoked, by id."""
    wanted = rows([{"key": key} for key in ids])
    return {row.id: row for row in tx.hot(_LIVE_SESSIONS, items=wanted)}


def live_tokens(tx: Tx, digests: Iterable[str]) -> dict[str, StaticToken]:
    """The static tokens that live, by the digest of their secret."""
    wanted = rows([{"key": key} for key in digests])
    return {row.sha256: _token(row) for row in tx.hot(_LIVE_TOKENS, items=wanted)}


def _token(row: Row[Any]) -> StaticToken:
    granted = frozenset(row.granted.split())
    return StaticToken(row.id, row.workspace_id, row.repository_id, row.name, row.expires_at, granted)


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


def live_digests(tx: Tx) -> frozenset[str]:
    """The digests of all static tokens that live: they are made by hand, and few."""
    live = select(tokens.c.sha256).where(tokens.c.revoked_at.is_(None), tokens.c.expires_at > tx.now)
    return frozenset(row.sha256 for row in tx.all(live))


def tokens_of(tx: Tx, workspace_id: str) -> Sequence[Row[Any]]:
    """Every static token of a workspace, newest first; their secrets are nowhere."""
    mine = tokens.c.workspace_id == workspace_id
    return tx.all(select(tokens).where(mine).order_by(tokens.c.created_at.desc(), tokens.c.id))


def revoke_token(tx: Tx, workspace_id: str, token_id: str) -> Row[Any] | None:
    """End a static token now; None where the workspace has none of that id that lives."""
    mine = (tokens.c.id == token_id, tokens.c.workspace_id == workspace_id)
    live = (tokens.c.revoked_at.is_(None), tokens.c.expires_at > tx.now)
    return tx.one(update(tokens).where(*mine, *live).values(revoked_at=tx.now).returning(tokens))


def sessions_of(tx: Tx, workspace_id: str, repository_id: str | None) -> Sequence[Row[Any]]:
    """The sessions of a workspace, or of one of its repositories, that live; newest first."""
    return tx.all(select(sessions).where(*_live(tx, workspace_id, repository_id)).order_by(sessions.c.id.desc()))


def revoke_sessions(tx: Tx, workspace_id: str, repository_id: str | None, session_id: str | None) -> Sequence[Row[Any]]:
    """End sessions that live: one by its id, or all of a repository, or all of the workspace. Those that ended by it."""
    chosen = _live(tx, workspace_id, repository_id)
    if session_id is not None:
        chosen = (*chosen, sessions.c.id == session_id)
    return tx.all(update(sessions).where(*chosen).values(revoked_at=tx.now).returning(sessions.c.id, sessions.c.name))


def _live(tx: Tx, workspace_id: str, repository_id: str | None) -> tuple[ColumnElement[bool], ...]:
    mine = (sessions.c.workspace_id == workspace_id, sessions.c.revoked_at.is_(None), sessions.c.expires_at > tx.now)
    return mine if repository_id is None else (*mine, sessions.c.repository_id == repository_id)


def keys(tx: Tx) -> Sequence[Row[Any]]:
    """Every session key, newest first."""
    return tx.all(select(signing_keys).order_by(signing_keys.c.created_at.desc(), signing_keys.c.kid))


def put_key(tx: Tx, kid: str, secret: str, created_at: int) -> None:
    """Add a session key."""
    tx.run(signing_keys.insert().values(kid=kid, secret=secret, created_at=created_at))


def delete_keys(tx: Tx, kids: Sequence[str]) -> None:
    """Remove session keys; what they signed proves nothing any more."""
    tx.run(delete(signing_keys).where(signing_keys.c.kid.in_(kids)))


def end_all_sessions(tx: Tx) -> dict[str, int]:
    """End every session that lives, of all workspaces; how many of each."""
    live = (sessions.c.revoked_at.is_(None), sessions.c.expires_at > tx.now)
    ended = tx.all(update(sessions).where(*live).values(revoked_at=tx.now).returning(sessions.c.workspace_id))
    return dict(Counter(row.workspace_id for row in ended))


def purge(tx: Tx) -> int:
    """Remove used token ids, sessions and keys that can no longer matter; how many rows went.

    A key goes OVERLAP after the one that replaced it was made; the newest stays, however old it is.
    """
    gone = tx.run(delete(used_jti).where(used_jti.c.keep_until < tx.now)).rowcount
    replacing = select(func.max(signing_keys.c.created_at)).where(signing_keys.c.created_at <= tx.now - OVERLAP)
    gone += tx.run(delete(signing_keys).where(signing_keys.c.created_at < replacing.scalar_subquery())).rowcount
    return gone + tx.run(delete(sessions).where(sessions.c.expires_at < tx.now - 7 * 86_400_000)).rowcount
