"""All SQL of deliveries."""

import zlib
from collections.abc import Iterable, Mapping, Sequence
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
    and_,
    bindparam,
    func,
    literal,
    literal_column,
    select,
    text,
    update,
)

from sonde.server.kernel.db import Tx, metadata
from sonde.server.kernel.statements import NOW, TEXT, given, insert, rows

deliveries = Table(
    "deliveries",
    metadata,
    Column("guid", Text, primary_key=True),
    Column("event", Text, nullable=False),
    Column("action", Text, nullable=False, server_default=""),
    Column("repository", Text, nullable=False, server_default=""),  # owner/name, for people
    Column("github_id", BigInteger),
    Column("number", Integer),
    Column("digest", Text, nullable=False),
    Column("body", LargeBinary),  # null once it is purged
    Column("received_at", BigInteger, nullable=False, index=True),
    Column("state", Text, nullable=False),  # received, done, ignored, failed
    Column("because", Text, nullable=False, server_default=""),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("processed_at", BigInteger),
    *(
        Index(name, column, sqlite_where=text(f"state = '{state}'"), postgresql_where=text(f"state = '{state}'"))
        for name, column, state in (
            ("ix_deliveries_done", "digest", "done"),
            ("ix_deliveries_waiting", "received_at", "received"),
            ("ix_deliveries_failed", "received_at", "failed"),
        )
    ),
)
# in the text of a statement, since no database would use those indexes for a parameter
WAITING = deliveries.c.state == literal_column("'received'")
DONE = deliveries.c.state == literal_column("'done'")


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


LOAD = 16 * 1024 * 1024  # bytes of bodies that one statement carries
PACKED = b"\x78\x01"  # how zlib's fastest begins, and no JSON text does


def packed(body: bytes) -> bytes:
    """A body as it is stored, a tenth of what GitHub sends; one that is packed stays as it is.

    The bytes that a commit waits for are what a webhook costs most.
    """
    return body if body.startswith(PACKED) else zlib.compress(body, 1)


def _unpacked(body: bytes | None) -> bytes | None:
    return zlib.decompress(body) if body and body.startswith(PACKED) else body


def _delivery(row: Row[Any]) -> Delivery:
    return Delivery(
        guid=row.guid,
        event=row.event,
        action=row.action,
        repository=row.repository,
        github_id=row.github_id,
        number=row.number,
        digest=row.digest,
        body=_unpacked(row.body),
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


@dataclass
class Arrived:
    """A genuine webhook that is to be stored: the columns that file it, and its body, which `pack` makes small."""

    filed: Mapping[str, str | int | None]
    body: bytes

    @property
    def guid(self) -> str:
        """GitHub's id of the delivery."""
        return str(self.filed["guid"])

    def pack(self) -> None:
        """Ahead of the transaction, so that nobody waits for it. Doing it twice does nothing more."""
        self.body = packed(self.body)


def _receive_one(dialect: str) -> Any:
    names = [*_FILED, "body"]
    values: dict[str, Any] = {name: bindparam(name, required=False, type_=deliveries.c[name].type) for name in names}
    new = insert(dialect, deliveries).values(**values, received_at=NOW, state=literal_column("'received'"))
    return new.on_conflict_do_nothing()


def receive(tx: Tx, arrived: Sequence[Arrived]) -> set[str]:
    """Store deliveries; the ids of those that were not known already, which GitHub's redelivery repeats."""
    if tx.connection.dialect.name == "sqlite":
        added = tx.each(_receive_one, [{**one.filed, "body": packed(one.body)} for one in arrived])
        return {one.guid for one, count in zip(arrived, added, strict=True) if count}
    fresh: set[str] = set()
    for load in _loads(arrived):
        fresh |= _receive_load(tx, load)
    return fresh


def _loads(arrived: Sequence[Arrived]) -> list[list[Arrived]]:
    """Deliveries in their order, in as many parts as their bodies need; one that is too large is a part by itself."""
    loads: list[list[Arrived]] = [[]]
    size = 0
    for one in arrived:
        one.pack()
        if size + len(one.body) > LOAD and loads[-1]:
            loads.append([])
            size = 0
        loads[-1].append(one)
        size += len(one.body)
    return loads


def _receive_load(tx: Tx, arrived: Sequence[Arrived]) -> set[str]:
    """The bodies cross over as one run of bytes, since no list that both databases read can hold bytes."""
    start, items = 1, []
    for one in arrived:
        items.append({**one.filed, "start": start, "size": len(one.body)})
        start += len(one.body)
    bodies = b"".join([one.body for one in arrived])
    return {row.guid for row in tx.hot(_receive, items=rows(items), bodies=bodies).all()}


def revive(tx: Tx, delivery: Arrived) -> bool:
    """Process a delivery again that had no effect, since it failed or was ignored; a redelivery asks for this (style.md §2.4).

    What was ignored may matter now: its repository was linked meanwhile. The bytes must be the same, as the id is not signed.
    """
    mine = (
        deliveries.c.guid == delivery.guid,
        deliveries.c.digest == delivery.filed["digest"],
        deliveries.c.state.in_(("failed", "ignored")),
    )
    values = {"state": "received", "attempts": 0, "because": "", "body": packed(delivery.body)}
    return tx.run(update(deliveries).where(*mine).values(**values)).rowcount == 1


def waiting(tx: Tx, limit: int) -> list[str]:
    """Deliveries that nobody has processed, in the order they came."""
    query = select(deliveries.c.guid).where(WAITING)
    return [row.guid for row in tx.all(query.order_by(deliveries.c.received_at, deliveries.c.guid).limit(limit))]


def _take(dialect: str) -> Any:
    mine = and_(deliveries.c.guid.in_(select(given(dialect, "items", {"guid": TEXT})["guid"])), WAITING)
    order = select(deliveries).where(mine).order_by(deliveries.c.received_at, deliveries.c.guid)
    return order.with_for_update(skip_locked=True)


def take_all(tx: Tx, guids: Iterable[str]) -> list[Delivery]:
    """Deliveries to process in this transaction, in the order they came; without those another replica has."""
    return [_delivery(row) for row in tx.hot(_take, items=rows([{"guid": guid} for guid in guids]))]


def take(tx: Tx, guid: str) -> Delivery | None:
    """A delivery to process in this transaction; None where another replica has it."""
    return next(iter(take_all(tx, [guid])), None)


def _copies(dialect: str) -> Any:
    items = given(dialect, "items", {"digest": TEXT, "guid": TEXT})
    same = and_(deliveries.c.digest == items["digest"], deliveries.c.guid != items["guid"], DONE)
    took = select(deliveries.c.digest, deliveries.c.guid).where(same)
    return took.order_by(deliveries.c.received_at.desc())


def copies_of(tx: Tx, of: Iterable[Delivery]) -> dict[str, str]:
    """By digest, the first delivery with the very same bytes that took effect: the id header is not signed, so a replay may
    carry a new one.
    """
    items = rows([{"digest": one.digest, "guid": one.guid} for one in of])
    return {row.digest: row.guid for row in tx.hot(_copies, items=items)}


def _finish(dialect: str) -> Any:
    items = given(dialect, "items", {"guid": TEXT, "state": TEXT, "because": TEXT})
    told = {"state": items["state"], "because": items["because"], "processed_at": NOW}
    return update(deliveries).where(deliveries.c.guid == items["guid"]).values(**told)


def finish_all(tx: Tx, ended: Iterable[tuple[str, str, str]]) -> None:
    """What became of deliveries: id, state, and the reason the page shows."""
    items = [{"guid": guid, "state": state, "because": because} for guid, state, because in ended]
    tx.hot(_finish, items=rows(items))


def finish(tx: Tx, guid: str, state: str, because: str) -> None:
    """What became of one delivery."""
    finish_all(tx, [(guid, state, because)])


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
        query = query.where(deliveries.c.state == literal(state, literal_execute=True))
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


def backlog(tx: Tx) -> tuple[int, int]:
    """How many deliveries wait to be processed, and for how many milliseconds the first of them."""
    many, first = func.count().label("many"), func.min(deliveries.c.received_at).label("first")
    row = tx.all(select(many, first).where(WAITING))[0]
    return row.many, max(0, tx.now - row.first) if row.many else 0
