"""Signing in: the token of the job, its exchange for a session, and where neither may go (`cli/oidc.py`)."""

import io

import pytest

from sonde.cli import client
from sonde.cli.errors import ApiError, NoAnswerError, RefusedError, SignInError
from sonde.cli.log import Log
from sonde.cli.process import Process
from sonde.cli.settings import ProSettings
from sonde.cli.transport import Transport
from sonde.wire import locks

KEY = "acme/infra/dev/vpc"
NO = {"success": False, "status": 409, "errorMessage": "held by run 7", "traceId": "t-1"}


@pytest.fixture
def process(tmp_path):
    return Process(
        env={}, cwd=tmp_path, stdout=io.StringIO(), stderr=io.StringIO(), now=lambda: 0.0, sleep=lambda _: None
    )


@pytest.fixture
def github(tls_plane, pki, plane, process):
    """A session by GitHub OIDC: the mint is the TLS server, the control plane is `plane`."""
    settings = ProSettings(
        base_url=plane.url,
        workspace_id="ws_1",
        oidc_request_url=f"{tls_plane.url}/token?z=1&audience=other&a=2",
        oidc_request_token="ask",
    )
    tls_plane.says((200, {"value": "jwt"}))
    wire = Transport({"SSL_CERT_FILE": str(pki / "ca.pem")})
    return client.Session(settings, process, Log(process.stderr, "off"), wire)


def lock(session):
    return client.lock(session, locks.LockRequest(key=KEY, message="mine"))


def push(session):
    client.upload(session, "UploadInstances", "POST", "instances", b'{"instances":[]}')


@pytest.mark.parametrize(
    ("status", "hint"), [(401, "id-token: write"), (403, "per repository"), (404, "ATMOS_PRO_WORKSPACE_ID")]
)
def test_a_job_that_signed_in_by_oidc_is_not_told_about_static_tokens(github, plane, status, hint):
    plane.says((status, {"success": False, "errorMessage": "no"}))
    with pytest.raises(RefusedError) as caught:
        lock(github)
    assert hint in caught.value.hints[0]
    assert "static" not in " ".join(caught.value.hints)


def test_github_is_asked_for_our_audience_and_its_token_exchanged(github, tls_plane, plane):
    plane.says((200, {"success": True, "data": {"token": "session"}}))
    github.refresh()
    assert tls_plane.seen[0].path == "/token?a=2&audience=atmos-pro.com&z=1"
    assert tls_plane.seen[0].headers["authorization"] == "Bearer ask"
    assert plane.seen[0].path == "/api/v1/auth/github-oidc"
    assert plane.seen[0].body == {"token": "jwt", "workspaceId": "ws_1"}
    assert "authorization" not in plane.seen[0].headers
    assert github.token == "session"


def test_what_go_cannot_read_of_the_query_does_not_reach_github(github, tls_plane, plane):
    plane.says((200, {"success": True, "data": {"token": "s"}}))
    url = f"{tls_plane.url}/token?a=1;b=2&c&d=%zz&e=%20x"
    github.settings = github.settings._replace(oidc_request_url=url)
    github.refresh()
    assert tls_plane.seen[0].path == "/token?audience=atmos-pro.com&c=&e=+x"


def test_after_a_401_a_fresh_github_token_is_exchanged_and_used(github, tls_plane, plane):
    github.token = "old"
    plane.says((401, NO), (200, {"success": True, "data": {"token": "new"}}), (200, {}))
    push(github)
    assert [seen.headers.get("authorization") for seen in plane.seen] == ["Bearer old", None, "Bearer new"]
    assert len(tls_plane.seen) == 1


def test_a_refused_refresh_ends_the_attempts_and_tells_both_reasons(github, plane):
    plane.says((401, {"errorMessage": "Token expired"}), (401, {"errorMessage": "OIDC token rejected"}))
    with pytest.raises(RefusedError) as caught:
        push(github)
    assert "Token expired" in caught.value.message
    assert "failed to refresh API token: failed to exchange OIDC token" in caught.value.message
    assert len(plane.seen) == 2


def test_the_mint_must_be_https(github):
    github.settings = github.settings._replace(oidc_request_url="http://127.0.0.1:1/token")
    with pytest.raises(SignInError, match="must use https"):
        github.refresh()


def test_a_missing_workspace_id_is_named_before_the_exchange(github, plane):
    github.settings = github.settings._replace(workspace_id="")
    with pytest.raises(SignInError, match="ATMOS_PRO_WORKSPACE_ID"):
        github.refresh()
    assert not plane.seen


def test_a_static_token_never_goes_to_a_server_nobody_named(process):
    with pytest.raises(SignInError, match="no server is"):
        client.open_session(ProSettings(token="secret"), process, Log(process.stderr))


def test_without_a_base_url_the_default_is_said_on_stderr(process):
    with pytest.raises(SignInError, match="not running in GitHub Actions"):
        client.open_session(ProSettings(), process, Log(process.stderr))
    assert "https://app.cloudposse.com" in process.stderr.getvalue()


def test_calls_use_the_proxy_and_the_exchange_does_not(github, plane):
    github.settings = github.settings._replace(base_url="http://api.example")
    github.wire = github.wire._replace(env={**github.wire.env, "HTTP_PROXY": plane.url}, timeout=5)
    with pytest.raises(NoAnswerError):
        github.refresh()
    assert not plane.seen
    github.token = "session"
    push(github)
    assert plane.seen[0].path == "http://api.example/api/v1/instances"


@pytest.mark.parametrize("status", [302, 307])
def test_a_redirect_out_of_tls_is_not_followed(github, plane, tls_plane, status):
    github.settings = github.settings._replace(base_url=tls_plane.url)
    tls_plane.says((200, {"value": "jwt"}), (status, b"", {"Location": f"{plane.url}/api/v1/auth/github-oidc"}))
    with pytest.raises(ApiError, match="where tokens could be read on the way"):
        github.refresh()
    assert not plane.seen
