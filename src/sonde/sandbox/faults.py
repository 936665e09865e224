"""The fault buttons: what can be made to go wrong, on purpose, between this GitHub and its clients.

Each button is a method of `Faults`. Those of webhooks take an event's name (`push`, `pull_request.opened`, `*`), those of
the API a method and a path pattern (`*/dispatches`).
"""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Literal, TypeVar

from sonde.sandbox.model import Delivery

SECONDARY = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."


@dataclass
class ApiFault:
    method: str
    path: str  # fnmatch pattern of the path below the API's root: */dispatches
    kind: Literal["fail", "drop"]
    status: int = 500
    after_effect: bool = False
    message: str = "Server Error"
    headers: Mapping[str, str] = field(default_factory=dict)
    times: int | None = 1


@dataclass
class WebhookFault:
    kind: Literal["duplicate", "lose", "hold", "reorder"]
    event: str  # fnmatch pattern of `event` or `event.action`
    times: int | None  # None: until released


_Fault = TypeVar("_Fault", ApiFault, WebhookFault)


class Faults:
    """Buttons that were pressed and have not spent themselves. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._api: list[ApiFault] = []
        self._webhooks: list[WebhookFault] = []

    def fail_next(
        self, method: str, path: str, *, status: int = 500, after_effect: bool = False, times: int = 1
    ) -> None:
        self._press(ApiFault(method, path, "fail", status, after_effect, times=times))

    def drop_next(self, method: str, path: str, *, after_effect: bool = True, times: int = 1) -> None:
        self._press(ApiFault(method, path, "drop", after_effect=after_effect, times=times))

    def limit_next(
        self, method: str, path: str, *, retry_after: int | None = 60, status: int = 403, times: int = 1
    ) -> None:
        """A secondary limit with Retry-After in seconds; None: without the header, as GitHub sometimes does."""
        headers = {} if retry_after is None else {"retry-after": str(retry_after)}
        self._press(ApiFault(method, path, "fail", status, message=SECONDARY, headers=headers, times=times))

    def _press(self, fault: ApiFault) -> None:
        with self._lock:
            self._api.append(fault)

    def duplicate_webhooks(self, event: str = "*", *, times: int = 1) -> None:
        """The next webhooks arrive twice, with the same GUID."""
        self._press_webhook(WebhookFault("duplicate", event, times))

    def lose_webhooks(self, event: str = "*", *, times: int | None = 1) -> None:
        """The next webhooks do not arrive and are logged as failed; they can be redelivered. `times` None: until `clear`."""
        self._press_webhook(WebhookFault("lose", event, times))

    def hold_webhooks(self, event: str = "*") -> None:
        """Webhooks wait until `courier.release()`, which sends them in any order."""
        self._press_webhook(WebhookFault("hold", event, None))

    def reorder_webhooks(self, count: int, event: str = "*") -> None:
        """The next `count` matching webhooks are held until all are there, then sent last first."""
        self._press_webhook(WebhookFault("reorder", event, count))

    def _press_webhook(self, fault: WebhookFault) -> None:
        with self._lock:
            self._webhooks.append(fault)

    def clear(self) -> None:
        """Take all buttons back. Held webhooks stay held until they are released."""
        with self._lock:
            self._api.clear()
            self._webhooks.clear()

    def take_api(self, method: str, path: str) -> ApiFault | None:
        """The fault that hits this request, if a button was pressed for it; it is used up by one."""
        with self._lock:
            for fault in self._api:
                if fault.method in ("*", method) and fnmatchcase(path, fault.path):
                    return _spend(self._api, fault)
            return None

    def take_webhook(self, delivery: Delivery) -> WebhookFault | None:
        """The fault that hits this delivery, if a button was pressed for it; it is used up by one."""
        names = (delivery.event, f"{delivery.event}.{delivery.action}")
        with self._lock:
            for fault in self._webhooks:
                if any(fnmatchcase(name, fault.event) for name in names):
                    return _spend(self._webhooks, fault)
            return None

    def stop_holding(self) -> None:
        with self._lock:
            self._webhooks = [fault for fault in self._webhooks if fault.kind != "hold"]


def _spend(faults: list[_Fault], fault: _Fault) -> _Fault:
    if fault.times is not None:
        fault.times -= 1
        if fault.times == 0:
            faults.remove(fault)
    return fault
