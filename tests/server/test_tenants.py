"""What belongs to another workspace is, to a caller, as if it did not exist: the same answer, byte for byte (T6, T26)."""

import json

import pytest
from twins import API, BODIES, KEY, TOKEN, Twins, concrete

from sonde.server.auth import store as auth
from sonde.server.workspaces import store as workspaces
from sonde.server.workspaces.model import Repository, Workspace
from sonde.wire.exchange import PATH as EXCHANGE

THEIRS, MINE = "a-token-of-the-other-workspace", "a-token-of-one-repository"
NAMING = [  # the routes whose request names a repository; the exchange asks for none, and the others act for the caller's own
    (method, path)
    for method, path in API
    if path != EXCHANGE and ("{repo}" in path or "infra" in json.dumps(BODIES.get(path, {})))
]


@pytest.fixture(scope="module")
def neighbours(tmp_path_factory):
    """Twins with a second workspace: acme/other is linked there, and locked, deployed and reported there."""
    made = Twins.start(tmp_path_factory.mktemp("neighbours"))
    for server in made.servers.values():
        with server.site.db.write("admin.change") as tx:
            workspaces.put_workspace(tx, Workspace("ws_other", "other"))
            workspaces.put_repository(tx, Repository("repo_2", "ws_other", 3, 2, "acme", "other", None))
            later = tx.now + 86_400_000
            auth.put_token(tx, auth.StaticToken("tok_2", "ws_other", None, "theirs", later), THEIRS)
            auth.put_token(tx, auth.StaticToken("tok_3", "ws_test", "repo_1", "mine", later), MINE)
    for path in ("locks", "affected-stacks", "instances", "atmos/exec"):
        assert made.ask("POST", concrete(path), body=named(BODIES[path], "other"), token=THEIRS).status == 200
    yield made
    made.stop()


def named(body, repository):
    return json.loads(json.dumps(body).replace("infra", repository))


def asked(neighbours, method, path, repository, token):
    """Status and body of an answer, without what is each answer's own and with the name left out."""
    body = named(BODIES[path], repository) if path in BODIES else None
    answer = neighbours.ask(method, concrete(path, repo=repository), body=body, token=token)
    told = {name: value for name, value in answer.body.items() if name != "traceId"}
    return answer.status, json.dumps(told).replace(repository, "…")


@pytest.mark.parametrize("token", [TOKEN, MINE], ids=["of the workspace", "of a repository"])
@pytest.mark.parametrize(("method", "path"), NAMING)
def test_what_another_workspace_has_is_answered_like_what_nobody_has(neighbours, method, path, token):
    theirs, nobodys = (asked(neighbours, method, path, name, token) for name in ("other", "ghost"))
    assert theirs == nobodys
    assert theirs[0] >= 400


def test_the_routes_that_name_a_repository_are_found():
    assert {path for _, path in NAMING} >= {"locks", "locks/all", "locks/wait", "affected-stacks", "instances"}
    assert len(NAMING) >= 11


def test_nothing_of_another_workspace_was_changed_by_the_asking(neighbours):
    for method, path in NAMING:
        asked(neighbours, method, path, "other", TOKEN)
    answer = neighbours.ask("GET", "/api/v1/repos/acme/other/locks", token=THEIRS)
    (lock,) = answer.data["locks"]
    assert (lock["key"], lock["live"], lock["holder"]) == (KEY.replace("infra", "other"), True, "theirs")


def test_a_batch_of_the_same_id_in_another_workspace_is_another_batch(neighbours):
    part = {**BODIES["instances"], "batch_id": "shared", "batch_total": 2}
    theirs = neighbours.ask("POST", concrete("instances"), body=named(part, "other"), token=THEIRS)
    mine = neighbours.ask("POST", concrete("instances"), body={**part, "batch_total": 3}, token=TOKEN)
    assert (theirs.status, mine.status) == (200, 200)
    assert (theirs.data["missing"], mine.data["missing"]) == (1, 2)
