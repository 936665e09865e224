"""All SQL of instances and their history."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, Row, Table, Text, func, insert, select

from sonde.server.instances.model import Instance, Status
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
    )


def get(tx: Tx, repository_id: str, stack: str, component: str) -> Instance | None:
    """One instance by its full name."""
    mine = (instances.c.repository_id == repository_id, instances.c.stack == stack, instances.c.component == component)
    row = tx.one(select(instances).where(*mine))
    return _instance(row) if row else None


def ending_with(tx: Tx, repository_id: str, stack: str, last_segment: str) -> list[str]:
    """Components of a stack whose path ends with `/last_segment`: old clients cut the path (protocol.md §6.3)."""
    query = select(instances.c.component).where(instances.c.repository_id == repository_id, instances.c.stack == stack)
    return [row.component for row in tx.all(query) if row.component.endswith(f"/{last_segment}")]


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
    """Make an instance known, with nothing reported yet; one that is known stays as it is."""
    key = {"repository_id": repository_id, "stack": stack, "component": component}
    statement = tx.insert(instances).values(**key, status=Status.UNKNOWN, created_at=tx.now, updated_at=tx.now)
    tx.run(statement.on_conflict_do_nothing())


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
