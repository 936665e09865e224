"""Use cases: take one part of a batch in; forget batches whose rest never came."""

import hashlib
from collections.abc import Callable

from sonde.server.auth.model import Actor
from sonde.server.chunks import decide, store
from sonde.server.chunks.model import Conflict, Kind, Part, Repeat, Whole
from sonde.server.kernel.db import Database, Tx
from sonde.server.kernel.http import RefusedError
from sonde.server.kernel.log import log
from sonde.wire.affected import AffectedUpload
from sonde.wire.envelope import ErrorTag
from sonde.wire.instances import InstancesUpload


def check(body: AffectedUpload | InstancesUpload) -> bool:
    """Whether an upload is a part of a batch. Raises RefusedError 400 where it says so only by halves."""
    named = (body.batch_id or None, body.batch_index, body.batch_total)
    if named == (None, None, None):
        return False
    if because := decide.malformed(*named):
        raise RefusedError(400, ErrorTag.BAD_REQUEST, because)
    return True


def digest_of(raw: bytes) -> str:
    """What tells a retry from another part: a retry repeats its bytes (protocol.md §8)."""
    return hashlib.sha256(raw).hexdigest()


def author(actor: Actor) -> str:
    """Whose parts make one batch: those of one attempt of a run, which may change its session on the way; or of one token."""
    if actor.run_id is None:
        return actor.credential_id
    return f"{actor.run_id}/{actor.claims.get('run_attempt', '')}"


def part_of(
    actor: Actor, repository_id: str, body: AffectedUpload | InstancesUpload, *, digest: str, keep: bytes
) -> Part:
    """A checked upload as a part; `keep` is what the receiver wants back of it."""
    kind, facts = Kind.INSTANCES, "an inventory"
    if isinstance(body, AffectedUpload):
        kind, facts = Kind.AFFECTED, f"{body.head_sha.lower()} against {body.base_sha.lower() or 'nothing'}"
    return Part(
        repository_id,
        kind,
        body.batch_id or "",
        body.batch_index or 0,
        body.batch_total or 1,
        facts,
        author(actor),
        digest,
        keep,
    )


def take(tx: Tx, part: Part, whole: Callable[[Whole], str]) -> tuple[str | None, int]:
    """Store a part; the one that completes its batch makes the upload by `whole`, in the same transaction.

    Returns the upload's id once the batch is whole, and how many parts are missing. Raises RefusedError 409 for a part that
    does not belong to its batch (reliability.md F24).
    """
    batch, known = store.open_batch(tx, part)
    decision = decide.fits(part, known)
    if isinstance(decision, Conflict):
        raise RefusedError(409, ErrorTag.BATCH_CONFLICT, decision.because[0].upper() + decision.because[1:])
    if isinstance(decision, Repeat):
        return decision.result, known.total - len(known.digests)
    store.add(tx, batch, part)
    if decision.missing:
        return None, decision.missing
    result = whole(Whole(store.bodies(tx, batch), known.started_at))
    store.finish(tx, batch, result)
    return result, 0


def forget(db: Database, batch: str) -> bool:
    """Remove a batch of which nothing was heard for an hour; False where a part came meanwhile."""
    with db.write("batch.forget") as tx:
        gone = store.drop(tx, batch)
    if gone is None:
        return False
    batch_id, total, came = gone
    if came < total:
        log.warning("upload.abandoned", batch=batch_id, parts=came, of=total)
    return True
