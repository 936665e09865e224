"""Failed attempts to authenticate, counted by address: a bucket for failures alone (reliability.md T20).

A good credential passes whatever its neighbours did, for runners behind one NAT share their address with strangers, and behind a
proxy that nobody told us of all clients share one. So a success takes nothing from a bucket. From an address whose bucket is
empty a bearer token that is not known to be good is refused before a thread or the database is asked. It is refused as ever, with
401: nothing below `/api/v1` answers 429, which clients take as final (ruling 5). The sign-in page does.
"""

import math
import threading
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from sonde.server.kernel.http import Call, RefusedError
from sonde.server.kernel.log import log
from sonde.wire.envelope import ErrorTag

Network = IPv4Network | IPv6Network
MOST = 10_000  # addresses that are remembered; the one that failed longest ago is forgotten first
PREFIX = 64  # bits of an IPv6 address that one customer has
FORWARDED = "x-forwarded-for"


class Buckets:
    """A bucket for each address: `size` failures at once, and one more each `seconds`. A `size` of 0 bounds nothing.

    All of a bucket is the time at which it is full again (the generic cell rate algorithm).
    """

    def __init__(self, size: int, seconds: float, most: int = MOST) -> None:
        self._size, self._seconds, self._most = size, seconds, most
        self._full_at: OrderedDict[str, float] = OrderedDict()
        self._lock = threading.Lock()
        self.failures = self.refusals = 0  # since the start

    def __len__(self) -> int:
        """How many addresses are remembered: nearly always none."""
        return len(self._full_at)

    def wait(self, address: str, now: float) -> float:
        """Seconds until this address may fail again; 0 where it may now."""
        full_at = self._full_at.get(address)
        return max(0.0, full_at - now - (self._size - 1) * self._seconds) if full_at is not None else 0.0

    def take(self, address: str, now: float) -> float:
        """A failure. Returns 0 where the bucket had one for it; else, without taking more, the seconds until it has."""
        with self._lock:
            self.failures += 1
            if not self._size:
                return 0.0
            wait = self.wait(address, now)
            if wait:
                self.refusals += 1
                return wait
            self._full_at[address] = max(self._full_at.get(address, now), now) + self._seconds
            self._full_at.move_to_end(address)
            self._forget(now)
            return 0.0

    def _forget(self, now: float) -> None:
        while len(self._full_at) > self._most or next(iter(self._full_at.values())) <= now:
            self._full_at.popitem(last=False)


@lru_cache(4096)
def _parsed(text: str) -> IPv4Address | IPv6Address | None:
    try:
        found = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return (found.ipv4_mapped or found) if isinstance(found, IPv6Address) else found


def address_of(peer: str, forwarded: str, trusted: Sequence[Network]) -> str:
    """Whose bucket a request is of: `peer`, or where that is a trusted proxy, whom its `X-Forwarded-For` names.

    The header is read from its end, as far as those who wrote it are trusted: what stands before is anybody's word. Of an
    IPv6 address only the first PREFIX bits count.
    """
    said = forwarded.split(",") if forwarded else []
    found = _parsed(peer)
    while said and found is not None and any(found in network for network in trusted):
        told = _parsed(_without_port(said.pop().strip()))
        if told is None:
            break
        found = told
    if found is None:
        return peer
    return str(found) if found.version == 4 else str(IPv6Network((int(found) >> PREFIX << PREFIX, PREFIX)))


def _without_port(text: str) -> str:
    """Some proxies write `1.2.3.4:5678` and `[::1]:5678`."""
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0] if text.count(":") == 1 else text


@dataclass(frozen=True)
class Strangers:
    """The buckets, the proxies whose word counts, and the clock they go by (seconds)."""

    buckets: Buckets
    trusted: Sequence[Network]
    clock: Callable[[], float]

    def wait(self, call: Call) -> float:
        """Seconds until the sender may fail again. While nobody fails it costs one look at an empty table."""
        return self.buckets.wait(self._address(call), self.clock()) if len(self.buckets) else 0.0

    def failed(self, call: Call) -> float:
        """The sender showed nothing that counts. Returns 0, or the seconds to wait where that was once too often."""
        address, now = self._address(call), self.clock()
        wait = self.buckets.take(address, now)
        if not wait and self.buckets.wait(address, now):
            log.warning("address.failed_too_often", address=address, path=call.path)
        return wait

    def _address(self, call: Call) -> str:
        return address_of(call.peer, call.headers.get(FORWARDED, "") if self.trusted else "", self.trusted)


@dataclass(frozen=True)
class Gate:
    """What a door asks about strangers. `statuses` are those of a refusal that mean: it did not authenticate.

    `signed` says at once whether a bearer token is a session that we signed: one that has ended is an honest job's, which must
    hear 401 to ask for another (protocol.md §8). `good` says after at most one look at the database a second whether it is
    such a session or a static token that lives. `unknown` is what one hears that is neither. A door whose callers bear nothing
    has none of them; it only counts. `note` counts every refusal, also that of `admit`.
    """

    strangers: Strangers
    statuses: frozenset[int] = frozenset({401})
    signed: Callable[[str], bool] | None = None
    good: Callable[[str], Awaitable[bool]] | None = None
    unknown: str = ""

    def doubts(self, call: Call) -> bool:
        """Whether `admit` would look closer."""
        return self.good is not None and self.strangers.wait(call) > 0

    async def admit(self, call: Call) -> None:
        """Raises RefusedError 401 for a stranger at an address that failed too often."""
        wait = self.strangers.wait(call)
        if not wait or self.good is None or await self.good(call.headers.get("authorization", "")):
            return
        raise RefusedError(401, ErrorTag.UNAUTHORIZED, too_many(wait, self.unknown))

    def note(self, call: Call, error: Exception) -> None:
        """Count a refusal that means: it did not authenticate."""
        if not isinstance(error, RefusedError) or error.status not in self.statuses:
            return
        if self.signed is None or not self.signed(call.headers.get("authorization", "")):
            self.strangers.failed(call)


def too_many(wait: float, because: str) -> str:
    """What a caller hears that has to wait so many seconds; `because` says what was wrong with its request."""
    return (
        f"Too many requests from your address did not show who sent them; for {math.ceil(wait)} s no more of them are looked "
        f"at. What was wrong: {because}"
    )
