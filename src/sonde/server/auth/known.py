"""Whether a bearer token is one of ours, told from memory: for callers at an address that fails too often (reliability.md T20)."""

import asyncio
from collections.abc import Callable

from anyio import to_thread

from sonde.server.auth import store
from sonde.server.auth.sessions import KeyRing, session_id_of
from sonde.server.kernel.db import Database

REREAD = 1.0  # seconds; a token that is younger is refused where its neighbours failed too often, and only there


class Known:
    """The signing keys and the digests of the static tokens, read again at most each REREAD while somebody asks.

    `clock` is in seconds. However many ask at once, one thread reads.
    """

    def __init__(self, db: Database, ring: KeyRing, clock: Callable[[], float]) -> None:
        self._db, self._ring, self._clock = db, ring, clock
        self._digests: frozenset[str] = frozenset()
        self._read_at = -REREAD
        self._reading = asyncio.Lock()

    def signed(self, authorization: str) -> bool:
        """Whether it bears a session that we signed, which may have ended since."""
        bearer = _bearer(authorization)
        return bearer.count(".") == 2 and session_id_of(bearer, self._ring.read_before) is not None

    async def good(self, authorization: str) -> bool:
        """Whether it bears such a session, or a static token that lives. Raises what the database raises."""
        async with self._reading:
            if self._clock() - self._read_at >= REREAD:
                await to_thread.run_sync(self._read)
                self._read_at = self._clock()
        return self.signed(authorization) or store.sha256(_bearer(authorization)) in self._digests

    def _read(self) -> None:
        with self._db.read() as tx:
            self._ring.load(tx)
            self._digests = store.live_digests(tx)


def _bearer(authorization: str) -> str:
    return authorization.partition(" ")[2].strip()
