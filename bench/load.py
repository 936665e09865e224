"""A closed loop of HTTP clients: each sends its next request when it has read the answer to the last."""

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from time import perf_counter

import uvloop

PATIENCE = 120.0  # seconds that a whole load may take


@dataclass(frozen=True)
class Load:
    """What a load came to: answers by status, seconds from the first byte out to the last in, seconds of each answer."""

    statuses: Counter[int]
    seconds: float
    waits: Sequence[float]

    @property
    def rate(self) -> float:
        """Answers in a second."""
        return len(self.waits) / self.seconds

    def percentile(self, part: float) -> float:
        """The wait, in milliseconds, that this part of the answers did not exceed."""
        return 1000 * sorted(self.waits)[min(len(self.waits) - 1, int(part * len(self.waits)))]


class Client(asyncio.Protocol):
    """One connection. `requests` ends when no more are to be sent, and may look at the clock to decide that."""

    def __init__(self, requests: Iterator[bytes], statuses: Counter[int], waits: list[float]) -> None:
        self._requests, self._statuses, self._waits = requests, statuses, waits
        self.finished: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._buffer = b""
        self._sent_at = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the first request."""
        self._transport = transport
        self._next()

    def _next(self) -> None:
        request = next(self._requests, None)
        if request is None:
            self._transport.close()
            self.finished.set_result(None)
            return
        self._sent_at = perf_counter()
        self._transport.write(request)  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        """Count an answer once it is whole. Both servers say how long it is."""
        self._buffer += data
        head, found, body = self._buffer.partition(b"\r\n\r\n")
        if not found:
            return
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0])
        if len(body) < length:
            return
        self._waits.append(perf_counter() - self._sent_at)
        self._statuses[int(head[9:12])] += 1
        self._buffer = b""
        self._next()

    def connection_lost(self, exc: Exception | None) -> None:
        """A server that hangs up in the middle fails the bench."""
        if not self.finished.done():
            self.finished.set_exception(exc or ConnectionError("the server closed the connection"))


def run(port: int, clients: Sequence[Iterator[bytes]]) -> Load:
    """One connection for each iterator of requests, all at once, to a server on this machine."""
    return uvloop.run(_run(port, clients))


async def _run(port: int, clients: Sequence[Iterator[bytes]]) -> Load:
    statuses: Counter[int] = Counter()
    waits: list[float] = []
    loop = asyncio.get_running_loop()
    began = perf_counter()
    async with asyncio.timeout(PATIENCE):
        opened = [
            (await loop.create_connection(lambda mine=mine: Client(mine, statuses, waits), "127.0.0.1", port))[1]
            for mine in clients
        ]
        await asyncio.gather(*(client.finished for client in opened))
    return Load(statuses, perf_counter() - began, waits)


def request(method: str, path: str, body: bytes, headers: Sequence[tuple[str, str]]) -> bytes:
    """An HTTP/1.1 request, ready to be written."""
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", "Content-Type: application/json"]
    lines += [f"{name}: {value}" for name, value in (*headers, ("Content-Length", str(len(body))))]
    return "\r\n".join((*lines, "", "")).encode() + body
