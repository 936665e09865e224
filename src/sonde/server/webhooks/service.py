"""Receive a webhook, and process one from its row."""

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sonde.server.github import events
from sonde.server.github.signature import genuine
from sonde.server.kernel.db import Database, Grouped, Tx
from sonde.server.kernel.http import RefusedError
from sonde.server.kernel.log import log
from sonde.server.kernel.outage import unavailable
from sonde.server.webhooks import store
from sonde.server.workspaces import store as workspaces
from sonde.wire.envelope import ErrorTag

ATTEMPTS = 5
SLICE = 0.005  # seconds that a group of deliveries may keep the database from those who wait to be accepted


@dataclass(frozen=True)
class Ignored:
    """An event that has no effect, and why: the answer to "why did nothing happen?"."""

    because: str


@dataclass(frozen=True)
class Done:
    """An event that took effect, and how."""

    because: str


Handler = Callable[[Tx, object], Done | Ignored]


@dataclass(frozen=True)
class Secrets:
    """What GitHub signs with; `before` was the secret until it was changed, and still counts `until` (seconds of our own clock)."""

    now: str
    before: str = ""
    until: float = 0

    def signed(self, body: bytes, signature: str, at: float) -> bool:
        """Whether one of them, valid at this time, made the signature."""
        if genuine(self.now, body, signature):
            return True
        return bool(self.before) and at < self.until and genuine(self.before, body, signature)


def accepted(secrets: Secrets, headers: Mapping[str, str], body: bytes, at: float) -> store.Arrived:
    """A webhook as a row of the inbox, once its signature was checked over the raw bytes.

    Raises RefusedError: 401 for a signature that does not fit, 400 for a request that is no webhook, 503 where no secret is
    configured.
    """
    if not secrets.now:
        raise RefusedError(
            503,
            ErrorTag.UNAVAILABLE,
            "Webhooks are off: set SONDE_GITHUB_WEBHOOK_SECRET to the secret of the GitHub App.",
        )
    signature = headers.get("x-hub-signature-256", "")
    if not secrets.signed(body, signature, at):
        raise RefusedError(
            401,
            ErrorTag.UNAUTHORIZED,
            "The signature does not fit the body. Compare the App's webhook secret with SONDE_GITHUB_WEBHOOK_SECRET.",
        )
    guid, event = headers.get("x-github-delivery", ""), headers.get("x-github-event", "")
    if not guid or not event or len(guid) > 200 or len(event) > 200:
        raise RefusedError.bad("A webhook names its event and delivery id (X-GitHub-Event, X-GitHub-Delivery).")
    try:
        return _filed(guid, event, events.header(body), body, signature)
    except events.PayloadError as error:
        raise RefusedError.bad(f"The webhook cannot be read: {error}.") from error


def _filed(guid: str, event: str, facts: events.Header, body: bytes, signature: str) -> store.Arrived:
    """The signature stands for the bytes: under one secret each body has one, and only the body that it was made for."""
    about = facts.repository
    filed = {
        "guid": guid,
        "event": event,
        "action": _text(facts.action),
        "repository": _text(f"{about.owner.login}/{about.name}") if about else "",
        "github_id": about.id if about and 0 <= about.id < 2**63 else None,
        "number": facts.number if facts.number is not None and 0 <= facts.number < 2**31 else None,
        "digest": hashlib.sha256(f"{event}\n{signature}".encode()).hexdigest(),
    }
    return store.Arrived(filed, body)


def _receive_each(tx: Tx, arrived: Sequence[store.Arrived]) -> list[bool]:
    fresh = store.receive(tx, arrived)
    answers = []
    for one in arrived:
        answers.append(one.guid in fresh or store.revive(tx, one))
        fresh.discard(one.guid)  # of two with one id only the first is new
    return answers


RECEIVE = Grouped("delivery.receive", _receive_each, prepare=store.Arrived.pack, again=lambda _: True)


def _text(value: str) -> str:
    """What the list of deliveries shows; the body keeps the rest. PostgreSQL stores no NUL."""
    return value.replace("\x00", "")[:200]


def process(db: Database, guid: str, handlers: Mapping[tuple[str, str], Handler]) -> bool:
    """Let one delivery take effect, in one transaction with the note that it did; False where somebody else has it.

    A handler that raises leaves nothing behind but a counted attempt; after five the delivery is parked as failed.
    """
    try:
        with db.write("delivery.process") as tx:
            delivery = store.take(tx, guid)
            if delivery is None:
                return False
            result = _handle(tx, delivery, handlers, store.copies_of(tx, [delivery]).get(delivery.digest), {})
            store.finish(tx, guid, _state(result), result.because)
    except events.PayloadError as error:
        with db.write("delivery.process") as tx:
            store.finish(tx, guid, "failed", str(error))
        return True
    except Exception as error:
        if unavailable(error):
            raise  # not the delivery's fault: it waits for the database, uncounted
        log.exception("delivery.crashed", guid=guid)
        with db.write("delivery.process") as tx:
            store.count_attempt(tx, guid, f"{type(error).__name__}: {error}", ATTEMPTS)
        return True
    _tell(delivery, result)
    return True


def process_together(db: Database, guids: Sequence[str], handlers: Mapping[tuple[str, str], Handler]) -> set[str]:
    """Let deliveries take effect in one transaction, as many as fit into `SLICE`, in the order they came; which ones did.

    Where one of them raises nothing of it stands, and none is returned: they are to be processed one by one.
    """
    try:
        with db.write("delivery.process") as tx:
            outcomes = _outcomes(tx, store.take_all(tx, guids), handlers)
            store.finish_all(tx, [(delivery.guid, _state(result), result.because) for delivery, result in outcomes])
    except Exception as error:
        if unavailable(error):
            raise
        log.info("delivery.group_failed", reason=type(error).__name__, deliveries=len(guids))
        return set()
    for delivery, result in outcomes:
        _tell(delivery, result)
    return {delivery.guid for delivery, _ in outcomes}


def _outcomes(
    tx: Tx, taken: Sequence[store.Delivery], handlers: Mapping[tuple[str, str], Handler]
) -> list[tuple[store.Delivery, Done | Ignored]]:
    copies, until = store.copies_of(tx, taken), time.monotonic() + SLICE
    learned: dict[int, str] = {}
    outcomes: list[tuple[store.Delivery, Done | Ignored]] = []
    for delivery in taken:
        if outcomes and time.monotonic() > until:
            break
        result = _handle(tx, delivery, handlers, copies.get(delivery.digest), learned)
        if isinstance(result, Done):
            copies.setdefault(delivery.digest, delivery.guid)
        outcomes.append((delivery, result))
    return outcomes


def _state(result: Done | Ignored) -> str:
    return "ignored" if isinstance(result, Ignored) else "done"


def _tell(delivery: store.Delivery, result: Done | Ignored) -> None:
    said = {"guid": delivery.guid, "kind": delivery.event, "action": delivery.action, "because": result.because}
    log.info("delivery.processed", **said)


def _learn(tx: Tx, delivery: store.Delivery, learned: dict[int, str]) -> None:
    """Every event of a repository names its default branch, also one that nothing else follows from.

    `learned` by GitHub's number is what this transaction wrote already.
    """
    facts = events.header(delivery.body or b"{}").repository
    number = delivery.github_id
    if not facts or not facts.default_branch or number is None or learned.get(number) == facts.default_branch:
        return
    workspaces.set_default_branch(tx, number, _text(facts.default_branch))
    learned[number] = facts.default_branch


def _handle(
    tx: Tx,
    delivery: store.Delivery,
    handlers: Mapping[tuple[str, str], Handler],
    copy: str | None,
    learned: dict[int, str],
) -> Done | Ignored:
    if delivery.body is None:
        return Ignored("its body was purged before it was processed")
    if copy is not None:
        return Ignored(f"the same bytes came before, as delivery {copy}")
    _learn(tx, delivery, learned)
    handler = handlers.get((delivery.event, delivery.action)) or handlers.get((delivery.event, "*"))
    if handler is None:
        followed = sorted({action for event, action in handlers if event == delivery.event})
        what = f"{delivery.event}.{delivery.action}" if delivery.action else delivery.event
        return Ignored(
            f"Sonde does not act on {what}"
            + (f"; of {delivery.event} it follows {', '.join(followed)}" if followed else "")
        )
    event = events.parse(delivery.event, delivery.body)
    return handler(tx, event)
