"""All SQL of deliveries."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    Row,
    Table,
    Text,
    bindparam,
    func,
    literal,
    select,
    update,
)

from sonde.server.kernel.db import Tx, metadata
from sonde.server.kernel.statements import NOW, given, insert, rows

deliveries = Table(
    "deliveries",
    metadata,
    Column("guid", Text, primary_key=True),
    Column("event", Text, nullable=False),
    Column("action", Text, nullable=False, server_default=""),
    Column("repository", Text, nullable=False, server_default=""),  # owner/name, for people
    Column("github_id", BigInteger),
    Column("number", Integer),
    Column("digest", Text, nullable=False, index=True),
    Column("body", LargeBinary),  # null once it is purged
    Column("received_at", BigInteger, nullable=False, index=True),
    Column("state", Text, nullable=False),  # received, done, ignored, failed
    Column("because", Text, nullable=False, server_default=""),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("processed_at", BigInteger),
    Index("ix_deliveries_state", "state", "received_at"),
)


@dataclass(frozen=True)
class Delivery:
    """One webhook as it stands in the inbox."""

    guid: str
    event: str
    action: str
    repository: str
    github_id: int | None
    number: int | None
    digest: str
    body: bytes | None
    received_at: int
    state: str
    because: str
    attempts: int
    processed_at: int | None = None


def _delivery(row: Row[Any]) -> Delivery:
    return Delivery(
        guid=row.guid,
        event=row.event,
        action=row.action,
        repository=row.repository,
        github_id=row.github_id,
        number=row.number,
        digest=row.digest,
        body=row.body,
        received_at=row.received_at,
        state=row.state,
        because=row.because,
        attempts=row.attempts,
        processed_at=row.processed_at,
    )


_FILED = ("guid", "event", "action", "repository", "github_id", "number", "digest")


def _receive(dialect: str) -> Any:
    fields = {name: deliveries.c[name].type for name in _FILED}
    items = given(dialect, "items", {**fields, "start": Integer(), "size": Integer()})
    body = func.substr(bindparam("bodies", required=False, type_=LargeBinary), items.pop("start"), items.pop("size"))
    source = select(*items.values(), body, NOW, literal("received")).where(items["guid"].is_not(None))
    names = [*_FILED, "body", "received_at", "state"]
    new = insert(dialect, deliveries).from_select(names, source.order_by(items["guid"])).on_conflict_do_nothing()
    return new.returning(deliveries.c.guid)


def receive(tx: Tx, arrived: Sequence[Delivery]) -> set[str]:
    """Store deliveries; the ids of those that were not known already, which GitHub's redelivery repeats.

    The bodies cross over as one run of bytes, since no list that both databases read can hold bytes.
    """
    start, items = 1, []
    for one in arrived:
        size = len(one.body or b"")
        items.append({**{name: getattr(one, name) for name in _FILED}, "start": start, "size": size})
        start += size
    bodies = b"".join([one.body or b"" for one in arrived])
    return {row.guid for row in tx.hot(_receive, items=rows(items), bodies=bodies)}


def revive(tx: Tx, delivery: Delivery) -> bool:
    """Process a delivery again that had no effect, since it failed or was ignored; a redelivery asks for this (style.md §2.4).

    What was ignored may matter now: its repository was linked meanwhile. The bytes must be the same, as the id is not signed.
    """
    mine = (
        deliveries.c.guid == delivery.guid,
        deliveries.c.digest == delivery.digest,
        deliveries.c.state.in_(("failed", "ignored")),
    )
    values = {"state": "received", "attempts": 0, "because": "", "body": delivery.body}
    return tx.run(update(deliveries).where(*mine).values(**values)).rowcount == 1


def waiting(tx: Tx, limit: int) -> list[str]:
    """Deliveries that nobody has processed, in the order they came."""
    query = select(deliveries.c.guid).where(deliveries.c.state == "received")
    return [row.guid for row in tx.all(query.order_by(deliveries.c.received_at, deliveries.c.guid).limit(limit))]


def take(tx: Tx, guid: str) -> Delivery | None:
    """A delivery to process in this transaction; None where another replica has it."""
    query = (
        select(deliveries)
        .where(deliveries.c.guid == guid, deliveries.c.state == "received")
        .with_for_update(skip_locked=True)
    )
    row = tx.one(query)
    return _delivery(row) if row else None


def copy_of(tx: Tx, delivery: Delivery) -> str | None:
    """A delivery with the very same bytes that took effect: the id header is not signed, so a replay may carry a new one."""
    same = (
        deliveries.c.digest == delivery.digest,
        deliveries.c.guid != delivery.guid,
        deliveries.c.state == "done",
    )
    row = tx.one(select(deliveries.c.guid).where(*same).order_by(deliveries.c.received_at).limit(1))
    return row.guid if row else None


def finish(tx: Tx, guid: str, state: str, because: str) -> None:
    """What became of a delivery, with the reason the page shows."""
    tx.run(
        update(deliveries).where(deliveries.c.guid == guid).values(state=state, because=because, processed_at=tx.now)
    )


def count_attempt(tx: Tx, guid: str, because: str, limit: int) -> None:
    """Processing raised: try again, up to `limit` times, then park it where a person sees it."""
    row = tx.one(select(deliveries.c.attempts).where(deliveries.c.guid == guid))
    attempts = (row.attempts if row else 0) + 1
    state = "failed" if attempts >= limit else "received"
    tx.run(update(deliveries).where(deliveries.c.guid == guid).values(attempts=attempts, because=because, state=state))


def listed(tx: Tx, limit: int, *, state: str = "", before: int | None = None) -> list[Delivery]:
    """The newest deliveries without their bodies; `state` and `before` (a time of receipt) narrow them down."""
    columns = [column for column in deliveries.columns if column.name != "body"]
    query = select(*columns, literal(None).label("body"))
    if state:
        query = query.where(deliveries.c.state == state)
    if before is not None:
        query = query.where(deliveries.c.received_at < before)
    return [
        _delivery(row)
        for row in tx.all(query.order_by(deliveries.c.received_at.desc(), deliveries.c.guid).limit(limit))
    ]


def get(tx: Tx, guid: str) -> Delivery | None:
    """One delivery."""
    row = tx.one(select(deliveries).where(deliveries.c.guid == guid))
    return _delivery(row) if row else None


def purge_bodies(tx: Tx, before: int) -> int:
    """Forget the bodies of deliveries received before a time; what became of them stays. How many there were."""
    old = (deliveries.c.received_at < before, deliveries.c.body.is_not(None), deliveries.c.state != "received")
    return tx.run(update(deliveries).where(*old).values(body=None)).rowcount
