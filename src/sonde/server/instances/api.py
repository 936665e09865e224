"""`POST /api/v1/instances`, and `GET /api/v1/repos/{owner}/{repo}/instances`: what is deployed, drifted, failed.

The second is additive to the protocol.
"""

from dataclasses import replace

from sonde.server.auth.model import Actor
from sonde.server.auth.service import repository_for
from sonde.server.chunks import service as chunks
from sonde.server.instances import service, store
from sonde.server.instances.model import Instance
from sonde.server.kernel.db import Database, Tx
from sonde.server.kernel.decode import decode, let_go
from sonde.server.kernel.http import Call, Reply
from sonde.server.kernel.log import log
from sonde.wire.codec import to_json
from sonde.wire.instances import InstancesUpload, InventoryAnswer
from sonde.wire.reads import InstanceSeen, InstancesSeen
from sonde.wire.times import wire_time


def upload(db: Database, actor: Actor, call: Call) -> Reply:
    """Take the inventory of a repository, or a part of it (product.md §2.4); the answer names what is misconfigured."""
    body = decode(InstancesUpload, call.body)
    rows = service.rows_of(body)
    body, read = replace(body, instances=()), list(body.instances)
    let_go(read)
    packed, part = service.packed(rows), chunks.check(body)
    wrong = [f"{row.stack}/{row.component}: {row.misconfigured}" for row in rows if row.misconfigured]
    # no colon: the Go client cuts the message at the last one, and then shows these as a list (protocol.md §3)
    hopeless = [
        f"{row.component} in {row.stack}, where {row.misconfigured}"
        for row in rows
        if row.misconfigured and row.drift_enabled
    ]
    many = len(rows)
    let_go(rows)

    def take(tx: Tx) -> tuple[str | None, int]:
        service.demand_drift_settings(tx, actor, hopeless)
        if part:
            return service.receive_part(tx, actor, body, packed, digest=chunks.digest_of(call.body))
        return service.receive(tx, actor, body, packed), 0

    inventory, missing = db.submit("inventory.receive", take).result()
    log.info("inventory.received", inventory=inventory, missing=missing, instances=many, misconfigured=len(wrong))
    return Reply(to_json(InventoryAnswer(inventory, missing, tuple(wrong[: service.NAMED]))))


def listed(db: Database, actor: Actor, call: Call) -> Reply:
    """Every instance of a repository with its last known status."""
    with db.read() as tx:
        repository = repository_for(tx, actor, call.parameters["owner"], call.parameters["repo"])
        found = store.of_repository(tx, repository.id)
    return Reply(to_json(InstancesSeen(tuple(_seen(item) for item in found))))


def _seen(item: Instance) -> InstanceSeen:
    return InstanceSeen(
        stack=item.stack,
        component=item.component,
        component_type=item.component_type or None,
        enabled=item.enabled,
        drift_enabled=item.drift_enabled,
        misconfigured=item.misconfigured or None,
        status=item.status,
        last_command=item.last_command or None,
        exit_code=item.exit_code,
        last_run=wire_time(item.last_run) if item.last_run else None,
    )
