"""Promises of the OIDC exchange and of credentials, over HTTP with real RS256 tokens."""

import base64
import json
from concurrent.futures import ThreadPoolExecutor

import jwt
import pytest
from commands import facts, refused
from world import WORKSPACE, Server

from sonde.server.auth.store import sessions, used_jti
from sonde.server.workspaces import store as workspaces


def exchange(world, token, workspace=WORKSPACE):
    return world.server.request("POST", "/api/v1/auth/github-oidc", body={"token": token, "workspaceId": workspace})


@pytest.fixture
def run_id(world):
    world.open_pull_request()
    return world.run_of("pull_request").run_id


def test_a_genuine_token_opens_a_session_once(world, run_id):
    token = world.oidc(run_id)
    first = exchange(world, token)
    assert (first.status, first.body["success"]) == (200, True)
    again = exchange(world, token)
    assert (again.status, again.body["errorTag"]) == (401, "TokenReplayed")


def test_of_many_exchanges_of_one_token_one_wins(world, run_id):
    token = world.oidc(run_id)
    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(lambda _: exchange(world, token), range(50)))
    assert sorted(answer.status for answer in answers) == [200] + [401] * 49
    assert {answer.body.get("errorTag") for answer in answers} == {None, "TokenReplayed"}
    with world.db.read() as tx:
        assert (len(tx.all(sessions.select())), len(tx.all(used_jti.select()))) == (1, 1)
    assert exchange(world, token).status == 401


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)  # SQLite is one process
def test_of_many_exchanges_of_one_token_at_two_replicas_one_wins(world, run_id):
    other = Server(world.server.site.settings)
    body = {"token": world.oidc(run_id), "workspaceId": WORKSPACE}
    try:
        with ThreadPoolExecutor(50) as pool:
            asked = [(world.server, other)[number % 2] for number in range(50)]
            ask = [pool.submit(one.request, "POST", "/api/v1/auth/github-oidc", body=body) for one in asked]
        assert sorted(one.result().status for one in ask) == [200] + [401] * 49
    finally:
        other.stop()


def test_the_session_token_tells_its_expiry_an_hour_ahead(world, run_id):
    payload = json.loads(
        base64.urlsafe_b64decode(exchange(world, world.oidc(run_id)).data["token"].split(".")[1] + "==")
    )
    assert payload["exp"] - payload["iat"] == 3600


def test_a_session_ends_after_an_hour(world, run_id):
    token = exchange(world, world.oidc(run_id)).data["token"]
    world.advance_clock(3601)
    answer = world.server.request("POST", "/api/v1/locks", body={"key": "acme/infra/dev/vpc"}, token=token)
    assert answer.status == 401


def test_an_expired_token_is_refused(world, run_id):
    token = world.oidc(run_id)
    world.advance_clock(400)
    answer = exchange(world, token)
    assert answer.status == 401
    assert "s ago by this server's clock" in answer.body["errorMessage"]
    assert "that clock is fast" in answer.body["errorMessage"]


def test_a_token_for_another_audience_is_refused(world, run_id):
    assert exchange(world, world.oidc(run_id, audience="https://elsewhere.example")).status == 401


def test_an_unknown_workspace_is_404_and_does_not_use_the_token_up(world, run_id):
    token = world.oidc(run_id)
    assert exchange(world, token, workspace="ws_nope").status == 404
    assert exchange(world, token).status == 200


def test_a_repository_that_is_not_linked_is_refused_with_the_command_that_links_it(world, run_id):
    with world.db.write("admin.change") as tx:
        tx.run(workspaces.repositories.update().values(github_id=1))
    answer = exchange(world, world.oidc(run_id))
    assert answer.status == 403
    assert "sonde admin repo add acme/infra" in answer.body["errorMessage"]


@pytest.mark.parametrize("other", [{"owner_id": 1}, {"github_id": 1}, {"owner_id": 1, "github_id": 1}], ids=str)
def test_the_same_name_with_another_id_is_refused(world, run_id, other):
    with world.db.write("admin.change") as tx:
        tx.run(workspaces.repositories.update().values(**other))
    assert exchange(world, world.oidc(run_id)).status == 403


def test_a_renamed_repository_keeps_its_rights_and_its_new_name(world, run_id):
    with world.db.write("admin.change") as tx:
        tx.run(workspaces.repositories.update().values(name="old-name"))
    assert exchange(world, world.oidc(run_id)).status == 200
    with world.db.read() as tx:
        assert workspaces.repository(tx, "repo_1").name == "infra"


def flipped(token, part):
    parts = token.split(".")
    middle = len(parts[part]) // 2
    other = "A" if parts[part][middle] != "A" else "B"
    parts[part] = parts[part][:middle] + other + parts[part][middle + 1 :]
    return ".".join(parts)


@pytest.mark.parametrize("part", [0, 1, 2])
def test_a_token_with_one_changed_character_is_refused(world, run_id, part):
    answer = exchange(world, flipped(world.oidc(run_id), part))
    assert (answer.status, answer.body["success"]) == (401, False)


@pytest.mark.parametrize("token", ["", "x", "a.b", "a.b.c", "....", "é.é.é", "a" * 9000])
def test_what_is_no_token_is_refused(shared_world, token):
    assert exchange(shared_world, token).status == 401


def test_a_rotated_key_is_fetched_once_a_minute_has_passed_and_not_before(world, run_id):
    assert exchange(world, world.oidc(run_id)).status == 200
    world.sandbox.issuer.rotate()
    assert exchange(world, world.oidc(run_id)).status == 401
    world.advance_clock(61)
    answer = exchange(world, world.oidc(run_id))
    assert "expired" not in answer.body.get("errorMessage", "")
    assert answer.status == 200


@pytest.mark.parametrize("authorization", [None, "Bearer", "Bearer nonsense", "Basic YTpi", "Bearer a.b.c"])
def test_a_request_without_a_live_bearer_is_401(shared_world, authorization):
    headers = {"Authorization": authorization} if authorization else {}
    answer = shared_world.server.request("POST", "/api/v1/locks", body={"key": "acme/infra/dev/vpc"}, headers=headers)
    assert (answer.status, answer.body["success"]) == (401, False)


def test_a_static_token_ends_on_its_day(world):
    token = world.static_token(days=1)
    world.advance_clock(86_401)
    assert world.server.request("POST", "/api/v1/locks", body={"key": "acme/infra/dev/vpc"}, token=token).status == 401


def test_a_static_token_of_one_repository_does_not_reach_another(world):
    answer = world.server.request(
        "POST", "/api/v1/locks", body={"key": "acme/other/dev/vpc"}, token=world.static_token()
    )
    assert answer.status == 403


def reads(world, token):
    return world.server.request("GET", "/api/v1/repos/acme/infra/locks", token=token).status


def test_a_revoked_session_ends_at_once_and_the_others_stay(world, run_id, admin):
    mine, other = (exchange(world, world.oidc(run_id)).data["token"] for _ in range(2))
    listed = facts(admin("session", "list", "--workspace", WORKSPACE, "--repo", "acme/infra", "--json"))["sessions"]
    assert {one["run_id"] for one in listed} == {str(run_id)}
    assert len(listed) == 2
    sid = jwt.decode(mine, options={"verify_signature": False})["sid"]
    assert facts(admin("session", "revoke", sid, "--workspace", WORKSPACE, "--json")) == {"revoked": [sid]}
    assert (reads(world, mine), reads(world, other)) == (401, 200)
    refused(admin("session", "revoke", sid, "--workspace", WORKSPACE), "lives in", "session list")
    refused(admin("session", "revoke", "--workspace", WORKSPACE), "say which")
    refused(admin("session", "revoke", sid, "--all", "--workspace", WORKSPACE), "say which")
    lock = {"key": "acme/infra/dev/vpc"}
    assert world.server.request("POST", "/api/v1/locks", body=lock, token=mine).status == 401
    assert (
        len(facts(admin("session", "revoke", "--repo", "acme/infra", "--workspace", WORKSPACE, "--json"))["revoked"])
        == 1
    )
    assert reads(world, other) == 401
    assert facts(admin("session", "list", "--workspace", WORKSPACE, "--json")) == {"sessions": []}


def test_a_revoked_token_ends_at_once_and_one_of_another_workspace_is_not_found(world, admin):
    made = facts(admin("token", "create", "--workspace", WORKSPACE, "--permission", "status:read", "--json"))
    assert reads(world, made["token"]) == 200
    body = {"key": "acme/infra/dev/vpc"}
    answer = world.server.request("POST", "/api/v1/locks", body=body, token=made["token"])
    assert (answer.status, "its permissions are status:read" in answer.body["errorMessage"]) == (403, True)
    elsewhere = facts(admin("workspace", "create", "elsewhere", "--json"))["id"]
    refused(admin("token", "revoke", made["id"], "--workspace", elsewhere), "no token")
    assert facts(admin("token", "revoke", made["id"], "--workspace", WORKSPACE, "--json")) == {"revoked": made["id"]}
    assert reads(world, made["token"]) == 401
    refused(admin("token", "revoke", made["id"], "--workspace", WORKSPACE), "no token")
    (row,) = facts(admin("token", "list", "--workspace", WORKSPACE, "--json"))["tokens"]
    assert (row["state"], row["permissions"]) == ("revoked", ["status:read"])
