"""`POST /api/v1/affected-stacks`."""

from sonde.server.affected import service
from sonde.server.auth.model import Actor
from sonde.server.kernel.db import Database
from sonde.server.kernel.http import Call, RefusedError, Reply, decode
from sonde.server.kernel.log import log
from sonde.wire.affected import AffectedUpload
from sonde.wire.envelope import ErrorTag


def upload(db: Database, actor: Actor, call: Call) -> Reply:
    """Store what a change affects, then answer 200; it is acted on from its row."""
    body = decode(AffectedUpload, call.body)
    if body.batch_id is not None and (body.batch_total or 1) > 1:
        raise RefusedError(
            400,
            ErrorTag.BAD_REQUEST,
            "This server does not assemble chunked uploads yet. Raise settings.pro.max_payload_bytes in atmos.yaml to 33554432 and upload again.",
        )
    upload_id = db.submit("upload.receive", lambda tx: service.receive(tx, actor, body)).result()
    log.info("upload.received", upload=upload_id, head_sha=body.head_sha, items=len(body.stacks))
    return Reply({"id": upload_id})
