"""Sign-in by a link that works once, until there are accounts (decisions.md, ruling 15; reliability.md T13, T16)."""

import hmac
import threading
from collections.abc import Mapping
from urllib.parse import urlsplit

from sonde.server.kernel.db import Database, Tx
from sonde.server.kernel.ids import new_id, new_secret
from sonde.server.web import store
from sonde.server.web.model import Visitor

TOKEN_LIFE = 24 * 60 * 60 * 1000  # milliseconds
GUESSES = 20  # a minute
SESSION_LIFE = 7 * 24 * 60 * 60 * 1000  # milliseconds


def offer(db: Database) -> str:
    """A new token for a sign-in link. It works once, for 24 hours; only its digest is stored."""
    with db.write("page.session") as tx:
        return offered(tx)


def forget(db: Database) -> None:
    """Remove the tokens and sessions that have ended."""
    with db.write("page.session") as tx:
        store.purge(tx)


def offered(tx: Tx) -> str:
    """The same, in a transaction of the caller's."""
    token = new_secret()
    store.purge(tx)
    store.put_token(tx, token, tx.now + TOKEN_LIFE)
    return token


class Password:
    """`SONDE_UI_TOKEN`, which may be used again and again, and guessed only so often (reliability.md T20)."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._lock = threading.Lock()
        self._minute, self._wrong = 0, 0

    def fits(self, token: str, now: int) -> bool:
        """Whether `token` is it; after GUESSES wrong ones within a minute (of `now`, milliseconds) nothing is."""
        if not self._text:
            return False
        with self._lock:
            if now // 60_000 != self._minute:
                self._minute, self._wrong = now // 60_000, 0
            good = hmac.compare_digest(token.encode(), self._text.encode()) and self._wrong < GUESSES
            self._wrong += not good
        return good


NONE = Password("")  # that nothing fits


def sign_in(db: Database, token: str, *, password: Password, replaces: str) -> str | None:
    """The secret of a new session for a good token, else None.

    `replaces` is the cookie that came along: its session ends in the same transaction, so that a cookie planted before the
    login is worth nothing after it.
    """
    with db.read() as tx:  # who only guesses does not make those wait who write
        link, now = store.knows_token(tx, token), tx.now
    known = not link and password.fits(token, now)
    if not (link or known):
        return None
    with db.write("page.session") as tx:
        if not (known or store.use_token(tx, token)):
            return None
        store.purge(tx)
        store.end_session(tx, replaces)
        secret = new_secret()
        store.put_session(tx, new_id("vis", tx.now), secret, tx.now + SESSION_LIFE)
    return secret


def sign_out(db: Database, secret: str) -> None:
    """End the session of a cookie."""
    with db.write("page.session") as tx:
        store.end_session(tx, secret)


def visitor(db: Database, secret: str) -> Visitor | None:
    """Who sent this cookie; None for nobody we know."""
    if not secret:
        return None
    with db.read() as tx:
        session_id = store.live_session(tx, secret)
    return Visitor(session_id) if session_id else None


def own_write(headers: Mapping[str, str], public_url: str) -> bool:
    """Whether a write was sent by one of our own pages: browsers say so in Sec-Fetch-Site, or in Origin over plain HTTP.

    A request with neither is refused: every browser sends one of them with a POST (dependencies.md §14).
    """
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    origin = urlsplit(headers.get("origin", ""))
    if origin.scheme not in ("http", "https"):
        return False
    return origin.netloc in (headers.get("host"), urlsplit(public_url).netloc)
