"""Delivers webhooks: one thread, one at a time and in order, so that only a fault button makes disorder.

As GitHub: ten seconds to answer, no redirects, no retries.
"""

import ssl
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

import httpx2

from sonde.sandbox.faults import Faults
from sonde.sandbox.hooks import Attempt, headers
from sonde.sandbox.model import Delivery
from sonde.sandbox.world import World

TIMEOUT = 10.0  # seconds
LOST = Attempt("failed to connect to host", 502, 0.0, {}, None)
KEPT_OF_ANSWER = 10_000  # characters

Order = Callable[[list[Delivery]], list[Delivery]]


def first_in_first_out(held: list[Delivery]) -> list[Delivery]:
    return held


class Courier:
    def __init__(self, world: World, faults: Faults, *, ca_file: Path | None = None) -> None:
        self._world = world
        self._faults = faults
        self._queue: deque[Delivery] = deque()
        self._held: list[Delivery] = []
        self._reordered: list[Delivery] = []
        self._sending = False
        self._stopped = False
        context = ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
        self._client = httpx2.Client(timeout=TIMEOUT, verify=context, trust_env=False)
        self._thread = threading.Thread(target=self._work, name="courier", daemon=True)
        world.deliver = self.take
        self._thread.start()

    def take(self, delivery: Delivery) -> None:
        """Put a delivery on its way, or where a fault button wants it."""
        with self._world.changed:
            fault = self._faults.take_webhook(delivery)
            match fault.kind if fault else "send":
                case "lose":
                    self._world.attempted(delivery, {}, LOST)
                case "hold":
                    self._held.append(delivery)
                case "reorder":
                    self._reorder(delivery, last=fault is not None and fault.times == 0)
                case "duplicate":
                    self._queue.extend((delivery, delivery))
                case _:
                    self._queue.append(delivery)
            self._world.changed.notify_all()

    def _reorder(self, delivery: Delivery, *, last: bool) -> None:
        self._reordered.append(delivery)
        if last:
            self._queue.extend(reversed(self._reordered))
            self._reordered.clear()

    @property
    def held(self) -> list[Delivery]:
        with self._world.lock:
            return list(self._held)

    def release(self, order: Order = first_in_first_out) -> None:
        """Send what was held, in the order that `order` makes of it, and hold nothing more."""
        with self._world.changed:
            self._faults.stop_holding()
            self._queue.extend(order(list(self._held)))
            self._held.clear()
            self._world.changed.notify_all()

    def idle(self) -> bool:
        """Nothing on its way; what is held does not count."""
        with self._world.lock:
            return not self._queue and not self._sending

    def stop(self) -> None:
        """Send nothing more: what is queued stays `pending` in the log."""
        with self._world.changed:
            self._stopped = True
            self._world.deliver = None
            self._world.changed.notify_all()
        self._thread.join()
        self._client.close()

    def _work(self) -> None:
        while True:
            with self._world.changed:
                self._sending = False
                self._world.changed.notify_all()
                while not self._queue and not self._stopped:
                    self._world.changed.wait()
                if self._stopped:
                    return
                delivery = self._queue.popleft()
                self._sending = True
            self._send(delivery)

    def _send(self, delivery: Delivery) -> None:
        body = self._world.body_file(delivery.guid).read_bytes()
        sent = headers(self._world, delivery, body)
        url = self._world.records.app.webhook_url
        if url is None:
            return
        started = time.monotonic()
        try:
            answer = self._client.post(url, content=body, headers=sent)
        except httpx2.TimeoutException:
            attempt = Attempt("timed out", 504, time.monotonic() - started, {}, None)
        except httpx2.TransportError as error:
            attempt = Attempt(f"failed to connect to host: {error}", 502, time.monotonic() - started, {}, None)
        else:
            status = "OK" if answer.is_success else f"Invalid HTTP Response: {answer.status_code}"
            took = time.monotonic() - started
            attempt = Attempt(status, answer.status_code, took, dict(answer.headers), answer.text[:KEPT_OF_ANSWER])
        self._world.attempted(delivery, sent, attempt)
