"""GitHub tokens for private sources around `sonde terraform`: real HTTP, real git, a tool that asks git where it would go."""

import io
import json
import os
import signal
import stat
import time
from datetime import UTC, datetime, timedelta

import pytest

from sonde.cli import project as projects
from sonde.cli.errors import EndedError
from sonde.cli.process import Process
from sonde.cli.sts.broker import brokered, environment
from sonde.cli.sts.tokens import usable
from sonde.wire.sts import GitHubToken

AUTH = """
auth:
  providers:
    pro: {{kind: atmos/pro, spec: {{workspace_id: ws_1{provider}}}}}
  identities:
    pro: {{kind: atmos/pro, default: true, via: {{provider: pro}}}}
  integrations:
    gh: {{kind: github/sts, via: {{provider: {via}}}, spec: {{repos: [acme/modules]{spec}}}}}
"""
TOOL = """#!/bin/sh
[ "$1" = plan ] || exit 0
for url in https://github.com/acme/modules.git ssh://git@github.com/acme/modules.git https://github.com/other/x; do
  git ls-remote --get-url "$url"
done
git config user.nickname
echo "token=$ATMOS_PRO_GITHUB_TOKEN"
echo "count=$GIT_CONFIG_COUNT"
"""
REWRITTEN = "https://x-access-token:ghs_1@github.com/acme/modules.git"


def a_token(owner="acme", value="ghs_1", minutes=60, **more):
    ends = (datetime.now(UTC) + timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {"host": "github.com", "owner": owner, "token": value, "expiresAt": ends, **more}


def sts(*found, excluded=()):
    return 200, {"success": True, "data": {"tokens": list(found), "excluded": list(excluded)}}


SESSION = (200, {"success": True, "data": {"token": "session"}})


@pytest.fixture
def project(checkout, tmp_path):
    """The checkout with a tool of our own; what `auth` says is given by the test."""
    tool = tmp_path / "tool"
    tool.write_text(TOOL)
    tool.chmod(0o755)
    (checkout / "components/terraform/vpc").mkdir(parents=True)
    (checkout / "components/terraform/vpc/main.tf").write_text("")
    plain = (checkout / "atmos.yaml").read_text().replace("  terraform:\n", f"  terraform:\n    command: {tool}\n")

    def configure(spec="", provider="", via="pro"):
        (checkout / "atmos.yaml").write_text(plain + AUTH.format(spec=spec, provider=provider, via=via))

    configure()
    return configure


@pytest.fixture
def plan(project, checkout, plane, tls_plane, pki, tmp_path, program):
    """`sonde terraform plan vpc` in a job of GitHub Actions; `tls_plane` mints GitHub's token and is its API."""
    plane.says(SESSION, sts(a_token()))

    def run(env=None, revoked=(204, b""), flags=("vpc",)):
        minted = [] if "ACTIONS_ID_TOKEN" in (env or {}) else [(200, {"value": "jwt"})]
        tls_plane.says(*minted, revoked)
        base = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "NO_COLOR": "1", "GITHUB_ACTIONS": "true"}
        base |= {"ATMOS_PRO_BASE_URL": plane.url, "SSL_CERT_FILE": str(pki / "ca.pem"), "ATMOS_PRO_TOKEN": "static"}
        base |= {"ACTIONS_ID_TOKEN_REQUEST_URL": f"{tls_plane.url}/token", "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "ask"}
        base |= {"GITHUB_API_URL": tls_plane.url, "GIT_CONFIG_GLOBAL": "/dev/null"}
        return program.run("terraform", "plan", *flags, "-s", "dev", cwd=checkout, env=base | (env or {}))

    return run


def files(tmp_path):
    return sorted((tmp_path / ".local/share/sonde/github-sts").rglob("*.*"))


def test_git_below_terraform_goes_to_private_sources_with_the_token(plan, plane, tls_plane, tmp_path):
    done = plan()
    lines = done.stdout.splitlines()
    assert done.returncode == 0, done.stderr
    assert lines[:3] == [REWRITTEN, REWRITTEN, "https://github.com/other/x"]
    assert lines[-2:] == ["token=ghs_1", "count=2"]
    assert "✓ GitHub STS: minted 1 token(s) for acme" in done.stderr
    exchange, request = plane.seen
    assert exchange.body == {"token": "jwt", "workspaceId": "ws_1"}
    assert (request.path, request.headers["authorization"]) == ("/api/v1/sts", "Bearer session")
    assert request.body == {"sources": ["acme/modules"], "policyName": "default"}
    assert [(seen.method, seen.path) for seen in tls_plane.seen] == [
        ("GET", "/token?audience=atmos-pro.com"),
        ("DELETE", "/installation/token"),
    ]
    assert tls_plane.seen[1].headers["authorization"] == "Bearer ghs_1"
    assert files(tmp_path) == []


def test_several_at_a_time_share_what_was_minted_once_until_the_last_has_ended(plan, checkout, plane, tls_plane):
    stack = checkout / "stacks" / "dev.yaml"
    stack.write_text(stack.read_text() + "    dns: {metadata: {component: vpc}}\n")
    done = plan(flags=("--all", "--max-concurrency", "2"))
    assert done.returncode == 0, done.stderr
    assert [f"[dev/{name}] {REWRITTEN}" in done.stdout.splitlines() for name in ("dns", "vpc")] == [True, True]
    assert done.stdout.count("token=ghs_1") == 2
    assert len(plane.seen) == 2, "one exchange, one request for tokens"
    assert [seen.method for seen in tls_plane.seen] == ["GET", "DELETE"]


def test_a_token_that_is_not_to_be_revoked_is_kept_for_its_owner_alone_and_used_again(plan, project, plane, tmp_path):
    project(spec=", revoke_on_exit: false")
    plan()
    (state,) = files(tmp_path)
    assert stat.S_IMODE(state.stat().st_mode) == 0o600
    assert json.loads(state.read_text())["tokens"][0]["token"] == "ghs_1"
    assert plan().stdout.splitlines()[0] == REWRITTEN
    assert len(plane.seen) == 2


@pytest.mark.parametrize("change", ["soon over", "another question", "broken"])
def test_a_kept_token_is_asked_for_anew_where_it_does_not_fit(plan, project, plane, tmp_path, change):
    project(spec=", revoke_on_exit: false")
    plane.says(SESSION, sts(a_token(minutes=0.9 if change == "soon over" else 60)))
    plan()
    if change == "another question":
        project(spec=", revoke_on_exit: false, policy: other")
    if change == "broken":
        files(tmp_path)[0].write_text('{"tokens": 7')
    plane.says(SESSION, sts(a_token(value="ghs_2")))
    assert plan().stdout.splitlines()[0] == REWRITTEN.replace("ghs_1", "ghs_2")
    assert [seen.path for seen in plane.seen] == ["/api/v1/auth/github-oidc", "/api/v1/sts"] * 2


def test_by_file_the_token_stays_out_of_gits_environment(plan, project, plane, tmp_path):
    project(spec=", git_config_mode: file, revoke_on_exit: false")
    done = plan()
    assert done.stdout.splitlines()[0] == REWRITTEN
    assert "count=1" in done.stdout
    config = next(path for path in files(tmp_path) if path.name == "git.config")
    assert stat.S_IMODE(config.stat().st_mode) == 0o600
    project(spec=", git_config_mode: file")
    config.unlink()
    plane.says(SESSION, sts(a_token()))
    assert plan().stdout.splitlines()[0] == REWRITTEN
    assert [path.name for path in files(tmp_path)] == ["state.json"]


def test_each_owner_has_a_token_and_git_configuration_that_was_there_stays(plan, plane):
    plane.says(SESSION, sts(a_token(), a_token("other", "ghs_2")))
    done = plan({"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "user.nickname", "GIT_CONFIG_VALUE_0": "kept"})
    assert done.stdout.splitlines() == [
        *(REWRITTEN, REWRITTEN, "https://x-access-token:ghs_2@github.com/other/x"),
        *("kept", "token=", "count=5"),
    ]


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ((404, {"success": False, "errorMessage": "Route not found"}), "this control plane gives no GitHub tokens"),
        ((403, {"success": False, "errorMessage": "not entitled"}), "not entitled"),
        ((400, {"success": False, "errorMessage": "static"}), "sessions of GitHub Actions only"),
        ((503, b"<html>"), "HTTP 503"),
        ((202, {"success": True, "data": {}}), "HTTP 202"),
        ((200, {"success": False, "errorMessage": "policy engine down"}), "policy engine down"),
        ((200, b"<html>"), "invalid character"),
        ((200, {"success": True, "data": {"tokens": [7]}}), "data.tokens[0]"),
        (("close", b""), "EOF"),
    ],
)
def test_without_tokens_terraform_runs_all_the_same_and_one_warning_says_why(plan, plane, answer, says):
    plane.says(SESSION, answer)
    done = plan()
    assert done.returncode == 0
    assert done.stdout.splitlines()[0] == "https://github.com/acme/modules.git"
    assert says in done.stderr
    assert done.stderr.count("WARN") == 1


def test_no_tokens_granted_is_no_failure_and_each_source_left_out_says_why(plan, plane):
    plane.says(SESSION, sts(excluded=[{"repo": "acme/modules", "reason": "no_trust_policy"}]))
    done = plan()
    assert "GitHub STS: no tokens granted" in done.stderr
    assert "repo=acme/modules reason=no_trust_policy" in done.stderr


def test_a_refused_sign_in_asks_for_no_tokens(plan, plane):
    plane.says((401, {"success": False, "errorMessage": "who are you"}))
    done = plan()
    assert done.returncode == 0
    assert "who are you" in done.stderr
    assert len(plane.seen) == 1


def test_a_revocation_that_fails_is_a_warning(plan):
    done = plan(revoked=(500, b""))
    assert done.returncode == 0
    assert "could not be revoked" in done.stderr
    assert "owner=acme" in done.stderr


def test_outside_github_actions_nothing_is_asked(plan, plane, tls_plane):
    done = plan({"GITHUB_ACTIONS": ""})
    assert done.returncode == 0
    assert not plane.seen
    assert not tls_plane.seen


def test_the_providers_spec_comes_first_and_a_minted_id_token_is_used_as_it_is(plan, project, plane, tls_plane):
    project(provider=f', base_url: "{plane.url}/", endpoint: api/v3, audience: https://sonde.example')
    plan({"ATMOS_PRO_BASE_URL": "http://127.0.0.1:1"})
    assert tls_plane.seen[0].path == "/token?audience=https%3A%2F%2Fsonde.example"
    assert [seen.path for seen in plane.seen] == ["/api/v3/auth/github-oidc", "/api/v3/sts"]
    tls_plane.seen.clear()
    plane.says(SESSION, sts(a_token()))
    plan({"ACTIONS_ID_TOKEN": "given"})
    assert plane.seen[2].body["token"] == "given"
    assert [seen.method for seen in tls_plane.seen] == ["DELETE"]


@pytest.mark.parametrize(
    ("via", "spec", "says"),
    [
        ("pro", ", git_config_mode: fiel", "git_config_mode is 'fiel'; it can be env or file"),
        ("nobody", "", "via names 'nobody', which is no provider of kind atmos/pro"),
    ],
)
def test_an_integration_that_cannot_be_understood_is_named(plan, project, plane, via, spec, says):
    project(spec=spec, via=via)
    done = plan()
    assert done.returncode == 0
    assert says in done.stderr
    assert not plane.seen


@pytest.mark.parametrize(
    "token",
    [
        GitHubToken("", "acme", "ghs_1"),
        GitHubToken("github.com", "", "ghs_1"),
        GitHubToken("github.com", "acme", ""),
        GitHubToken("github.com@evil.example", "acme", "ghs_1"),
        GitHubToken("github.com", 'acme"]\n[core]\nsshCommand=evil #', "ghs_1"),
        GitHubToken("github.com", "acme", "ghs_1\n"),
    ],
)
def test_a_token_that_would_be_more_than_a_token_in_gits_configuration_is_not_used(token):
    assert not usable(token)


def test_a_broken_count_of_git_entries_is_counted_anew():
    assert environment({"GIT_CONFIG_COUNT": "x"}, [("a.b", "c")], [])["GIT_CONFIG_KEY_0"] == "a.b"


def test_a_signal_while_no_tool_runs_ends_the_tokens_too(project, checkout, plane, tls_plane, pki):
    plane.says(SESSION, sts(a_token()))
    tls_plane.says((200, {"value": "jwt"}), (204, b""))
    env = {"HOME": str(checkout), "GITHUB_ACTIONS": "true", "GITHUB_API_URL": tls_plane.url}
    env |= {"ATMOS_PRO_BASE_URL": plane.url, "SSL_CERT_FILE": str(pki / "ca.pem")}
    env |= {"ACTIONS_ID_TOKEN_REQUEST_URL": f"{tls_plane.url}/token", "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "ask"}
    world = Process(env, checkout, io.StringIO(), io.StringIO(), now=time.time, sleep=time.sleep)
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(EndedError) as ended, brokered(projects.load(world, {})):
        signal.raise_signal(signal.SIGTERM)
    assert ended.value.exit_code == 143
    assert [(seen.method, seen.path) for seen in tls_plane.seen][-1] == ("DELETE", "/installation/token")
    assert signal.getsignal(signal.SIGTERM) == before
