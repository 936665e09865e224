"""Use cases: store what a command did; store and give back the result of one."""

import hashlib
import json
import zlib
from typing import Any

from sonde.server.auth.model import Actor
from sonde.server.auth.service import repository_for
from sonde.server.chunks.service import author
from sonde.server.executions import decide, store
from sonde.server.executions.model import MAX_ID, Result, Stored
from sonde.server.kernel.db import Tx
from sonde.server.kernel.http import RefusedError
from sonde.server.kernel.ids import new_id
from sonde.wire.envelope import ErrorTag
from sonde.wire.executions import DATA_PATH, Execution


def check(execution_id: str) -> None:
    """Raises RefusedError 400 for an id that can be none."""
    if not execution_id or len(execution_id) > MAX_ID:
        raise RefusedError(
            400, ErrorTag.BAD_REQUEST, f"execution_id must be a text of 1 to {MAX_ID} characters, such as a UUID."
        )


def packed(data: Any) -> bytes | None:
    """A result as it is stored: what `decide.kept` leaves of it, as compressed JSON; None for none. Raises RefusedError 400."""
    left = decide.kept(data)
    try:
        return None if left is None else zlib.compress(json.dumps(left, separators=(",", ":")).encode(), 1)
    except RecursionError as error:
        raise RefusedError(400, ErrorTag.BAD_REQUEST, "data is nested too deeply.") from error


def unpacked(body: bytes) -> Any:
    """A stored result as it came."""
    return json.loads(zlib.decompress(body))


def url_of(site_url: str, result_id: str) -> str:
    """Where a result is served."""
    return f"{site_url.rstrip('/')}/api/v1/{DATA_PATH}/{result_id}"


def receive(tx: Tx, actor: Actor, body: Execution, data: bytes | None, *, site_url: str) -> None:
    """Store an execution; the same one again changes nothing.

    Raises RefusedError: 403 for another repository, 409 for the id of another run's execution, 400 for a result that lies
    elsewhere than here (we fetch nothing: product.md §4 #43).
    """
    result_id = _result_of(tx, actor, body.data, site_url) if isinstance(body.data, str) else None
    repository = actor.repository
    if body.repo_owner or body.repo_name:
        repository = repository_for(tx, actor, body.repo_owner, body.repo_name)
    stored = Stored(
        actor.workspace_id,
        body.execution_id,
        repository.id if repository else None,
        author(actor),
        actor.run_id,
        decide.facts(body),
        data,
        result_id,
    )
    if not store.put(tx, stored):
        raise RefusedError(
            409,
            ErrorTag.EXECUTION_CONFLICT,
            f"Execution {body.execution_id} was reported by another run. Each execution needs an id of its own.",
        )


def _result_of(tx: Tx, actor: Actor, url: str, site_url: str) -> str:
    result_id = url.rpartition("/")[2]
    if url != url_of(site_url, result_id) or store.result(tx, actor.workspace_id, result_id) is None:
        raise RefusedError(
            400,
            ErrorTag.BAD_REQUEST,
            f"data names a URL that this server did not give for this workspace. POST the result to {DATA_PATH} first.",
        )
    return result_id


def receive_result(tx: Tx, actor: Actor, execution_id: str, body: bytes) -> str:
    """Store a result by itself; returns its id."""
    digest = hashlib.sha256(body).hexdigest()
    made = Result(new_id("exd", tx.now), actor.workspace_id, execution_id, author(actor), digest, body)
    return store.put_result(tx, made)
