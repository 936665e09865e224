"""All SQL of instances and their history."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    Row,
    Select,
    Table,
    Text,
    cast,
    false,
    func,
    insert,
    literal,
    or_,
    select,
)

from sonde.server.instances.model import Instance, Inventory, Status
from sonde.server.kernel.db import Tx, metadata

instances = Table(
    "instances",
    metadata,
    Column("repository_id", Text, ForeignKey("repositories.id"), primary_key=True),
    Column("stack", Text, primary_key=True),
    Column("component", Text, primary_key=True),
    Column("status", Text, nullable=False),
    Column("last_command", Text, nullable=False, server_default=""),
    Column("exit_code", Integer),
    Column("last_run", BigInteger),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Column("declared", Boolean, nullable=False, server_default=false()),
    Column("component_type", Text, nullable=False, server_default=""),
    Column("enabled", Boolean),  # null until an inventory tells
    Column("drift_enabled", Boolean, nullable=False, server_default=false()),
    Column("misconfigured", Text, nullable=False, server_default=""),
    Column("pro", Text, nullable=False, server_default=""),
    Column("inventory_id", Text),  # the newest inventory that named it
    Column("inventory_at", BigInteger),  # when the first part of that one arrived
)
inventories = Table(
    "inventories",
    metadata,
    Column("id", Text, primary_key=True),
    Column("repository_id", Text, ForeignKey("repositories.id"), nullable=False),
    Column("author", Text, nullable=False),
    Column("event_name", Text, nullable=False),
    Column("ref", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("instances", Integer, nullable=False),
    Column("started_at", BigInteger, nullable=False),
    Column("received_at", BigInteger, nullable=False),
    Index("ix_inventories_repository", "repository_id", "received_at"),
)
instance_events = Table(
    "instance_events",
    metadata,
    Column("id", Text, primary_key=True),
    Column("repository_id", Text, ForeignKey("repositories.id"), nullable=False),
    Column("stack", Text, nullable=False),
    Column("component", Text, nullable=False),
    Column("command", Text, nullable=False),
    Column("exit_code", Integer, nullable=False),
    Column("last_run", BigInteger),
    Column("outcome", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("because", Text, nullable=False),
    Column("dispatch_id", Text),
    Column("run_id", BigInteger),
    Column("at", BigInteger, nullable=False),
    Index("ix_instance_events_instance", "repository_id", "stack", "component", "at"),
)


def _instance(row: Row[Any]) -> Instance:
    return Instance(
        row.repository_id,
        row.stack,
        row.component,
        Status(row.status),
        row.last_command,
        row.exit_code,
        row.last_run,
        row.updated_at,
        row.component_type,
        row.enabled,
        row.drift_enabled,
        row.misconfigured,
        row.declared,
        row.pro,
    )


def get(tx: Tx, repository_id: str, stack: str, component: str) -> Instance | None:
    """One instance by its full name."""
    mine = (instances.c.repository_id == repository_id, instances.c.stack == stack, instances.c.component == component)
    row = tx.one(select(instances).where(*mine))
    return _instance(row) if row else None


def named_like(tx: Tx, repository_id: str, stack: str, last_segment: str) -> list[tuple[str, bool]]:
    """Components of a stack that are `last_segment` or end with `/last_segment`, and whether each is declared.

    Clients cut the path at the last slash (protocol.md §6.3).
    """
    mine = (instances.c.repository_id == repository_id, instances.c.stack == stack)
    query = select(instances.c.component, instances.c.declared).where(*mine).order_by(instances.c.component)
    return [(row.component, row.declared) for row in tx.all(query) if f"/{row.component}".endswith(f"/{last_segment}")]


def put(tx: Tx, instance: Instance) -> None:
    """Insert an instance or replace what is known of it."""
    values = {
        "status": instance.status,
        "last_command": instance.last_command,
        "exit_code": instance.exit_code,
        "last_run": instance.last_run,
        "updated_at": tx.now,
    }
    key = {"repository_id": instance.repository_id, "stack": instance.stack, "component": instance.component}
    statement = tx.insert(instances).values(**key, **values, created_at=tx.now)
    tx.run(statement.on_conflict_do_update(index_elements=list(key), set_=values))


def ensure(tx: Tx, repository_id: str, stack: str, component: str) -> None:
    """Make an instance known by the full name that an upload gave it; what was reported of it stays."""
    key = {"repository_id": repository_id, "stack": stack, "component": component}
    facts = {"status": Status.UNKNOWN, "created_at": tx.now, "updated_at": tx.now, "declared": True}
    statement = tx.insert(instances).values(**key, **facts)
    tx.run(statement.on_conflict_do_update(index_elements=list(key), set_={"declared": True}))


def same_inventory(tx: Tx, inventory: Inventory) -> str | None:
    """The id under which this very author sent this very inventory minutes before: a client's retry (protocol.md §8)."""
    mine = (
        inventories.c.repository_id == inventory.repository_id,
        inventories.c.author == inventory.author,
        inventories.c.digest == inventory.digest,
        inventories.c.received_at > inventory.received_at - 5 * 60_000,
    )
    row = tx.one(select(inventories.c.id).where(*mine).limit(1))
    return row.id if row else None


def put_inventory(tx: Tx, inventory: Inventory, parts: Sequence[bytes]) -> None:
    """Store a whole inventory: each instance is inserted or brought up to date, unless a newer inventory told of it.

    `parts` are JSON lists whose items are the fields of `InventoryRow` in their order; the database reads them itself, one
    statement per part, so that 100,000 rows cost no work in Python while everybody else waits for the lock.
    """
    tx.run(insert(inventories).values(**vars(inventory)))
    told = ("declared", *FIELDS[2:], "inventory_id", "inventory_at", "updated_at")
    columns = ("repository_id", *FIELDS[:2], "status", "created_at", *told)
    for part in parts:
        rows = _rows(tx, inventory, part.decode())
        statement = tx.insert(instances).from_select(list(columns), rows)
        new = statement.excluded
        older = or_(instances.c.inventory_at.is_(None), instances.c.inventory_at <= new.inventory_at)
        changed = {name: new[name] for name in told}
        tx.run(
            statement.on_conflict_do_update(
                index_elements=["repository_id", "stack", "component"], set_=changed, where=older
            )
        )


FIELDS = ("stack", "component", "component_type", "enabled", "drift_enabled", "misconfigured", "pro")


def _rows(tx: Tx, inventory: Inventory, part: str) -> Select[Any]:
    """One part of an inventory as rows of `instances`, in the order of the columns of `put_inventory`."""
    fields = dict(zip(FIELDS, _read(tx.connection.dialect, part), strict=True))
    found: Any = fields.pop("stack"), fields.pop("component")
    row = (
        literal(inventory.repository_id),
        *found,
        literal(Status.UNKNOWN),
        literal(tx.now, BigInteger),
        literal(True),
        *fields.values(),
        literal(inventory.id),
        literal(inventory.started_at, BigInteger),
        literal(tx.now, BigInteger),
    )
    return select(*row).where(found[0].is_not(None))  # SQLite cannot read an upsert from a select without a condition


def _read(dialect: Dialect, part: str) -> list[Any]:
    flags = {"enabled", "drift_enabled"}
    if dialect.name == "sqlite":
        item: Any = func.json_each(part).table_valued("value").c.value
        return [func.json_extract(item, f"$[{at}]") for at in range(len(FIELDS))]
    item = func.json_array_elements(cast(literal(part, Text), JSON)).table_valued("value").render_derived().c.value
    read = [item.op("->>")(at) for at in range(len(FIELDS))]
    return [cast(text, Boolean) if name in flags else text for name, text in zip(FIELDS, read, strict=True)]


def note(tx: Tx, event: dict[str, Any]) -> None:
    """Append to an instance's history; the keys are the columns of `instance_events` but `at`."""
    tx.run(insert(instance_events).values(**event, at=tx.now))


def of_repository(tx: Tx, repository_id: str) -> list[Instance]:
    """Every instance of a repository, by stack and component."""
    query = (
        select(instances)
        .where(instances.c.repository_id == repository_id)
        .order_by(instances.c.stack, instances.c.component)
    )
    return [_instance(row) for row in tx.all(query)]


def search(tx: Tx, repository_id: str, *, text: str, status: str, limit: int) -> list[Instance]:
    """Instances whose stack or component holds `text` (its letters' case does not count) and that have `status`, if given."""
    query = select(instances).where(instances.c.repository_id == repository_id)
    if text:
        either = instances.c.stack.icontains(text, autoescape=True)
        query = query.where(either | instances.c.component.icontains(text, autoescape=True))
    if status:
        query = query.where(instances.c.status == status)
    return [_instance(row) for row in tx.all(query.order_by(instances.c.stack, instances.c.component).limit(limit))]


def counts(tx: Tx) -> dict[str, dict[Status, int]]:
    """How many instances of each repository have each status."""
    query = select(instances.c.repository_id, instances.c.status, func.count().label("many"))
    found: dict[str, dict[Status, int]] = {}
    for row in tx.all(query.group_by(instances.c.repository_id, instances.c.status)):
        found.setdefault(row.repository_id, {})[Status(row.status)] = row.many
    return found


def history(tx: Tx, repository_id: str, stack: str, component: str, limit: int) -> Sequence[Row[Any]]:
    """The newest events of one instance."""
    mine = (
        instance_events.c.repository_id == repository_id,
        instance_events.c.stack == stack,
        instance_events.c.component == component,
    )
    return tx.all(
        select(instance_events)
        .where(*mine)
        .order_by(instance_events.c.at.desc(), instance_events.c.id.desc())
        .limit(limit)
    )


def reported_twice(tx: Tx, event: dict[str, Any]) -> bool:
    """Whether exactly this report is the newest of the instance: a client's retry (protocol.md §8)."""
    rows = history(tx, event["repository_id"], event["stack"], event["component"], 1)
    same = ("command", "exit_code", "last_run", "run_id")
    return bool(rows) and event["last_run"] is not None and all(getattr(rows[0], name) == event[name] for name in same)
