"""Write a change down, in the transaction that makes it; and look whether what was written still stands."""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from sonde.server.audit import decide, store
from sonde.server.audit.model import Actor, Broken, Change, Mark, Row, Sound
from sonde.server.kernel.db import Tx
from sonde.server.kernel.ids import new_id


def record(tx: Tx, change: Change) -> None:
    """Add a row to the chain of its workspace. Call it last in a transaction: from here on others of the workspace wait."""
    number, previous = store.head_for_update(tx, change.workspace_id)
    row = Row(
        id=new_id("aud", tx.now),
        workspace_id=change.workspace_id,
        number=number + 1,
        at=tx.now,
        action=change.action,
        actor_type=change.actor.type,
        actor_id=change.actor.id,
        actor_name=change.actor.name,
        target_type=change.target[0],
        target_id=change.target[1],
        description=change.description,
        metadata=json.dumps(dict(change.metadata), sort_keys=True),
        previous=previous,
        seal="",
    )
    store.add(tx, replace(row, seal=decide.seal(row)))


def verify(tx: Tx, workspace_id: str, expected: Mark | None = None) -> Sound | Broken:
    """Whether the chain of a workspace is as it was written; `expected` is a mark noted earlier."""
    ends = store.ends(tx, workspace_id)
    return decide.inspect(store.chain(tx, workspace_id, ends.head.number), ends, expected)


def export(tx: Tx, workspace_id: str, until: int | None, write: Callable[[Row], object]) -> Sound | Broken:
    """Give every row of a chain to `write`, oldest first, or those before the first that is not older than `until`
    (milliseconds); whether what was given is as it was written.
    """
    ends = store.ends(tx, workspace_id)
    rows = _written(store.chain(tx, workspace_id, ends.head.number), until, write)
    return decide.inspect(rows, ends) if until is None else decide.follow(rows, ends.cut)


def _written(rows: Iterable[Row], until: int | None, write: Callable[[Row], object]) -> Iterator[Row]:
    for row in rows:
        if until is not None and row.at >= until:
            return
        write(row)
        yield row


class NotCutError(Exception):
    """Why a chain cannot be cut there; nothing was."""


def cut(tx: Tx, workspace_id: str, exported: Sound, actor: Actor) -> int:
    """Remove the rows of a chain that an export holds, and say so in the chain; how many went.

    `exported` is what the export was found to be. It must begin where the chain begins and end at a row of it: so the
    export is this chain's, nothing between is lost, and what stays is verified from the anchor. Raises NotCutError.
    """
    store.head_for_update(tx, workspace_id)  # nobody adds or cuts meanwhile
    ends = store.ends(tx, workspace_id)
    if exported.begin != ends.cut:
        raise NotCutError(
            f"the export begins behind row {exported.begin.number}, the log behind row {ends.cut.number}: what is between would be lost"
        )
    if not exported.end.number or store.seal_of(tx, workspace_id, exported.end.number) != exported.end.seal:
        raise NotCutError(f"row {exported.end.number} of the log is not the one at the end of the export")
    many = store.cut(tx, workspace_id, exported.end)
    facts = {"number": exported.end.number, "seal": exported.end.seal, "rows": many}
    told = f"{many} rows were exported and cut, up to number {exported.end.number}"
    record(tx, Change(workspace_id, decide.CUT, actor, ("audit", ""), told, facts))
    return many
