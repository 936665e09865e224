"""Write a change down, in the transaction that makes it; and look whether what was written still stands."""

import json
from dataclasses import replace

from sonde.server.audit import decide, store
from sonde.server.audit.model import Broken, Change, Row, Sound
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


def verify(tx: Tx, workspace_id: str, expected: tuple[int, str] | None = None) -> Sound | Broken:
    """Whether the chain of a workspace is as it was written; `expected` is a number and seal noted earlier."""
    return decide.inspect(store.chain(tx, workspace_id), store.head(tx, workspace_id), expected)
