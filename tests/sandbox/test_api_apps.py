"""The App, its installations and their tokens (`sandbox/api/apps.py`)."""

import pytest

REPO = "/repos/acme/infra"


def test_the_app_and_its_installations_are_described(client):
    number = client.as_app("GET", "/app/installations").json()[0]["id"]
    assert client.as_app("GET", "/app").json()["slug"] == "sonde-sandbox"
    assert client.as_app("GET", f"/app/installations/{number}").json()["account"]["login"] == "acme"
    for path in (f"{REPO}/installation", "/orgs/acme/installation"):
        assert client.as_app("GET", path).json()["id"] == number


def test_a_token_lives_one_hour(client, github, clock):
    token = client.installation_token().json()
    assert client.get(REPO, bearer=token["token"]).status_code == 200
    clock.advance(seconds=3599)
    assert client.get(REPO, bearer=token["token"]).status_code == 200
    clock.advance(seconds=1)
    assert client.get(REPO, bearer=token["token"]).json()["message"] == "Bad credentials"


def test_a_token_can_be_narrowed_to_permissions(client):
    token = client.installation_token(permissions={"checks": "read"}).json()["token"]
    refused = client.post(f"{REPO}/actions/workflows/plan.yaml/dispatches", {"ref": "main"}, bearer=token)
    assert (refused.status_code, refused.json()["message"]) == (403, "Resource not accessible by integration")


def test_a_token_for_one_repository_does_not_see_another(client, github):
    other = github.world.create_repository("acme/other", {"a": "1"})
    token = client.installation_token(repository_ids=[other.id]).json()
    assert [one["name"] for one in token["repositories"]] == ["other"]
    assert client.get(REPO, bearer=token["token"]).status_code == 404
    listed = client.get("/installation/repositories", bearer=token["token"]).json()
    assert [one["full_name"] for one in listed["repositories"]] == ["acme/other"]


def test_more_permission_than_was_granted_is_refused(client):
    refused = client.installation_token(permissions={"metadata": "write"})
    sentence = "The permissions requested are not granted to this installation."
    assert (refused.status_code, refused.json()["message"]) == (422, sentence)


def test_a_revoked_token_is_dead(client):
    token = client.installation_token().json()["token"]
    assert client.request("DELETE", "/installation/token", bearer=token).status_code == 204
    assert client.get(REPO, bearer=token).status_code == 401


@pytest.mark.parametrize(
    ("claims", "sentence"),
    [
        ({"iss": "1"}, "could not be decoded"),
        ({"exp": 1}, "must be a numeric value representing the future time"),
        ({"exp": 99_999_999_999}, "is too far in the future"),
        ({"iat": 99_999_999_999}, "'Issued at' claim"),
    ],
)
def test_a_wrong_app_jwt_is_refused_with_githubs_sentence(client, claims, sentence):
    refused = client.request("GET", "/app", bearer=client.app_jwt(**claims))
    assert refused.status_code == 401
    assert sentence in refused.json()["message"]


def test_an_app_jwt_with_another_signature_is_refused(client):
    good = client.app_jwt()
    forged = good[:-8] + ("AAAAAAAA" if not good.endswith("AAAAAAAA") else "BBBBBBBB")
    assert client.request("GET", "/app", bearer=forged).status_code == 401


def test_a_suspended_installation_mints_nothing_and_its_tokens_die(client, github):
    token = client.installation_token().json()["token"]
    github.world.suspend("acme")
    assert client.installation_token().status_code == 403
    assert client.get(REPO, bearer=token).status_code == 401


def test_the_hook_is_configured_by_its_own_route(client, github):
    config = client.as_app("PATCH", "/app/hook/config", json={"url": "https://sonde.example/webhooks", "secret": "s"})
    assert config.json()["url"] == "https://sonde.example/webhooks"
    assert client.as_app("GET", "/app/hook/config").json()["secret"] == "********"
    assert github.world.records.app.webhook_secret == "s"
