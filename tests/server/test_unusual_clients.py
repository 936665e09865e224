"""What the Go CLI sends in corners: a wrong endpoint, an owner with a slash, a component that it cut at the slash."""

from world import item


def test_a_wrong_endpoint_is_answered_in_words_that_the_client_prints(world):
    answer = world.server.request("POST", "/api/v2/locks", body={"key": "acme/infra/dev/network"}, token="any")
    assert answer.status == 404
    assert answer.body["success"] is False
    assert "ATMOS_PRO_ENDPOINT" in answer.body["errorMessage"]
    assert answer.body["request"] == "POST /api/v2/locks"


def test_a_wrong_method_names_the_methods_that_are_taken(world):
    answer = world.server.request("GET", "/api/v1/affected-stacks", token="any")
    assert answer.status == 405
    assert answer.body["errorTag"] == "MethodNotAllowed"
    assert answer.headers["allow"] == "POST"


def test_an_owner_with_a_slash_is_told_that_its_repository_is_not_linked(world):
    path = "/api/v1/repos/acme%2Fplatform/infra/instances?stack=dev&component=network"
    body = {"command": "plan", "exit_code": 0}
    answer = world.server.request("PATCH", path, body=body, token=world.static_token(repository=False))
    assert answer.status == 403
    assert "acme/platform/infra is not linked" in answer.body["errorMessage"]
    assert "sonde admin repo add" in answer.body["errorMessage"]


def test_a_component_that_the_client_cut_is_the_one_its_run_was_dispatched_for(world):
    pull = world.open_pull_request()
    token = world.session(world.run_of("pull_request").run_id)
    world.upload(pull.head_sha, [item("queue/worker"), item("batch/worker"), item("worker")], token)
    world.settle()
    runs = world.dispatch_runs()
    reported = {}
    for full in ("queue/worker", "batch/worker", "worker"):
        session = world.session(runs[f"dev/{full}"])
        path = "/api/v1/repos/acme/infra/instances?stack=dev&component=worker"
        body = {"command": "apply", "exit_code": 0, "last_run": "2026-11-23T10:00:00Z"}
        assert world.server.request("PATCH", path, body=body, token=session).status == 200
        listed = world.server.request("GET", "/api/v1/repos/acme/infra/instances", token=session)
        reported[full] = sorted(one["component"] for one in listed.data["instances"] if one["status"] == "in_sync")
    assert reported == {
        "queue/worker": ["queue/worker"],
        "batch/worker": ["batch/worker", "queue/worker"],
        "worker": ["batch/worker", "queue/worker", "worker"],
    }


def test_a_static_tokens_plan_of_a_pull_request_is_its_dispatchs_result_and_no_drift(world):
    token = world.static_token()
    pull = world.open_pull_request()
    world.upload(pull.head_sha, [item("network")], token)
    world.settle()
    path = "/api/v1/repos/acme/infra/instances?stack=dev&component=network"
    body = {"command": "plan", "exit_code": 2, "last_run": "2026-11-23T10:00:00Z"}
    answer = world.server.request("PATCH", path, body=body, token=token)
    assert answer.data == {
        "status": "unknown",
        "because": "a plan of a change that is not merged tells nothing of what is deployed",
    }
    world.runs.complete(world.dispatch_runs()["dev/network"])
    world.settle()
    assert "| changes |" in world.comment(pull.number)
