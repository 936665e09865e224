"""`POST /api/v1/atmos/exec`, `POST /api/v1/atmos/exec/data` and `GET` of what the second gave an address."""

from sonde.server.auth.model import Actor
from sonde.server.executions import service, store
from sonde.server.kernel.db import Database
from sonde.server.kernel.decode import decode
from sonde.server.kernel.http import Call, RefusedError, Reply
from sonde.server.kernel.log import log
from sonde.wire.codec import to_json
from sonde.wire.envelope import ErrorTag
from sonde.wire.executions import Execution, ExecutionAnswer, ExecutionData, ExecutionResult


def report(db: Database, actor: Actor, call: Call) -> Reply:
    """Store what a command did (product.md §2.8). Each command of a client in CI waits for this answer."""
    body = decode(Execution, call.body)
    service.check(body.execution_id)
    data = service.packed(body.data)
    db.submit("execution.receive", lambda tx: service.receive(tx, actor, body, data, site_url=call.site_url)).result()
    log.info("execution.received", execution=body.execution_id, command=body.command, exit_code=body.exit_code)
    return Reply(to_json(ExecutionAnswer(body.execution_id)))


def upload(db: Database, actor: Actor, call: Call) -> Reply:
    """Store a result that is too large for its record; the answer has its address beside `data`, where clients look."""
    body = decode(ExecutionData, call.body)
    service.check(body.execution_id)
    packed = service.packed(body.data)
    if packed is None:
        raise RefusedError(400, ErrorTag.BAD_REQUEST, "data is neither an object nor a list.")
    result = db.submit(
        "execution.receive", lambda tx: service.receive_result(tx, actor, body.execution_id, packed)
    ).result()
    log.info("execution.result", execution=body.execution_id, result=result)
    return Reply(to_json(ExecutionAnswer(result)), url=service.url_of(call.site_url, result))


def result(db: Database, actor: Actor, call: Call) -> Reply:
    """A result, for a credential of the workspace it was uploaded to."""
    with db.read() as tx:
        found = store.result(tx, actor.workspace_id, call.parameters["result"])
    if found is None:
        raise RefusedError(404, ErrorTag.NOT_FOUND, "This workspace has no such result; results are kept for 30 days.")
    return Reply(to_json(ExecutionResult(found.execution_id, service.unpacked(found.body))))
