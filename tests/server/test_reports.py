"""Which report says what of an instance (product.md §4 #14, #16): by what its run looked at, never by what it claims alone."""

import pytest
from world import item

from sonde.server.dispatches import decide
from sonde.server.dispatches.decide import full_component
from sonde.server.dispatches.model import Origin
from sonde.server.instances import store

PLANNED = {"command": "plan", "exit_code": 2, "last_run": "2026-11-23T10:00:00Z"}


def patch(world, token, component="network", stack="dev", body=None, **headers):
    path = f"/api/v1/repos/acme/infra/instances?stack={stack}&component={component}"
    return world.server.request("PATCH", path, body=body or PLANNED, token=token, headers=headers)


def run_on(world, ref="main", workflow="plan.yaml"):
    """A session of a workflow that a person started on a branch."""
    world.github.dispatch(world.infra, workflow, ref, {"component": "a", "stack": "b"}, actor="octo-dev")
    return world.session(world.run_of("workflow_dispatch").run_id)


def learn_default_branch(world):
    world.open_pull_request("teaches")


def known(world):
    with world.db.read() as tx:
        return {one.component: one.status for one in store.of_repository(tx, world.repository.id)}


def test_a_plan_of_the_default_branch_tells_of_drift(world):
    learn_default_branch(world)
    answer = patch(world, run_on(world))
    assert answer.data == {"status": "drifted", "because": "a plan of the default branch found changes"}


def test_a_plan_of_another_branch_is_history_only_and_its_apply_is_not(world):
    learn_default_branch(world)
    world.github.commit(world.infra, "side", {"side.txt": "x"}, author="octo-dev")
    token = run_on(world, "side")
    assert patch(world, token).data["because"] == "it looked at refs/heads/side, not at the default branch main"
    assert known(world) == {"network": "unknown"}
    applied = {"command": "apply", "exit_code": 1, "last_run": "2026-11-23T10:01:00Z"}
    assert patch(world, token, body=applied).data == {"status": "error", "because": "the command failed"}


def test_before_any_webhook_nobody_knows_which_branch_is_the_default(world):
    world.sandbox.faults.hold_webhooks("pull_request")
    world.sandbox.faults.hold_webhooks("workflow_run")
    assert "no webhook has named the default branch yet" in patch(world, run_on(world)).data["because"]


@pytest.mark.parametrize(
    ("origin", "words"),
    [
        (Origin(None, "push", "refs/heads/main", "main", ""), ""),
        (Origin(None, "schedule", "refs/heads/main", "main", ""), ""),
        (Origin(None, "workflow_dispatch", "refs/heads/trunk", "trunk", ""), ""),
        (Origin(None, "push", "refs/tags/main", "main", ""), "refs/tags/main"),
        (Origin(None, "push", "refs/heads/main", "", ""), "no webhook"),
        (Origin(None, "pull_request", "refs/pull/1/merge", "main", ""), "not merged"),
        (Origin(None, "merge_group", "refs/heads/gh-readonly-queue/main/pr-1", "main", ""), "not merged"),
        (Origin(None, "issue_comment", "refs/heads/main", "main", ""), "any commit"),
        (Origin(None, "release", "refs/tags/v1", "main", ""), "any commit"),
        (Origin(True, "workflow_dispatch", "refs/heads/main", "main", ""), "not merged"),
        (Origin(False, "workflow_dispatch", "refs/heads/main", "", ""), ""),
        (Origin(None, "", "", "main", ""), ""),
        (Origin(None, "", "", "main", "a later command has reported"), "a later command"),
    ],
)
def test_what_a_plan_looked_at_decides_whether_it_tells_of_drift(origin, words):
    because = decide.history_only(origin)
    assert (words in because) if words else because == ""


def test_a_static_tokens_plan_counts_until_something_newer_is_known(world):
    token = world.static_token()
    assert patch(world, token).data["status"] == "drifted"
    older = {"command": "plan", "exit_code": 0, "last_run": "2026-11-23T09:00:00Z"}
    answer = patch(world, token, body=older)
    assert answer.data["status"] == "drifted"
    assert "a later command has reported" in answer.data["because"]


def test_a_static_tokens_late_retry_of_a_pull_requests_plan_is_no_drift(world):
    token = world.static_token()
    pull = world.open_pull_request()
    world.upload(pull.head_sha, [item("network")], token)
    world.settle()
    world.runs.complete(world.dispatch_runs()["dev/network"])
    world.settle()
    answer = patch(world, token)  # its run has ended; the command did before
    assert answer.data["status"] == "unknown"
    assert "plan.yaml of dev/network was on its way then" in answer.data["because"]


def test_a_dispatched_run_that_reports_another_instance_speaks_of_the_same_unmerged_change(world):
    pull = world.open_pull_request()
    world.upload(pull.head_sha, [item("network")], world.session(world.run_of("pull_request").run_id))
    world.settle()
    answer = patch(world, world.session(world.dispatch_runs()["dev/network"]), component="database")
    assert "not merged" in answer.data["because"]


@pytest.mark.parametrize(
    ("name", "own", "found", "full"),
    [
        ("worker", None, [], "worker"),
        ("worker", None, [("queue/worker", True)], "queue/worker"),
        ("worker", None, [("queue/worker", False)], "queue/worker"),
        ("worker", None, [("queue/worker", True), ("worker", False)], "queue/worker"),
        ("worker", None, [("queue/worker", True), ("worker", True)], "worker"),
        ("worker", None, [("a/worker", True), ("b/worker", True)], "worker"),
        ("worker", None, [("a/worker", True), ("b/worker", False)], "a/worker"),
        ("worker", "b/worker", [("a/worker", True), ("worker", True)], "b/worker"),
        ("worker", "worker", [("a/worker", True)], "worker"),
        ("worker", "network", [("a/worker", True)], "a/worker"),
        ("queue/worker", None, [("x/queue/worker", True)], "queue/worker"),
    ],
)
def test_a_cut_name_is_the_full_one_it_can_be(name, own, found, full):
    assert full_component(name, own, found) == full


def test_a_name_that_only_reports_have_named_does_not_win_over_the_full_one_later(world):
    token = world.static_token()
    patch(world, token, component="worker")
    assert known(world) == {"worker": "drifted"}
    inventory = {
        "repo_owner": "acme",
        "repo_name": "infra",
        "instances": [{"component": "queue/worker", "stack": "dev", "component_type": "terraform"}],
    }
    world.server.request("POST", "/api/v1/instances", body=inventory, token=token)
    applied = {"command": "apply", "exit_code": 0, "last_run": "2026-11-23T11:00:00Z"}
    patch(world, token, component="worker", body=applied)
    assert known(world) == {"worker": "drifted", "queue/worker": "in_sync"}


@pytest.fixture
def waiting(world):
    """A dispatch that GitHub has accepted and whose run nobody knows yet; gives its id."""
    from sqlalchemy import update

    from sonde.server.dispatches.store import dispatches

    pull = world.open_pull_request()
    world.upload(pull.head_sha, [item("queue/worker"), item("batch/worker")], world.static_token())
    world.settle()
    with world.db.write("admin.change") as tx:
        tx.run(update(dispatches).values(run_id=None))
        rows = tx.all(dispatches.select().order_by(dispatches.c.component))
    return {row.component: row.id for row in rows}


def outcomes(world):
    from sonde.server.dispatches.store import dispatches

    with world.db.read() as tx:
        return {row.component: row.outcome for row in tx.all(dispatches.select())}


def test_a_run_id_in_the_header_picks_the_dispatch_that_the_claims_allow(world, waiting):
    run = world.dispatch_runs()["dev/queue/worker"]
    patch(world, world.session(run), component="worker", **{"X-Atmos-Pro-Run-Id": waiting["queue/worker"]})
    assert outcomes(world) == {"queue/worker": "changes", "batch/worker": ""}


def test_a_run_id_in_the_header_alone_picks_nothing(world, waiting):
    hint = {"X-Atmos-Pro-Run-Id": waiting["queue/worker"]}
    patch(world, run_on(world, workflow="apply.yaml"), component="worker", **hint)  # another workflow
    world.open_pull_request("other")
    patch(world, world.session(world.run_of("pull_request").run_id), component="worker", **hint)  # another event
    patch(world, run_on(world), component="network", **hint)  # another instance
    assert outcomes(world) == {"queue/worker": "", "batch/worker": ""}


# --- clients of years ago (product.md §2.10) --------------------------------------------------------------------------


@pytest.mark.parametrize(("said", "status"), [("in_sync", "in_sync"), ("drifted", "drifted")])
def test_an_old_client_names_the_instance_in_the_path_and_its_status_in_the_body(world, said, status):
    path = "/api/v1/repos/acme/infra/instances/dev/queue/worker"
    answer = world.server.request("PATCH", path, body={"status": said}, token=world.static_token())
    assert (answer.status, answer.data["status"]) == (200, status)
    assert known(world) == {"queue/worker": status}


@pytest.mark.parametrize("prefix", ["/api/v1/repos", "//api/v1//repos"])
def test_a_slash_that_an_old_client_encoded_stays_within_the_name_of_the_stack(world, prefix):
    path = f"{prefix}/acme/infra/instances/live%2Fuse2%2Fdev/queue%2Fworker%20a"
    answer = world.server.request("PATCH", path, body={"status": "drifted"}, token=world.static_token())
    assert answer.status == 200
    with world.db.read() as tx:
        found = [(one.stack, one.component) for one in store.of_repository(tx, world.repository.id)]
    assert found == [("live/use2/dev", "queue/worker a")]


def test_a_client_from_before_versions_finds_uploads_and_locks_below_api(world):
    token = world.static_token()
    lock = {"key": "acme/infra/dev/network", "ttl": 60}
    assert world.server.request("POST", "/api/locks", body=lock, token=token).status == 200
    assert world.server.request("DELETE", "/api/locks", body={"key": lock["key"]}, token=token).status == 200
    body = {"head_sha": "a" * 40, "repo_owner": "acme", "repo_name": "infra", "stacks": []}
    answer = world.server.request("POST", "/api/affected-stacks", body=body, token=token)
    assert (answer.status, answer.body["success"]) == (200, True)
    assert world.server.request("POST", "/api/affected-stacks", body=body).status == 401


APPLIED = {"command": "apply", "exit_code": 0, "last_run": "2026-11-23T10:05:00Z"}


def locked(world, token, ttl=600):
    return world.server.request(
        "POST", "/api/v1/locks", body={"key": "acme/infra/dev/network", "ttl": ttl}, token=token
    )


def test_an_apply_whose_lock_went_to_somebody_else_is_history_and_says_so(world):
    learn_default_branch(world)
    sleeper = run_on(world)
    assert locked(world, sleeper, ttl=5).status == 200
    world.advance_clock(6)
    assert locked(world, world.static_token()).status == 200
    told = patch(world, sleeper, body=APPLIED).data
    assert told["status"] == "unknown"
    assert told["because"] == "its lock (fence 1) had ended, and test got the key after it (fence 2)"


def test_an_apply_whose_lock_ran_out_and_nobody_took_counts(world):
    learn_default_branch(world)
    sleeper = run_on(world)
    locked(world, sleeper, ttl=5)
    world.advance_clock(6)
    assert patch(world, sleeper, body=APPLIED).data["status"] == "in_sync"


def test_who_gave_the_lock_back_may_still_report_after_the_next_holder_came(world):
    learn_default_branch(world)
    done = run_on(world)
    locked(world, done)
    world.server.request("DELETE", "/api/v1/locks", body={"key": "acme/infra/dev/network"}, token=done)
    locked(world, world.static_token())
    assert patch(world, done, body=APPLIED).data["status"] == "in_sync"
