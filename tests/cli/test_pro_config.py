"""`sonde pro config`: every setting with its origin, and no secret in full."""

import json

import pytest


def rows(done):
    return {row["setting"]: row for row in json.loads(done.stdout)}


def test_each_setting_is_shown_with_where_it_comes_from(sonde, checkout, plane):
    with (checkout / "atmos.yaml").open("a") as file:
        file.write("settings: {pro: {workspace_id: ws_yaml, base_url: http://ignored}}\n")
    found = rows(sonde("pro", "config", "--format", "json"))
    assert found["base_url"] == {"setting": "base_url", "value": plane.url, "from": "ATMOS_PRO_BASE_URL"}
    assert found["workspace_id"]["value"] == "ws_yaml"
    assert found["workspace_id"]["from"].endswith("atmos.yaml")
    assert found["endpoint"]["from"] == "default"


def test_a_secret_is_never_shown(sonde):
    for form in ("table", "json"):
        done = sonde("pro", "config", "--format", form, env={"ATMOS_PRO_TOKEN": "sk-0123456789-secret-ab"})
        assert "0123456789" not in done.stdout
        assert "ATMOS_PRO_TOKEN" in done.stdout


@pytest.mark.parametrize(
    ("env", "says"),
    [
        ({}, "with the static token"),
        ({"ATMOS_PRO_BASE_URL": ""}, "needs an explicit base_url"),
        ({"ATMOS_PRO_TOKEN": ""}, "neither a token nor GitHub's OIDC"),
        (
            {
                "ATMOS_PRO_TOKEN": "",
                "ACTIONS_ID_TOKEN_REQUEST_URL": "https://x",
                "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "y",
            },
            "no workspace_id",
        ),
    ],
)
def test_it_says_how_the_next_call_would_sign_in(sonde, plane, env, says):
    done = sonde("pro", "config", env=env)
    assert done.returncode == 0
    assert says in done.stdout
    assert not plane.seen


def test_the_audience_of_githubs_token_is_the_shared_one_unless_it_is_set(sonde, checkout):
    assert rows(sonde("pro", "config", "--format", "json"))["oidc_audience"]["value"] == "(not set)"
    with (checkout / "atmos.yaml").open("a") as file:
        file.write("settings: {pro: {github_oidc: {audience: https://yaml.example}}}\n")
    found = rows(sonde("pro", "config", "--format", "json"))["oidc_audience"]
    assert (found["value"], found["from"].endswith("atmos.yaml")) == ("https://yaml.example", True)
    env = {"ATMOS_PRO_OIDC_AUDIENCE": "https://env.example"}
    assert rows(sonde("pro", "config", "--format", "json", env=env))["oidc_audience"]["value"] == "https://env.example"
