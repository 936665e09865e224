"""What commands of clients report of themselves (product.md §2.8): stored once, read by nobody else, fetched from nowhere."""

import json

import pytest
from sqlalchemy import select

from sonde.server.auth import store as auth
from sonde.server.executions import service, store
from sonde.server.workspaces import store as workspaces
from sonde.server.workspaces.model import Workspace

RESULT = {
    "version": 1,
    "components": [
        {"component": "vpc", "stack": "dev", "exit_code": 2, "logs": "bG9n", "vars": {"password": "hunter2"}},
    ],
    "environment": {"password": "hunter2"},
}


def record(**more):
    return {
        "execution_id": "e-1",
        "atmos_pro_run_id": "",
        "command": "atmos terraform plan",
        "args": ["vpc"],
        "flags": ["-s", "dev"],
        "exit_code": 0,
        "repo_owner": "acme",
        "repo_name": "infra",
        "metrics": {"wall_time_ms": 12},
        **more,
    }


def post(world, path, body, token):
    return world.server.request("POST", f"/api/v1/{path}", body=body, token=token)


def stored(world, execution="e-1"):
    with world.db.read() as tx:
        mine = (
            store.executions.c.workspace_id == world.repository.workspace_id,
            store.executions.c.execution_id == execution,
        )
        return tx.one(select(store.executions).where(*mine))


@pytest.fixture
def token(world):
    return world.static_token()


def test_an_execution_is_stored_with_its_result_and_without_vars(world, token):
    assert post(world, "atmos/exec", record(data=RESULT), token).status == 200
    row = stored(world)
    facts = json.loads(row.facts)
    assert (facts["command"], facts["args"], facts["metrics"]) == ("terraform plan", ["vpc"], {"wall_time_ms": 12})
    kept = service.unpacked(row.data)
    assert kept["components"][0] == {"component": "vpc", "stack": "dev", "exit_code": 2, "logs": "bG9n"}
    assert "hunter2" not in str(kept)


def test_the_same_execution_again_is_one_and_a_strangers_of_the_same_id_is_refused(world, token):
    for _ in range(2):
        assert post(world, "atmos/exec", record(exit_code=2), token).status == 200
    stranger = post(world, "atmos/exec", record(exit_code=0), world.static_token())
    assert stranger.status == 409
    assert json.loads(stored(world).facts)["exit_code"] == 2


def test_a_large_result_gets_an_address_beside_data_that_its_execution_may_name(world, token):
    answers = [post(world, "atmos/exec/data", {"execution_id": "e-1", "data": RESULT}, token) for _ in range(2)]
    url = answers[0].body["url"]
    assert answers[1].body["url"] == url
    assert post(world, "atmos/exec", record(data=url), token).status == 200
    assert stored(world).data_id == url.rpartition("/")[2]
    path = url[url.index("/api/") :]
    assert world.server.request("GET", path, token=token).data["data"]["components"][0]["component"] == "vpc"
    assert world.server.request("GET", path).status == 401


def test_another_workspace_neither_reads_nor_names_a_result(world, token):
    url = post(world, "atmos/exec/data", {"execution_id": "e-1", "data": RESULT}, token).body["url"]
    with world.db.write("admin.change") as tx:
        workspaces.put_workspace(tx, Workspace("ws_other", "other"))
        auth.put_token(
            tx, auth.StaticToken("tok_other", "ws_other", None, "other", tx.now + 86_400_000), "other-secret"
        )
    assert world.server.request("GET", url[url.index("/api/") :], token="other-secret").status == 404
    body = record(data=url, repo_owner="", repo_name="")
    assert post(world, "atmos/exec", body, "other-secret").status == 400


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.test/api/v1/atmos/exec/data/exd_1",
        "http://169.254.169.254/latest/meta-data",
        "file:///etc/passwd",
        "exd_1",
        "",
    ],
)
def test_a_result_that_lies_elsewhere_is_refused_and_never_fetched(world, token, url):
    answer = post(world, "atmos/exec", record(data=url), token)
    assert answer.status == 400
    assert "atmos/exec/data" in answer.body["errorMessage"]
    assert stored(world) is None


def test_a_session_may_leave_the_names_of_its_repository_empty_but_not_name_another(world):
    world.open_pull_request()
    token = world.session(world.run_of("pull_request").run_id)
    assert post(world, "atmos/exec", record(repo_owner="", repo_name=""), token).status == 200
    assert stored(world).repository_id == world.repository.id
    assert post(world, "atmos/exec", record(execution_id="e-2", repo_name="other"), token).status == 403


def test_executions_are_kept_for_thirty_days(world, token):
    post(world, "atmos/exec", record(), token)
    post(world, "atmos/exec/data", {"execution_id": "e-1", "data": []}, token)
    for days, left in ((29, 0), (2, 2)):
        world.advance_clock(days * 86_400)
        with world.db.write("purge") as tx:
            assert store.purge(tx) == left
