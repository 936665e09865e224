"""`GET /api/v1/repos/{owner}/{repo}/instances`: what is deployed, drifted, failed. Additive to the protocol."""

from sonde.server.auth.model import Actor
from sonde.server.auth.service import repository_for
from sonde.server.instances import store
from sonde.server.kernel.db import Database
from sonde.server.kernel.http import Call, Reply
from sonde.wire.times import wire_time


def listed(db: Database, actor: Actor, call: Call) -> Reply:
    """Every instance of a repository with its last known status."""
    with db.read() as tx:
        repository = repository_for(tx, actor, call.parameters["owner"], call.parameters["repo"])
        found = store.of_repository(tx, repository.id)
    rows = [
        {
            "stack": item.stack,
            "component": item.component,
            "status": item.status,
            "lastCommand": item.last_command or None,
            "exitCode": item.exit_code,
            "lastRun": wire_time(item.last_run) if item.last_run else None,
        }
        for item in found
    ]
    return Reply({"instances": rows})
