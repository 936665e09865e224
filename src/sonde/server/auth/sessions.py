"""Session tokens: a JWT of 60 minutes that clients may read, backed by a row that can be revoked (decisions.md, ruling 4)."""

import base64
import hmac
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import jwt
import msgspec

from sonde.server.auth import store
from sonde.server.auth.model import Actor, SessionToken
from sonde.server.kernel.db import Database, Tx
from sonde.server.kernel.ids import new_id, new_secret

LIFETIME = 60 * 60 * 1000  # milliseconds
ROTATE_AFTER = 30 * 86_400_000  # milliseconds


REREAD = 5.0  # seconds after which a replica looks again which keys there are, so that a rotation reaches it


SecretOf = Callable[[str], str | None]  # of a key id


@dataclass(frozen=True)
class _Keys:
    """The keys as they were read at `at`, by our monotonic clock; `newest` is the id of one and when it was made."""

    secrets: Mapping[str, str]
    newest: tuple[str, int] | None
    at: float

    @property
    def fresh(self) -> bool:
        return time.monotonic() - self.at < REREAD

    def signing(self, now: int) -> tuple[str, str] | None:
        """The newest as (kid, secret), unless it is a month old at `now`."""
        if self.newest is None or now - self.newest[1] >= ROTATE_AFTER:
            return None
        return self.newest[0], self.secrets[self.newest[0]]


class KeyRing:
    """The HMAC keys of session tokens, kept in the database so that replicas share them, cached here for some seconds."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._keys = _Keys({}, None, -REREAD)
        self._lock = threading.Lock()

    def secret(self, kid: str) -> str | None:
        """The secret of a key id; reads the database for one that another replica made, and again after some seconds."""
        if not self._has(kid):
            with self._lock:
                self._load_for(kid)
        return self._keys.secrets.get(kid)

    def _has(self, kid: str) -> bool:
        return kid in self._keys.secrets and self._keys.fresh

    def _load_for(self, kid: str) -> None:
        """Read the keys, unless whoever had the lock before has just done it."""
        if not self._has(kid):
            with self._db.read() as tx:
                self.load(tx)

    def known(self, kid: str) -> str:
        """The secret of a key id that was read a moment ago; asks nobody. Raises KeyError for another."""
        keys = self._keys
        if not keys.fresh:
            raise KeyError(kid)
        return keys.secrets[kid]

    def read_before(self, kid: str) -> str | None:
        """The secret of a key id as it was last read, however long ago; asks nobody."""
        return self._keys.secrets.get(kid)

    def ready(self, now: int) -> tuple[str, str] | None:
        """What `current` returns where it need not ask the database."""
        keys = self._keys
        return keys.signing(now) if keys.fresh else None

    def current(self, now: int) -> tuple[str, str]:
        """The newest key as (kid, secret), made first where there is none or where it is a month old at `now` (milliseconds)."""
        with self._lock:
            if self.ready(now) is None:
                with self._db.read() as tx:
                    self.load(tx)
                    self._make_if_due(tx.now)
            newest = self._keys.newest
            assert newest is not None  # noqa: S101 - _make_if_due has just made one
            return newest[0], self._keys.secrets[newest[0]]

    def _make_if_due(self, now: int) -> None:
        if self._keys.signing(now):
            return
        with self._db.write("keyring.create") as tx:
            add_key(tx)
            self.load(tx)

    def load(self, tx: Tx) -> None:
        """Read the keys again."""
        at, rows = time.monotonic(), store.keys(tx)
        newest = (rows[0].kid, rows[0].created_at) if rows else None
        self._keys = _Keys({row.kid: row.secret for row in rows}, newest, at)


def add_key(tx: Tx) -> str:
    """Make a session key, the newest from now on even where the clock was set back; returns its id."""
    rows = store.keys(tx)
    kid, at = new_id("key", tx.now), max([tx.now, *(row.created_at + 1 for row in rows[:1])])
    store.put_key(tx, kid, new_secret(), at)
    return kid


@dataclass(frozen=True)
class Rotated:
    """A new key, and what ended at once: key ids, and how many sessions of each workspace."""

    kid: str
    keys: Sequence[str]
    sessions: Mapping[str, int]


def rotate(tx: Tx, *, revoke_old: bool) -> Rotated:
    """Sign with a new key from now on; every replica does within REREAD.

    Old keys verify until their last session has ended. With `revoke_old` they are removed, and every session ends with them:
    who has a stolen key could have signed for any that lives.
    """
    old = [row.kid for row in store.keys(tx)]
    kid = add_key(tx)
    if not revoke_old:
        return Rotated(kid, (), {})
    store.delete_keys(tx, old)
    return Rotated(kid, old, store.end_all_sessions(tx))


def mint(actor: Actor, session_id: str, key: tuple[str, str], now: int) -> SessionToken:
    """A session token for `actor`, a JWS of RFC 7515 §3.1; `now` in epoch milliseconds. PyJWT takes three times as long."""
    kid, secret = key
    payload = {
        "typ": "ws:gh:action",
        "sid": session_id,
        "ws": actor.workspace_id,
        "repository": actor.repository.full_name if actor.repository else "",
        "iat": now // 1000,
        "exp": (now + LIFETIME) // 1000,
    }
    signed = b".".join([_head(kid), _base64url(msgspec.json.encode(payload))])
    return SessionToken(b".".join([signed, _base64url(hmac.digest(secret.encode(), signed, "sha256"))]).decode())


@lru_cache(16)
def _head(kid: str) -> bytes:
    return _base64url(msgspec.json.encode({"alg": "HS256", "kid": kid, "typ": "JWT"}))


def _base64url(raw: bytes) -> bytes:
    return base64.urlsafe_b64encode(raw).rstrip(b"=")


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
