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
    assert rows(sonde("pro", "config", "--format", "json"))["github_oidc.audience"]["value"] == "atmos-pro.com"
    with (checkout / "atmos.yaml").open("a") as file:
        file.write("settings: {pro: {github_oidc: {audience: https://yaml.example}}}\n")
    found = rows(sonde("pro", "config", "--format", "json"))["github_oidc.audience"]
    assert (found["value"], found["from"].endswith("atmos.yaml")) == ("https://yaml.example", True)
    env = {"ATMOS_PRO_OIDC_AUDIENCE": "https://env.example"}
    assert (
        rows(sonde("pro", "config", "--format", "json", env=env))["github_oidc.audience"]["value"]
        == "https://env.example"
    )


EVERY = """settings:
  pro:
    base_url: https://yaml.example
    endpoint: api/v9
    workspace_id: ws_yaml
    token: sk-0123456789-secret-ab
    max_payload_bytes: 5000
    github_oidc: {request_url: "https://oidc.example", request_token: rt-0123456789-secret, audience: mine}
    atmos_pro_run_id: run_yaml
    github_run_id: "77"
    git_sts: {git_config_mode: file, revoke_on_exit: false}
"""


def test_every_key_of_settings_pro_is_shown_with_the_file_that_has_the_last_word(sonde, checkout):
    (checkout / "atmos.d").mkdir()
    (checkout / "atmos.d" / "pro.yaml").write_text(EVERY)
    profile = checkout / "profiles" / "ci"
    profile.mkdir(parents=True)
    (profile / "pro.yaml").write_text("settings: {pro: {endpoint: api/v1, github_oidc: {audience: theirs}}}\n")
    with (checkout / "atmos.yaml").open("a") as file:
        file.write("settings: {pro: {workspace_id: ws_main}}\n")
    env = dict.fromkeys(("ATMOS_PRO_BASE_URL", "ATMOS_PRO_TOKEN"), "")
    done = sonde("pro", "config", "--format", "json", "--profile", "ci", env=env)
    found = {name: (row["value"], row["from"].removeprefix(f"{checkout}/")) for name, row in rows(done).items()}
    below = "atmos.d/pro.yaml"
    assert found == {
        "base_url": ("https://yaml.example", below),
        "endpoint": ("api/v1", "profiles/ci/pro.yaml"),
        "workspace_id": ("ws_main", "atmos.yaml"),
        "token": ("sk…ab (23 characters)", below),
        "github_oidc.request_url": ("https://oidc.example", below),
        "github_oidc.request_token": ("rt…et (20 characters)", below),
        "github_oidc.audience": ("theirs", "profiles/ci/pro.yaml"),
        "max_payload_bytes": ("5000", below),
        "atmos_pro_run_id": ("run_yaml", below),
        "github_run_id": ("77", below),
        "head_ref": ("(not set)", ""),
        "git_sts.git_config_mode": ("file", below),
        "git_sts.revoke_on_exit": ("false", below),
        "github_token": ("(not set)", ""),
    }


VARIABLES = {
    "ATMOS_PRO_BASE_URL": "base_url",
    "ATMOS_PRO_ENDPOINT": "endpoint",
    "ATMOS_PRO_WORKSPACE_ID": "workspace_id",
    "ATMOS_PRO_TOKEN": "token",
    "ATMOS_PRO_OIDC_AUDIENCE": "github_oidc.audience",
    "ATMOS_PRO_RUN_ID": "atmos_pro_run_id",
    "ATMOS_PRO_GITHUB_TOKEN": "github_token",
    "ACTIONS_ID_TOKEN_REQUEST_URL": "github_oidc.request_url",
    "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "github_oidc.request_token",
}


def test_every_variable_wins_over_the_files_and_a_misspelled_one_is_named(sonde, checkout):
    (checkout / "atmos.d").mkdir()
    (checkout / "atmos.d" / "pro.yaml").write_text(EVERY)
    env = {name: f"secret-of-{name}" for name in VARIABLES} | {"ATMOS_PRO_BASEURL": "https://typo.example"}
    done = sonde("pro", "config", "--format", "json", env=env)
    found = rows(done)
    assert {found[setting]["from"] for setting in VARIABLES.values()} == set(VARIABLES)
    assert all(found[setting]["from"] == name for name, setting in VARIABLES.items())
    for name in ("ATMOS_PRO_TOKEN", "ATMOS_PRO_GITHUB_TOKEN", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"):
        assert f"secret-of-{name}" not in done.stdout + done.stderr
    assert "⚠ ATMOS_PRO_BASEURL is set, but nothing reads it" in done.stderr
    assert done.stderr.count("⚠") == 1


def test_without_settings_the_defaults_are_shown(sonde):
    found = rows(sonde("pro", "config", "--format", "json", env={"ATMOS_PRO_BASE_URL": ""}))
    defaults = {name: row["value"] for name, row in found.items() if row["from"] == "default"}
    assert defaults == {
        "base_url": "https://app.cloudposse.com",
        "endpoint": "api/v1",
        "github_oidc.audience": "atmos-pro.com",
        "max_payload_bytes": "4194304",
        "git_sts.git_config_mode": "env",
        "git_sts.revoke_on_exit": "true",
    }
