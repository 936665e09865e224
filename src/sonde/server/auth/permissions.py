"""Use cases of permissions: the defaults of a new link, a row more or less, and why a request is refused.

What a job may do is decided once, when its session is made, and stored with the session: asking costs nothing then. A change
of the rows decides again for every session that lives, in its own transaction, so that it takes effect at once and on every
replica (docs/adr/0009-permissions-are-decided-at-the-exchange.md).
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sonde.server.auth import decide, permission_store
from sonde.server.auth.model import DEFAULTS, Actor, Grant, Permission
from sonde.server.kernel.db import Database, Tx
from sonde.server.kernel.http import RefusedError
from sonde.server.kernel.ids import new_id
from sonde.server.workspaces import store as workspaces
from sonde.server.workspaces.model import Repository
from sonde.wire.envelope import ErrorTag


def link(tx: Tx, repository: Repository) -> None:
    """Link a repository; a new one gets the default rows. One that is known keeps its rows, also where none is left."""
    known = workspaces.repository_by_github_id(tx, repository.workspace_id, repository.github_id)
    workspaces.put_repository(tx, repository)
    for permission in () if known else DEFAULTS:
        permission_store.add(tx, Grant(new_id("perm", tx.now), repository.id, permission))


def add(tx: Tx, grant: Grant) -> tuple[Grant, bool]:
    """Add a row, for sessions that live too. The row that stands, and whether it is new."""
    permission_store.hold(tx, grant.repository_id)
    changed = permission_store.add(tx, grant)
    _decide_again(tx, grant.repository_id)
    rows = permission_store.of_repository(tx, grant.repository_id)
    return next(one for one in rows if replace(one, id=grant.id) == grant), changed


def remove(tx: Tx, grant: Grant) -> None:
    """Remove a row, for sessions that live too."""
    permission_store.hold(tx, grant.repository_id)
    permission_store.remove(tx, grant.id)
    _decide_again(tx, grant.repository_id)


def granted_each(tx: Tx, asked: Sequence[tuple[str, Mapping[str, Any]]]) -> list[frozenset[str]]:
    """What sessions may do, each by our id of its repository and its claims, in the transaction that makes them."""
    ids = sorted({repository_id for repository_id, _ in asked})
    permission_store.share(tx, ids)
    rows = permission_store.of_repositories(tx, ids)
    return [decide.granted(rows.get(repository_id, ()), claims) for repository_id, claims in asked]


def _decide_again(tx: Tx, repository_id: str) -> None:
    rows = permission_store.of_repository(tx, repository_id)
    for session_id, claims, before in permission_store.live_sessions(tx, repository_id):
        now = stored(decide.granted(rows, claims))
        if now != before:
            permission_store.set_granted(tx, session_id, now)


def stored(permissions: frozenset[str]) -> str:
    """Permissions as the column of a session or token holds them."""
    return " ".join(sorted(permissions))


def permit(db: Database, actor: Actor, permission: Permission) -> None:
    """Whether the actor may do this at all. Raises RefusedError 403 that names the missing row (reliability.md T5)."""
    if permission not in actor.granted:
        with db.read() as tx:
            raise refusal(tx, actor, permission)


def refusal(tx: Tx, actor: Actor, permission: Permission) -> RefusedError:
    """403 for an actor without the permission."""
    context = {"permission": str(permission)}
    return RefusedError(403, ErrorTag.FORBIDDEN, _refusal(tx, actor, permission), context=context)


def _refusal(tx: Tx, actor: Actor, permission: Permission) -> str:
    repository = actor.repository
    if not actor.claims or repository is None:
        return (
            f"This token may not {permission}: its permissions are {', '.join(sorted(actor.granted)) or 'none'}. "
            f"Make another one: sonde admin token create --workspace {actor.workspace_id} --permission {permission}"
        )
    facts = decide.facts_of(actor.claims)
    answer = decide.decide(permission, permission_store.of_repository(tx, repository.id), facts)
    if isinstance(answer, decide.Allowed):  # the row came after this session was read
        return f"{permission} was given to this job a moment ago. Try again."
    refusal = f"{repository.full_name} does not give {permission} to {decide.who(facts)}: {answer.because}."
    if not answer.options:
        return refusal
    row = " ".join(("--workspace", actor.workspace_id, "--repo", repository.full_name, *answer.options))
    return f"{refusal} To allow it: sonde admin permission add {permission} {row}"
