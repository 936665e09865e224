"""Stories of the loop, over HTTP: one pull request from webhook to concluded check."""

from world import item


def report(world, run_id, stack, component, command="plan", exit_code=2):
    token = world.session(run_id)
    path = f"/api/v1/repos/acme/infra/instances?stack={stack}&component={component}"
    body = {"command": command, "exit_code": exit_code, "last_run": "2026-11-23T10:00:00Z"}
    return world.server.request("PATCH", path, body=body, token=token)


def test_a_pull_request_runs_in_order_and_concludes_its_check(world):
    pull = world.open_pull_request()
    assert world.check(pull.head_sha).status == "in_progress"
    run = world.run_of("pull_request")
    token = world.session(run.run_id)
    assert world.upload(pull.head_sha, [item("network", dependents=[item("database")])], token).status == 200
    world.settle()

    assert world.dispatched() == [("network", "dev")]
    runs = world.dispatch_runs()
    assert report(world, runs["dev/network"], "dev", "network").status == 200
    world.runs.complete(runs["dev/network"])
    world.settle()

    assert world.dispatched() == [("network", "dev"), ("database", "dev")]
    world.runs.complete(world.dispatch_runs()["dev/database"])
    world.settle()

    check = world.check(pull.head_sha)
    assert (check.status, check.conclusion) == ("completed", "success")
    assert "all 2 succeeded" in world.comment(pull.number)
    assert "changes" in world.comment(pull.number)


def test_an_upload_may_come_before_its_webhook(world):
    world.sandbox.faults.hold_webhooks("pull_request")
    pull = world.open_pull_request()
    token = world.session(world.run_of("pull_request").run_id)
    world.upload(pull.head_sha, [item("network")], token)
    world.settle()
    assert world.dispatched() == []
    world.sandbox.faults.stop_holding()
    world.sandbox.courier.release()
    world.settle()
    assert world.dispatched() == [("network", "dev")]
