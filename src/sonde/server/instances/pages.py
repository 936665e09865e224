"""`/instances`: what is deployed where, as far as its runs have told."""

from typing import Any

from sonde.server.instances import store
from sonde.server.instances.model import Status
from sonde.server.kernel.db import Database, Tx
from sonde.server.kernel.http import Call
from sonde.server.locks import store as locks
from sonde.server.locks.pages import KINDS
from sonde.server.web.model import View, Visitor, missing
from sonde.server.workspaces import store as workspaces
from sonde.server.workspaces.model import Repository

SHOWN = 500
EVENTS = 50


def repositories(db: Database, visitor: Visitor, call: Call) -> View:
    """Every linked repository with how its instances are."""
    del visitor, call
    with db.read() as tx:
        counts = store.counts(tx)
        linked = [(one, counts.get(one.id, {})) for one in workspaces.all_repositories(tx)]
        return View("instances/repositories.html", {"linked": linked, "now": tx.now, "nav": "/instances"})


def instances(db: Database, visitor: Visitor, call: Call) -> View:
    """The instances of one repository; `?q=` and `?status=` narrow them down."""
    del visitor
    text, status = call.query.get("q", "").strip(), call.query.get("status", "")
    with db.read() as tx:
        repository = _repository(tx, call)
        if repository is None:
            return _unlinked(tx, call)
        found = store.search(tx, repository.id, text=text, status=status, limit=SHOWN + 1)
        held = {lock.instance: lock for lock in locks.live_of_repository(tx, repository.id)}
        data: dict[str, Any] = {
            "repository": repository,
            "instances": [(item, held.get(f"{item.stack}/{item.component}")) for item in found[:SHOWN]],
            "more": len(found) > SHOWN,
            "counts": store.counts(tx).get(repository.id, {}),
            "statuses": list(Status),
            "text": text,
            "chosen": status,
        }
        return View("instances/instances.html", {**data, "now": tx.now, "nav": "/instances"})


def instance(db: Database, visitor: Visitor, call: Call) -> View:
    """One instance, which `?stack=` and `?component=` name, with its history and that of its lock."""
    del visitor
    stack, component = call.query.get("stack", ""), call.query.get("component", "")
    with db.read() as tx:
        repository = _repository(tx, call)
        if repository is None:
            return _unlinked(tx, call)
        found = store.get(tx, repository.id, stack, component)
        if found is None:
            what = f"{repository.full_name} has no instance {component} in stack {stack} that a run or an upload has named."
            return missing(what, tx.now)
        lock = locks.get(tx, repository.id, f"{stack}/{component}")
        data: dict[str, Any] = {
            "repository": repository,
            "instance": found,
            "events": store.history(tx, repository.id, stack, component, EVENTS),
            "lock": lock if lock and lock.live(tx.now) else None,
            "lock_events": locks.history_of(tx, repository.id, f"{stack}/{component}", EVENTS),
            "kinds": KINDS,
        }
        return View("instances/instance.html", {**data, "now": tx.now, "nav": "/instances"})


def _repository(tx: Tx, call: Call) -> Repository | None:
    """The repository of the path, in the workspace that `?workspace=` names or else in the first it is linked to."""
    linked = workspaces.repositories_named(tx, call.parameters["owner"], call.parameters["repo"])
    workspace = call.query.get("workspace", "")
    return next((one for one in linked if one.workspace_id == workspace), linked[0] if linked else None)


def _unlinked(tx: Tx, call: Call) -> View:
    name = f"{call.parameters['owner']}/{call.parameters['repo']}"
    return missing(f"{name} is not linked to a workspace here. Link it with: sonde admin repo add {name} …", tx.now)
