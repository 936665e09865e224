"""Stories of pull requests that go another way: pushed again, closed, merged, drafts, forks, locks, failures."""

from world import item


def upload(world, pull, items, event="pull_request"):
    token = world.session(world.run_of(event).run_id)
    answer = world.upload(pull.head_sha, items, token)
    assert answer.status == 200, answer.body
    world.settle()


def finish(world, name, conclusion="success"):
    world.runs.complete(world.dispatch_runs()[name], conclusion)
    world.settle()


def shown(world, number):
    return world.server.request("GET", f"/api/v1/repos/acme/infra/pulls/{number}", token=world.static_token()).data


def live_locks(world):
    found = world.server.request("GET", "/api/v1/repos/acme/infra/locks", token=world.static_token()).data["locks"]
    return [row["key"] for row in found if row["live"]]


def test_a_failed_prerequisite_skips_what_depends_on_it_and_fails_the_check(world):
    pull = world.open_pull_request()
    upload(world, pull, [item("network", dependents=[item("database", dependents=[item("api")])])])
    finish(world, "dev/network", "failure")
    check = world.check(pull.head_sha)
    assert (check.status, check.conclusion) == ("completed", "failure")
    assert world.dispatched() == [("network", "dev")]
    assert "its prerequisite dev/network failed" in world.comment(pull.number).replace("\\", "")


def test_nothing_affected_concludes_neutral(world):
    pull = world.open_pull_request()
    upload(world, pull, [])
    check = world.check(pull.head_sha)
    assert (check.status, check.conclusion) == ("completed", "neutral")
    assert check.output["title"] == "No affected stacks workflow detected"


def test_an_upload_that_never_comes_concludes_neutral_after_an_hour(world):
    pull = world.open_pull_request()
    world.advance_clock(3601)
    world.settle()
    assert world.check(pull.head_sha).conclusion == "neutral"


def test_instances_without_a_workflow_are_listed_with_the_reason(world):
    pull = world.open_pull_request()
    off = {**item("network"), "settings": {"pro": {"enabled": False}}}
    upload(world, pull, [off, item("database", settings=None), item("api", deleted=True, deletion_type="component")])
    reasons = {row["instance"]: row["because"] for row in shown(world, pull.number)["triggers"][0]["notDispatched"]}
    assert reasons == {
        "dev/network": "settings.pro.enabled is false",
        "dev/database": "it has no settings.pro",
        "dev/api": "it was deleted; a component that is gone cannot be planned",
    }


def test_a_push_supersedes_what_was_not_sent_and_lets_running_plans_end(world):
    pull = world.open_pull_request()
    upload(world, pull, [item("network", dependents=[item("database")])])
    old = pull.head_sha
    world.github.commit(world.infra, "feature", {"again.txt": "more"}, author="octo-dev")
    world.settle()
    finish(world, "dev/network")
    assert world.dispatched() == [("network", "dev")]
    assert world.check(old).conclusion == "neutral"
    assert [row["state"] for row in shown(world, pull.number)["triggers"]] == ["superseded", "waiting"]


def test_a_pull_request_closed_unmerged_cancels_the_unsent_and_releases_its_locks(world):
    pull = world.open_pull_request()
    upload(world, pull, [item("network", dependents=[item("database")])])
    assert live_locks(world) == ["acme/infra/dev/network"]
    world.github.close(pull)
    world.settle()
    assert live_locks(world) == []
    assert {row["component"]: row["state"] for row in shown(world, pull.number)["triggers"][0]["dispatches"]} == {
        "database": "cancelled",
        "network": "cancelled",
    }
    assert world.check(pull.head_sha).conclusion == "neutral"


def merged_and_dispatched(world):
    """A merged pull request whose apply was dispatched: (pull, merge commit, its run)."""
    pull = world.open_pull_request()
    upload(world, pull, [item("network")])
    finish(world, "dev/network")
    merge = world.github.merge(pull)
    world.settle()
    upload(world, pull, [item("network")])
    return pull, merge, max(world.dispatch_runs().values())


def test_a_merge_dispatches_the_apply_workflow_at_the_merge_commit(world):
    _, merge, run_id = merged_and_dispatched(world)
    applied = world.runs.requests[run_id]
    assert applied.workflow_path.endswith("apply.yaml")
    assert applied.inputs["sha"] == merge
    world.runs.complete(run_id)
    world.settle()
    assert world.check(merge).conclusion == "success"


def test_an_apply_that_reports_zero_puts_the_instance_in_sync(world):
    _, _, run_id = merged_and_dispatched(world)
    token = world.session(run_id)
    path = "/api/v1/repos/acme/infra/instances?stack=dev&component=network"
    assert world.server.request("PATCH", path, body={"command": "apply", "exit_code": 0}, token=token).status == 200
    found = world.server.request("GET", "/api/v1/repos/acme/infra/instances", token=world.static_token()).data[
        "instances"
    ]
    assert [(row["component"], row["status"]) for row in found] == [("network", "in_sync")]


def test_a_plan_of_a_pull_request_tells_nothing_of_drift(world):
    pull = world.open_pull_request()
    upload(world, pull, [item("network")])
    token = world.session(world.dispatch_runs()["dev/network"])
    path = "/api/v1/repos/acme/infra/instances?stack=dev&component=network"
    world.server.request("PATCH", path, body={"command": "plan", "exit_code": 2}, token=token)
    found = world.server.request("GET", "/api/v1/repos/acme/infra/instances", token=world.static_token()).data[
        "instances"
    ]
    assert [(row["status"], row["exitCode"]) for row in found] == [("unknown", 2)]


def test_a_draft_is_held_until_it_is_ready_for_review(world):
    pull = world.open_pull_request(draft=True)
    upload(world, pull, [item("network")])
    assert world.dispatched() == []
    assert "draft" in world.check(pull.head_sha).output["title"]
    world.github.set_draft(pull, draft=False)
    world.settle()
    assert world.dispatched() == [("network", "dev")]


def test_an_author_without_write_access_is_held_until_a_member_allows_this_sha(world):
    from sonde.server.pulls import service

    world.github.add_user("stranger")
    pull = world.open_pull_request(author="stranger")
    upload(world, pull, [item("network")])
    assert world.dispatched() == []
    assert "Run for this SHA" in world.check(pull.head_sha).output["title"]
    trigger_id = shown(world, pull.number)["triggers"][0]["id"]
    with world.db.write("run.allow") as tx:
        assert service.allow(tx, trigger_id, "ada")
    world.settle()
    assert world.dispatched() == [("network", "dev")]


def test_a_pull_request_from_a_fork_is_recorded_explained_and_not_dispatched(world):
    world.github.add_user("stranger")
    fork = world.github.fork(world.infra, "stranger")
    world.github.commit(fork, "evil", {"a.txt": "from outside"}, author="stranger")
    pull = world.github.open_pull_request(world.infra, head="stranger:evil", author="stranger")
    world.settle()
    world.upload(pull.head_sha, [item("network")], world.static_token())
    world.settle()
    assert world.dispatched() == []
    assert "fork" in world.check(pull.head_sha).output["title"]


def test_a_reopened_pull_request_runs_its_reopened_workflows_at_the_same_check(world):
    pull = world.open_pull_request()
    upload(world, pull, [item("network")])
    world.github.close(pull)
    world.settle()
    world.github.reopen(pull)
    world.settle()
    assert world.check(pull.head_sha).status == "in_progress"
    upload(world, pull, [item("network")])
    world.runs.complete(max(world.dispatch_runs().values()))
    world.settle()
    assert world.dispatched() == [("network", "dev"), ("network", "dev")]
    assert world.check(pull.head_sha).conclusion == "success"


def test_a_lock_held_by_somebody_blocks_the_dispatch_and_says_who_until_it_is_released(world):
    token = world.static_token()
    body = {"key": "acme/infra/dev/network", "ttl": 600, "lockMessage": "hands off"}
    assert world.server.request("POST", "/api/v1/locks", body=body, token=token).status == 200
    pull = world.open_pull_request()
    upload(world, pull, [item("network")])
    assert world.dispatched() == []
    assert "hands off" in world.check(pull.head_sha).output["title"]
    assert world.server.request("DELETE", "/api/v1/locks", body={"key": body["key"]}, token=token).status == 200
    world.advance_clock(2)
    world.settle()
    assert world.dispatched() == [("network", "dev")]


def test_a_lock_that_is_never_released_fails_the_dispatch_after_an_hour(world):
    world.server.request(
        "POST", "/api/v1/locks", body={"key": "acme/infra/dev/network", "ttl": 80_000}, token=world.static_token()
    )
    pull = world.open_pull_request()
    upload(world, pull, [item("network")])
    world.advance_clock(3700)
    world.settle()
    assert world.check(pull.head_sha).conclusion == "failure"


def test_a_dispatched_job_takes_its_own_automatic_lock_over(world):
    pull = world.open_pull_request()
    upload(world, pull, [item("network")])
    run_id = world.dispatch_runs()["dev/network"]
    token = world.session(run_id)
    answer = world.server.request(
        "POST", "/api/v1/locks", body={"key": "acme/infra/dev/network", "ttl": 60}, token=token
    )
    assert (answer.status, answer.data["fence"]) == (200, 1)
    world.runs.complete(run_id)
    world.settle()
    assert live_locks(world) == []


def test_a_cycle_of_dependents_fails_the_check_with_the_chain(world):
    pull = world.open_pull_request()
    upload(world, pull, [item("a", dependents=[item("b", dependents=[item("a")])])])
    check = world.check(pull.head_sha)
    assert check.conclusion == "failure"
    assert "dev/a → dev/b → dev/a" in check.output["title"]


def test_a_leftover_template_in_an_input_fails_the_check_with_the_switch_to_set(world):
    pull = world.open_pull_request()
    broken = item("network")
    broken["settings"]["pro"]["pull_request"]["opened"]["workflows"]["plan.yaml"]["inputs"]["stack"] = (
        "{{ .vars.stage }}"
    )
    upload(world, pull, [broken])
    assert world.check(pull.head_sha).conclusion == "failure"
    assert "templates.settings.enabled" in world.check(pull.head_sha).output["title"]


def test_a_workflow_that_does_not_declare_an_input_fails_with_the_name_of_it(world):
    pull = world.open_pull_request()
    broken = item("network")
    broken["settings"]["pro"]["pull_request"]["opened"]["workflows"]["plan.yaml"]["inputs"]["colour"] = "red"
    upload(world, pull, [broken])
    assert "colour" in world.comment(pull.number)
    assert world.check(pull.head_sha).conclusion == "failure"
