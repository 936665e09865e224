"""Who may end another's lock, when a lock ends by itself, and how long one may be asked for (reliability.md §4 rules 4, 9, 11)."""

from dataclasses import replace

import pytest
from test_locks import lock, unlock
from world import item

from sonde.server.audit import store as audit
from sonde.server.auth import permissions
from sonde.server.auth.model import Grant, Permission
from sonde.server.locks import ending, service, store
from sonde.server.workspaces import store as workspaces

KEY = "acme/infra/prod/us-east-1/vpc"


def automatic(world):
    """The lock that a dispatch takes by itself."""
    with world.db.write("admin.change") as tx:
        named = {"stack": "prod", "component": "us-east-1/vpc", "dispatch_id": "run_1", "message": "plan"}
        service.acquire_for_dispatch(tx, world.repository, **named)


def job(world, repository=None):
    """A run on the default branch, and a session of a job of it."""
    world.github.dispatch(
        repository or world.infra, "plan.yaml", "main", {"component": "a", "stack": "b"}, actor="octo-dev"
    )
    run = world.run_of("workflow_dispatch").run_id
    return run, world.session(run)


def demand(world, **demands):
    with world.db.write("admin.change") as tx:
        workspaces.demand(tx, world.repository.id, **demands)


def force(world):
    with world.db.write("admin.change") as tx:
        permissions.add(tx, Grant("perm_force", world.repository.id, Permission.LOCKS_FORCE))


def kinds(world):
    with world.db.read() as tx:
        return sorted(row.kind for row in store.history(tx, 20))


def test_where_only_the_holder_may_release_another_job_is_refused_and_told_who_may(world):
    demand(world, unlock_by="holder")
    (_, mine), (_, other) = job(world), job(world)
    assert lock(world, token=mine).status == 200
    refused = unlock(world, token=other)
    assert (refused.status, refused.body["errorTag"]) == (409, "LockConflict")
    assert "locks:force" in refused.body["errorMessage"]
    assert "sonde admin lock release" in refused.body["errorMessage"]
    assert (refused.body["context"]["holder"], refused.body["context"]["fence"]) == ("octo-dev", 1)
    assert unlock(world, token=mine).status == 200
    assert kinds(world) == ["granted", "owner"]


def test_a_row_for_locks_force_lets_a_job_end_any_lock_of_the_repository_and_the_audit_log_says_so(world):
    demand(world, unlock_by="holder")
    force(world)
    (_, mine), (_, other) = job(world), job(world)
    assert lock(world, token=mine).status == 200
    assert unlock(world, token=other).status == 200
    automatic(world)
    assert unlock(world, token=other).status == 200
    assert kinds(world) == ["forced", "forced", "granted", "granted"]
    with world.db.read() as tx:
        told = [
            row.description
            for row in audit.newest(tx, world.repository.workspace_id, "", 20)
            if row.action == "lock.deleted"
        ]
    assert len(told) == 2


def test_without_that_row_the_automatic_lock_of_a_dispatch_stays(world):
    automatic(world)
    _, other = job(world)
    refused = unlock(world, token=other)
    assert (refused.status, refused.body["context"]["holder"]) == (409, "Sonde")
    assert "ends with its run" in refused.body["errorMessage"]
    assert unlock(world, token=world.static_token()).status == 409  # nor may a token that was made without saying so


def test_locks_outlive_their_run_unless_the_repository_says_otherwise(world):
    run, token = job(world)
    assert lock(world, token=token).status == 200
    world.runs.complete(run)
    world.settle()
    assert kinds(world) == ["granted"]


def test_where_locks_end_with_their_run_those_of_its_jobs_are_free_and_no_others(world):
    demand(world, locks_end_with_run=True)
    (run, token), (_, other) = job(world), job(world)
    assert lock(world, token=token).status == 200
    assert lock(world, token=token, key="acme/infra/dev/database").status == 200
    assert lock(world, token=other, key="acme/infra/dev/elsewhere").status == 200
    world.runs.complete(run)
    world.settle()
    assert kinds(world) == ["granted"] * 3 + ["run_ended"] * 2
    assert lock(world, token=world.static_token()).status == 200
    assert lock(world, token=world.static_token(), key="acme/infra/dev/elsewhere").status == 409


def test_the_end_of_an_attempt_that_is_over_ends_no_lock_of_the_next(world):
    demand(world, locks_end_with_run=True)
    run, token = job(world)
    assert lock(world, token=token).status == 200
    with world.db.write("admin.change") as tx:
        assert ending.end_with_run(tx, replace(world.repository, locks_end_with_run=True), run, 0) == 0
        assert ending.end_with_run(tx, replace(world.repository, locks_end_with_run=True), run, 1) == 1


def test_a_workspace_may_allow_less_than_a_day(world):
    with world.db.write("admin.change") as tx:
        workspaces.demand_of_workspace(tx, world.repository.workspace_id, max_lock_ttl=600)
    token = world.static_token()
    refused = lock(world, token=token, ttl=601)
    assert (refused.status, "from 1 to 600" in refused.body["errorMessage"]) == (400, True)
    assert lock(world, token=token, ttl=600).status == 200


@pytest.mark.parametrize("by", ["a job", "an administrator"])
def test_the_pull_request_says_who_took_the_lock_from_a_run(world, by):
    pull = world.open_pull_request()
    opened = world.session(world.run_of("pull_request").run_id)
    world.upload(pull.head_sha, [item("network")], opened)
    world.settle()
    run = world.dispatch_runs()["dev/network"]
    key = "acme/infra/dev/network"
    assert lock(world, token=world.session(run), key=key).status == 200  # the run takes the automatic lock over
    if by == "a job":
        assert unlock(world, token=opened, key=key).status == 200
    else:
        with world.db.write("admin.change") as tx:
            ending.release_by_admin(tx, world.repository, "dev/network", "its runner hangs")
    world.runs.complete(run)
    world.settle()
    told = "released by octo\\-dev" if by == "a job" else "released by an administrator: its runner hangs"
    assert told in world.comment(pull.number)
