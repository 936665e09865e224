"""Webhooks as the world writes them: one body for one event, made from the state, then attempts to deliver it."""

import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sonde.sandbox.model import Delivery, Repository
from sonde.sandbox.shapes import accounts, repositories
from sonde.sandbox.shapes.accounts import Json
from sonde.sandbox.state import State


def signature(secret: str, body: bytes) -> str:
    """X-Hub-Signature-256: HMAC of the raw bytes (GitHub docs, "Validating webhook deliveries")."""
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def headers(world: State, delivery: Delivery, body: bytes) -> dict[str, str]:
    """The headers of one delivery as GitHub sends them (GitHub docs, "Webhook events and payloads", Delivery headers)."""
    app = world.records.app
    return {
        "Accept": "*/*",
        "Content-Type": "application/json",
        "User-Agent": "GitHub-Hookshot/5a0db07",
        "X-GitHub-Delivery": delivery.guid,
        "X-GitHub-Event": delivery.event,
        "X-GitHub-Hook-ID": str(app.id + 1),
        "X-GitHub-Hook-Installation-Target-ID": str(app.id),
        "X-GitHub-Hook-Installation-Target-Type": "integration",
        "X-Hub-Signature-256": signature(app.webhook_secret, body),
    }


@dataclass(frozen=True)
class Attempt:
    """What came of sending a webhook once."""

    status: str  # "OK", or what went wrong
    status_code: int  # 0: no answer
    duration: float  # seconds
    headers: dict[str, str]  # of the answer
    body: str | None


class Hooks(State):
    deliver: Callable[[Delivery], None] | None = None  # the courier's way to deliver at once; None leaves them pending

    def emit(self, event: str, action: str | None, of: Repository, sender: str, body: Json) -> Json:
        """Write a repository's event and hand it to the courier if our App wants it. Returns the whole payload.

        The payload is also what a workflow that this event starts finds in GITHUB_EVENT_PATH.
        """
        owner = self.account(of.owner)
        payload: Json = ({"action": action} if action else {}) | body
        payload["repository"] = repositories.repository(self, of)
        if owner.type == "Organization":
            payload["organization"] = accounts.organization(self, owner)
        payload["sender"] = accounts.user(self, sender)
        installation = self.installation_of(of)
        if installation and not installation.suspended_at:
            payload["installation"] = accounts.installation_lite(installation)
            if event in self.records.app.events:
                self.record_delivery(event, action, payload, installation_id=installation.id, repository_id=of.id)
        return payload

    def record_delivery(
        self,
        event: str,
        action: str | None,
        payload: Json,
        *,
        installation_id: int | None,
        repository_id: int | None = None,
    ) -> Delivery:
        """Keep a webhook with its body on disk, and give it to the courier."""
        guid = self.ids.guid()
        self.body_file(guid).write_text(json.dumps(payload, separators=(",", ":")))
        delivery = Delivery(
            id=self.next_id("delivery"),
            guid=guid,
            event=event,
            action=action,
            created_at=self.time(),
            installation_id=installation_id,
            repository_id=repository_id,
        )
        self.records.deliveries[delivery.id] = delivery
        self._hand_over(delivery)
        return delivery

    def redeliver(self, guid: str) -> Delivery:
        """Send an event again: same GUID and body, a new attempt with a new id. KeyError if there was no such event."""
        with self.change():
            first = next((one for one in self.records.deliveries.values() if one.guid == guid), None)
            if first is None:
                raise KeyError(f"no delivery {guid}")
            again = Delivery(
                id=self.next_id("delivery"),
                guid=guid,
                event=first.event,
                action=first.action,
                created_at=self.time(),
                redelivery=True,
                installation_id=first.installation_id,
                repository_id=first.repository_id,
            )
            self.records.deliveries[again.id] = again
            self._hand_over(again)
            return again

    def _hand_over(self, delivery: Delivery) -> None:
        if self.records.app.webhook_url is None:
            delivery.status = "no webhook URL is set"
        elif self.deliver is not None:
            deliver = self.deliver
            self.after(lambda: deliver(delivery))

    def body_file(self, guid: str) -> Path:
        return self.folder / "deliveries" / f"{guid}.json"

    def payload(self, delivery: Delivery) -> Json:
        document: Json = json.loads(self.body_file(delivery.guid).read_text())
        return document

    def attempted(self, delivery: Delivery, sent: dict[str, str], attempt: Attempt) -> None:
        """Log what came of a delivery. A second answer to the same attempt (a duplicate) replaces the first."""
        with self.change():
            delivery.delivered_at = self.time()
            delivery.request_headers = sent
            delivery.status, delivery.status_code = attempt.status, attempt.status_code
            delivery.duration = attempt.duration
            delivery.response_headers, delivery.response_body = attempt.headers, attempt.body

    def deliveries(self, event: str | None = None, action: str | None = None) -> list[Delivery]:
        """All attempts in the order of their making, or those of one event and action."""
        with self.lock:
            return [
                one
                for one in self.records.deliveries.values()
                if event in (None, one.event) and action in (None, one.action)
            ]
