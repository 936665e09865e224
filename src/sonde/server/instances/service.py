"""Use cases: receive the inventory of a repository, whole or in parts."""

import hashlib
from collections.abc import Sequence

import msgspec

from sonde.server.auth.model import Actor
from sonde.server.auth.service import repository_for
from sonde.server.chunks import service as chunks
from sonde.server.instances import decide, store
from sonde.server.instances.model import Inventory, InventoryRow
from sonde.server.kernel.db import Tx
from sonde.server.kernel.http import RefusedError
from sonde.server.kernel.ids import new_id
from sonde.server.workspaces import store as workspaces
from sonde.wire.envelope import ErrorTag
from sonde.wire.instances import InstancesUpload

NAMED = 20  # misconfigured instances that an answer names; the page lists all


def rows_of(body: InstancesUpload) -> list[InventoryRow]:
    """What an upload tells, one row per instance in the order of their names. Raises RefusedError 400 for a bad name.

    The order keeps two uploads at once from waiting for each other's rows; of two with one name the last counts.
    """
    rows = {(row.stack, row.component): row for row in map(decide.inventory_row, body.instances)}
    for row in rows.values():
        if because := decide.unfit(row):
            raise RefusedError(400, ErrorTag.BAD_REQUEST, f"The inventory was not taken. {because}")
    return [rows[name] for name in sorted(rows)]


def packed(rows: Sequence[InventoryRow]) -> bytes:
    """Rows as the JSON text that the database reads, one per line."""
    lines = [msgspec.json.encode(tuple(vars(row).values())) for row in rows]
    return b"[" + b",\n".join(lines) + b"]"


def demand_drift_settings(tx: Tx, actor: Actor, wrong: Sequence[str]) -> None:
    """Refuse an inventory in which drift detection cannot run, where the workspace wants that (ruling 11; product.md §1.5).

    `wrong` has a sentence for each such instance. Raises RefusedError 400 with all of them in `data.validationErrors`.
    """
    if not wrong:
        return
    workspace = workspaces.workspace(tx, actor.workspace_id)
    if workspace is None or not workspace.strict_drift:
        return
    message = f"Drift detection validation failed: {'; '.join(wrong[:NAMED])}"
    raise RefusedError(400, ErrorTag.DRIFT_DETECTION, message, data={"validationErrors": list(wrong[:NAMED])})


def receive(tx: Tx, actor: Actor, body: InstancesUpload, rows: bytes) -> str:
    """Store a whole inventory; returns its id. Instances that it does not name stay as they are.

    Raises RefusedError 400 for a body without a repository, 403 for another one or for an event that speaks of a change that is not merged.
    """
    repository_id = _repository(tx, actor, body)
    return _stored(tx, actor, repository_id, [rows], tx.now)


def receive_part(tx: Tx, actor: Actor, body: InstancesUpload, rows: bytes, *, digest: str) -> tuple[str | None, int]:
    """Store a part of an inventory; the last one brings every instance up to date at once (protocol.md §6.4).

    Returns the inventory's id, once it is whole, and how many parts are missing. Raises RefusedError like `receive`, and 409.
    """
    repository_id = _repository(tx, actor, body)
    part = chunks.part_of(actor, repository_id, body, digest=digest, keep=rows)
    return chunks.take(tx, part, lambda whole: _stored(tx, actor, repository_id, whole.bodies, whole.started_at))


def _repository(tx: Tx, actor: Actor, body: InstancesUpload) -> str:
    if because := decide.refused_event(str(actor.claims.get("event_name", ""))):
        raise RefusedError(403, ErrorTag.FORBIDDEN, because)
    if not body.repo_owner or not body.repo_name:
        raise RefusedError(
            400,
            ErrorTag.BAD_REQUEST,
            "repo_owner or repo_name is empty: the checkout has no git remote that names them.",
        )
    return repository_for(tx, actor, body.repo_owner, body.repo_name).id


def _stored(tx: Tx, actor: Actor, repository_id: str, parts: Sequence[bytes], started_at: int) -> str:
    digest, many = hashlib.sha256(), 0
    for part in parts:
        digest.update(part)
        many += part.count(b"\n") + (len(part) > len(b"[]"))
    inventory = Inventory(
        id=new_id("inv", tx.now),
        repository_id=repository_id,
        author=chunks.author(actor),
        event_name=str(actor.claims.get("event_name", "")),
        ref=str(actor.claims.get("ref", "")),
        digest=digest.hexdigest(),
        instances=many,
        started_at=started_at,
        received_at=tx.now,
    )
    workspaces.hold(tx, repository_id)  # two inventories at once could wait for each other's rows
    if actor.claims and (first := store.same_inventory(tx, inventory)):
        return first
    store.put_inventory(tx, inventory, parts)
    return inventory.id
