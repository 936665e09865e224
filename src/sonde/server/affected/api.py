"""`POST /api/v1/affected-stacks`."""

from sonde.server.affected import service
from sonde.server.affected.model import Content
from sonde.server.auth.model import Actor
from sonde.server.chunks import service as chunks
from sonde.server.kernel.db import Database
from sonde.server.kernel.decode import decode
from sonde.server.kernel.http import Call, Reply
from sonde.server.kernel.log import log
from sonde.wire.affected import AffectedUpload, UploadAnswer
from sonde.wire.codec import to_json


def upload(db: Database, actor: Actor, call: Call) -> Reply:
    """Store what a change affects, or a part of it, then answer 200; a whole upload is acted on from its row."""
    body = decode(AffectedUpload, call.body)
    content = service.content_of(body)
    if chunks.check(body):
        return _part(db, actor, call, body, content)
    upload_id = db.submit("upload.receive", lambda tx: service.receive(tx, actor, body, content)).result()
    log.info("upload.received", upload=upload_id, head_sha=body.head_sha, items=len(body.stacks))
    return Reply(to_json(UploadAnswer(upload_id)))


def _part(db: Database, actor: Actor, call: Call, body: AffectedUpload, content: Content) -> Reply:
    digest = chunks.digest_of(call.body)
    upload_id, missing = db.submit(
        "upload.receive", lambda tx: service.receive_part(tx, actor, body, content, digest=digest)
    ).result()
    log.info("upload.part", upload=upload_id, batch=body.batch_id, part=body.batch_index, missing=missing)
    return Reply(to_json(UploadAnswer(upload_id, missing)))
