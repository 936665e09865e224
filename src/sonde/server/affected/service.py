"""Use cases: receive an upload; let it meet its trigger."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sonde.server.affected import decide, store
from sonde.server.affected.model import Content, Match, Upload, UploadState, Wait
from sonde.server.auth.model import Actor
from sonde.server.auth.service import repository_for
from sonde.server.chunks import service as chunks
from sonde.server.dispatches import service as dispatches
from sonde.server.dispatches import store as triggers
from sonde.server.instances import store as instances
from sonde.server.instances.decide import too_long
from sonde.server.kernel.db import Database, Tx
from sonde.server.kernel.http import RefusedError
from sonde.server.kernel.ids import new_id
from sonde.server.kernel.log import log
from sonde.wire.affected import AffectedItem, AffectedUpload
from sonde.wire.codec import to_json
from sonde.wire.envelope import ErrorTag

MAX_DEPTH = 64
MAX_SHA = 64  # hex digits of a SHA-256 repository


def receive(tx: Tx, actor: Actor, body: AffectedUpload, content: Content) -> str:
    """Store an upload; returns its id. The same content from the same session within minutes is one upload.

    A static token is shared by jobs: the same content from it may be the merge's, so `decide.match` tells the retries.
    Raises RefusedError 400 for a body that names no commit, 403 for another repository.
    """
    return _stored(tx, actor, _repository(tx, actor, body), body, content)


def receive_part(
    tx: Tx, actor: Actor, body: AffectedUpload, content: Content, *, digest: str
) -> tuple[str | None, int]:
    """Store a part of an upload; the last one stores the upload, and nothing acts on a part before (protocol.md §6.4).

    Returns the upload's id, once it is whole, and how many parts are missing. Raises RefusedError like `receive`, and 409.
    """
    repository_id = _repository(tx, actor, body)
    part = chunks.part_of(actor, repository_id, body, digest=digest, keep=content.packed())
    return chunks.take(tx, part, lambda whole: _stored(tx, actor, repository_id, body, joined(whole.bodies)))


def _repository(tx: Tx, actor: Actor, body: AffectedUpload) -> str:
    if not body.head_sha:
        raise RefusedError(
            400, ErrorTag.BAD_REQUEST, "head_sha is empty: the upload does not say which commit it speaks of."
        )
    if len(body.head_sha) > MAX_SHA:
        raise RefusedError(400, ErrorTag.BAD_REQUEST, f"head_sha is no commit: {body.head_sha[:MAX_SHA]}…")
    return repository_for(tx, actor, body.repo_owner, body.repo_name).id


def _stored(tx: Tx, actor: Actor, repository_id: str, body: AffectedUpload, content: Content) -> str:
    upload = Upload(
        id=new_id("upl", tx.now),
        repository_id=repository_id,
        head_sha=body.head_sha.lower(),
        base_sha=body.base_sha.lower(),
        event_name=str(actor.claims.get("event_name", "")),
        ref=str(actor.claims.get("ref", "")),
        items=(),
        digest=digest(content, body.base_sha),
        received_at=tx.now,
        state=UploadState.WAITING,
        because="just arrived",
        trigger_id=None,
    )
    if actor.claims and (first := store.same_from(tx, actor.credential_id, upload)):
        return first
    store.put(tx, upload, actor.credential_id, content.items)
    return upload.id


def content_of(body: AffectedUpload) -> Content:
    """What an upload says, without what dispatching does not need. Raises RefusedError 400 for one nested too deeply."""
    items = [to_json(stripped(item)) for item in body.stacks]
    digests = (hashlib.sha256(json.dumps(_ordered(item), sort_keys=True).encode()).hexdigest() for item in items)
    whole = f"[{', '.join(json.dumps(item) for item in items)}]"  # one by one: others have a turn between two
    return Content(whole, tuple(digests))


def joined(parts: Sequence[bytes]) -> Content:
    """The packed parts of an upload as one content; no item is read, so that it is quick under the database's lock."""
    items, digests = [], []
    for part in parts:
        head, _, text = part.decode().partition("\n")
        digests += head.split(",") if head else []
        items += [text[1:-1]] if len(text) > 2 else []
    return Content(f"[{', '.join(items)}]", tuple(digests))


def stripped(item: AffectedItem, depth: int = 0) -> AffectedItem:
    """An item with nothing but what dispatching needs: names, order, `settings.pro`. Vars never reach the database."""
    if depth > MAX_DEPTH:
        raise RefusedError(400, ErrorTag.BAD_REQUEST, f"dependents are nested deeper than {MAX_DEPTH} levels.")
    if because := too_long(item.stack, item.component):
        raise RefusedError(400, ErrorTag.BAD_REQUEST, because)
    pro = (item.settings or {}).get("pro")
    return AffectedItem(
        component=item.component,
        stack=item.stack,
        dependents=tuple(stripped(dependent, depth + 1) for dependent in item.dependents),
        included_in_dependents=item.included_in_dependents,
        settings={"pro": pro} if pro is not None else None,
        deleted=item.deleted,
        deletion_type=item.deletion_type,
    )


def digest(content: Content, base_sha: str) -> str:
    """What two uploads of the same content share, whatever the order of their items (the client's order is random)."""
    return hashlib.sha256(json.dumps([base_sha, sorted(content.digests)]).encode()).hexdigest()


def _ordered(item: Any) -> Any:
    return {
        **item,
        "dependents": sorted(
            (_ordered(part) for part in item["dependents"]), key=lambda part: (part["stack"], part["component"])
        ),
    }


def meet(db: Database, upload_id: str) -> bool:
    """Let an upload meet the trigger it answers, and plan its dispatches: one transaction. False where it had to wait."""
    with db.write("upload.match") as tx:
        upload = store.take(tx, upload_id)
        if upload is None:
            return False
        at = triggers.triggers_at(tx, upload.repository_id, upload.head_sha)
        decision = decide.match(upload, at, store.digests_by_trigger(tx, [item.id for item in at]))
        if isinstance(decision, Wait):
            store.settle(tx, upload.id, UploadState.WAITING, decision.because, None)
            return False
        if not decision.repeated:
            _answer(tx, upload, decision)
        state = UploadState.REPEATED if decision.repeated else UploadState.MATCHED
        store.settle(tx, upload.id, state, decision.because, decision.trigger_id)
    log.info("upload.matched", upload=upload.id, trigger=decision.trigger_id, repeated=decision.repeated)
    return True


def _answer(tx: Tx, upload: Upload, decision: Match) -> None:
    trigger = triggers.trigger(tx, decision.trigger_id, lock=True)
    if trigger is None:
        return
    wanted = decide.plan(upload.items, trigger)
    for item in wanted.dispatches:
        instances.ensure(tx, upload.repository_id, item.instance.stack, item.instance.component)
    notes = tuple(dict.fromkeys((*trigger.notes, *wanted.notes)))
    dispatches.plan(tx, trigger, upload.id, replace(wanted, notes=notes))


def wake(tx: Tx, repository_id: str, shas: tuple[str, ...]) -> None:
    """Uploads for these SHAs are to be looked at again."""
    store.wake(tx, repository_id, shas)
