"""Session tokens: a JWT of 60 minutes that clients may read, backed by a row that can be revoked (decisions.md, ruling 4)."""

import threading
from collections.abc import Callable
from functools import lru_cache

import jwt

from sonde.server.auth import store
from sonde.server.auth.model import Actor, SessionToken
from sonde.server.kernel.db import Database, Tx
from sonde.server.kernel.ids import new_id, new_secret

LIFETIME = 60 * 60 * 1000  # milliseconds
ROTATE_AFTER = 30 * 86_400_000  # milliseconds; older keys keep verifying until they are deleted


SecretOf = Callable[[str], str | None]  # of a key id


class KeyRing:
    """The HMAC keys of session tokens, kept in the database so that replicas share them, cached here."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._keys: dict[str, str] = {}
        self._newest: tuple[str, int] | None = None
        self._lock = threading.Lock()

    def secret(self, kid: str) -> str | None:
        """The secret of a key id; reads the database once for an id another replica made."""
        if kid not in self._keys:
            with self._db.read() as tx:
                self._load(tx)
        return self._keys.get(kid)

    def known(self, kid: str) -> str:
        """The secret of a key id that was read before; asks nobody. Raises KeyError for another."""
        return self._keys[kid]

    def ready(self, now: int) -> tuple[str, str] | None:
        """What `current` returns where it need not ask the database."""
        newest = self._newest
        if newest is None or now - newest[1] >= ROTATE_AFTER:
            return None
        return newest[0], self._keys[newest[0]]

    def current(self, now: int) -> tuple[str, str]:
        """The newest key as (kid, secret), made first where there is none or where it is a month old at `now` (milliseconds)."""
        with self._lock:
            if self._newest is None or now - self._newest[1] >= ROTATE_AFTER:
                with self._db.read() as tx:
                    self._load(tx)
                    self._make_if_due(tx.now)
            assert self._newest is not None  # noqa: S101 - _make_if_due has just made one
            return self._newest[0], self._keys[self._newest[0]]

    def _make_if_due(self, now: int) -> None:
        if self._newest and now - self._newest[1] < ROTATE_AFTER:
            return
        with self._db.write("keyring.create") as tx:
            store.put_key(tx, new_id("key", tx.now), new_secret())
            self._load(tx)

    def _load(self, tx: Tx) -> None:
        rows = store.keys(tx)
        self._keys = {row.kid: row.secret for row in rows}
        self._newest = (rows[0].kid, rows[0].created_at) if rows else None


def mint(actor: Actor, session_id: str, key: tuple[str, str], now: int) -> SessionToken:
    """A session token for `actor`; `now` in epoch milliseconds."""
    kid, secret = key
    payload = {
        "typ": "ws:gh:action",
        "sid": session_id,
        "ws": actor.workspace_id,
        "repository": actor.repository.full_name if actor.repository else "",
        "iat": now // 1000,
        "exp": (now + LIFETIME) // 1000,
    }
    return SessionToken(jwt.encode(payload, secret, algorithm="HS256", headers={"kid": kid}))


def session_id_of(bearer: str, secret_of: SecretOf) -> str | None:
    """The session that a bearer token proves, or None. Whether the session lives is the row's to say."""
    kid = _kid(bearer)
    secret = secret_of(kid) if kid is not None else None
    return _signed(bearer, secret) if secret else None


@lru_cache(4096)  # a job shows the same token again and again; what its text says never changes
def _kid(bearer: str) -> str | None:
    try:
        kid = jwt.get_unverified_header(bearer).get("kid")
    except jwt.InvalidTokenError:
        return None
    return kid if isinstance(kid, str) else None


@lru_cache(4096)
def _signed(bearer: str, secret: str) -> str | None:
    options = {"require": ["exp", "sid"], "verify_exp": False}  # the row's expiry, by the database's clock, decides
    try:
        payload = jwt.decode(bearer, secret, algorithms=["HS256"], options=options)  # type: ignore[arg-type]
    except jwt.InvalidTokenError:
        return None
    session_id = payload.get("sid")
    return session_id if isinstance(session_id, str) else None
