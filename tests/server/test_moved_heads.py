"""A branch that moves while a run is on its way never makes the run do something else than was planned (T8; ruling 7)."""

import pytest
from world import item

POINTS = (
    "before the event",
    "before the upload",
    "before the dispatch",
    "after the dispatch",
    "in the run",
    "before the end",
)


def moves(world, at, point, branch):
    """Somebody pushes to the branch at this point of the story, and GitHub tells us."""
    if at == point:
        world.github.commit(world.infra, branch, {"sneaked.txt": point}, author="octo-dev")


def dispatches(world, workflow):
    return [run for run in world.runs.requests.values() if run.workflow_path.endswith(workflow)]


@pytest.mark.parametrize("point", POINTS)
def test_an_apply_is_only_ever_of_the_commit_that_was_merged(world, point):
    pull = world.open_pull_request()
    world.sandbox.faults.hold_webhooks("pull_request")
    merge = world.github.merge(pull)
    moves(world, "before the event", point, "main")
    world.sandbox.faults.stop_holding()
    world.sandbox.courier.release()
    world.settle()
    moves(world, "before the upload", point, "main")
    token = world.session(world.run_of("pull_request").run_id)
    assert world.upload(merge, [item("network")], token).status == 200
    moves(world, "before the dispatch", point, "main")
    world.settle()
    moves(world, "after the dispatch", point, "main")
    run_id = world.dispatch_runs()["dev/network"]
    token = world.session(run_id)
    moves(world, "in the run", point, "main")
    path = "/api/v1/repos/acme/infra/instances?stack=dev&component=network"
    assert world.server.request("PATCH", path, body={"command": "apply", "exit_code": 0}, token=token).status == 200
    moves(world, "before the end", point, "main")
    world.runs.complete(run_id)
    world.settle()
    assert [run.inputs["sha"] for run in dispatches(world, "apply.yaml")] == [merge]
    assert world.check(merge).conclusion == "success"


@pytest.mark.parametrize("point", POINTS)
def test_a_plan_is_only_ever_of_a_commit_whose_upload_named_it(world, point):
    world.github.commit(world.infra, "feature", {"feature.txt": "a change"}, author="octo-dev")
    pull = world.github.open_pull_request(world.infra, head="feature", author="octo-dev")
    planned = pull.head_sha
    moves(world, "before the event", point, "feature")
    world.settle()
    moves(world, "before the upload", point, "feature")
    token = world.session(world.run_of("pull_request").run_id)
    assert world.upload(planned, [item("network")], token).status == 200
    moves(world, "before the dispatch", point, "feature")
    world.settle()
    moves(world, "after the dispatch", point, "feature")
    for run_id in list(world.dispatch_runs().values()):
        moves(world, "in the run", point, "feature")
        moves(world, "before the end", point, "feature")
        world.runs.complete(run_id)
    world.settle()
    overtaken = point in POINTS[:3]  # a newer commit was heard of before anything was sent
    assert [run.inputs["sha"] for run in dispatches(world, "plan.yaml")] == ([] if overtaken else [planned])
    assert not dispatches(world, "apply.yaml")
