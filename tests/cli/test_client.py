"""The calls to the control plane: their headers, their rules of success, and when they are repeated."""

import gzip
import io
import socket
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from sonde.cli import client, transport
from sonde.cli.commit import send
from sonde.cli.errors import ApiError, NoAnswerError, RefusedError, SignInError
from sonde.cli.log import Log
from sonde.cli.process import Process
from sonde.cli.settings import ProSettings
from sonde.cli.transport import Request, Transport
from sonde.wire import commits, locks

KEY = "acme/infra/dev/vpc"
NO = {"success": False, "status": 409, "errorMessage": "held by run 7", "traceId": "t-1"}


@pytest.fixture
def world(tmp_path):
    naps = []
    process = Process(
        env={}, cwd=tmp_path, stdout=io.StringIO(), stderr=io.StringIO(), now=lambda: 0.0, sleep=naps.append
    )
    return process, naps


@pytest.fixture
def session(plane, world):
    settings = ProSettings(base_url=plane.url, token="static")
    return client.Session(settings, world[0], Log(world[0].stderr, "off"))


@pytest.fixture
def github(tls_plane, pki, plane, world):
    """A session by GitHub OIDC: the mint is the TLS server, the control plane is `plane`."""
    settings = ProSettings(
        base_url=plane.url,
        workspace_id="ws_1",
        oidc_request_url=f"{tls_plane.url}/token?z=1&audience=other&a=2",
        oidc_request_token="ask",
    )
    tls_plane.says((200, {"value": "jwt"}))
    wire = Transport({"SSL_CERT_FILE": str(pki / "ca.pem")})
    return client.Session(settings, world[0], Log(world[0].stderr, "off"), wire)


def lock(session):
    return client.lock(session, locks.LockRequest(key=KEY, message="mine"))


def push(session):
    client.upload(session, "UploadInstances", "POST", "instances", b'{"instances":[]}')


def commit(session):
    return send(session, commits.CommitRequest("feature/x", commits.FileChanges(), "msg"))


def test_a_lock_carries_token_type_length_and_our_name_behind_the_one_servers_know(session, plane):
    lock(session)
    (seen,) = plane.seen
    assert (seen.method, seen.path) == ("POST", "/api/v1/locks")
    assert seen.body == {"key": KEY, "ttl": 30, "lockMessage": "mine"}
    assert seen.headers["authorization"] == "Bearer static"
    assert seen.headers["content-type"] == "application/json"
    assert seen.headers["content-length"] == str(len(seen.raw))
    assert seen.headers["accept-encoding"] == "gzip"
    assert seen.headers["user-agent"].startswith("atmos/1.227.0 (linux; amd64) sonde/")
    assert "x-atmos-pro-run-id" not in seen.headers


def test_the_run_id_of_a_dispatched_run_goes_along_as_a_header(session, plane):
    session.settings = session.settings._replace(run_id="run_1")
    lock(session)
    assert plane.seen[0].headers["x-atmos-pro-run-id"] == "run_1"


@pytest.mark.parametrize(
    ("call", "status", "body", "succeeds"),
    [
        (lock, 200, {"success": True}, True),
        (lock, 409, {"success": True}, True),
        (lock, 200, {"success": False}, False),
        (lock, 200, {}, False),
        (lock, 204, b"", False),
        (lock, 200, {"success": "true"}, False),
        (lock, 200, {"success": True, "data": []}, False),
        (lock, 200, {"success": True, "status": "ok"}, False),
        (lock, 200, {"success": True, "status": 10**30}, False),
        (lock, 200, b"null", False),
        (lock, 200, {"SUCCESS": True, "Data": {"KEY": "k"}}, True),
        (lock, 200, {"success": True, "data": {"expiresAt": "2026-06-09 10:00:00"}}, False),
        (lock, 200, {"success": True, "data": {"expiresAt": "2026-06-09T10:00:00.5+02:00", "deletedAt": None}}, True),
        (push, 200, {"success": False}, True),
        (push, 204, b"", True),
        (push, 304, b"", True),
        (push, 200, b"<html>", True),
        (push, 400, {"success": True}, False),
        (commit, 200, {"success": False, "data": {"sha": "c0ffee"}}, True),
        (commit, 200, b"<html>", False),
        (commit, 200, b"null", True),
        (commit, 204, b"", False),
    ],
)
def test_each_call_has_its_own_rule_of_success(session, plane, call, status, body, succeeds):
    plane.says((status, body))
    if succeeds:
        call(session)
    else:
        with pytest.raises(ApiError):
            call(session)


@pytest.mark.parametrize(
    ("call", "status", "attempts"),
    [
        (lock, 500, 1),
        (lock, 401, 1),
        (push, 500, 4),
        (push, 503, 4),
        (push, 401, 4),
        (push, "close", 4),
        *[(push, status, 1) for status in (400, 403, 404, 409, 413, 422, 423, 429)],
        (commit, 502, 4),
        (commit, 204, 4),
    ],
)
def test_only_what_may_help_is_tried_again(session, plane, world, call, status, attempts):
    plane.says((status, b"" if status in (204, 503, "close") else NO))
    with pytest.raises(ApiError):
        call(session)
    assert len(plane.seen) == attempts
    assert world[1] == [1.0, 2.0, 4.0][: attempts - 1]
    assert len({seen.raw for seen in plane.seen}) == 1, "every attempt sends the same bytes"


def test_an_upload_that_succeeds_at_the_second_attempt_is_a_success(session, plane, world):
    plane.says((500, NO), (200, {}))
    push(session)
    assert world[1] == [1.0]


def test_a_refusal_tells_message_problems_once_and_trace_id(session, plane):
    problems = ["vpc in dev: no detect workflow", "vpc in dev: no detect workflow", "second"]
    message = "Request validation failed: first; second"
    plane.says((400, {"errorMessage": message, "traceId": "t", "data": {"validationErrors": problems}}))
    with pytest.raises(RefusedError) as caught:
        push(session)
    assert caught.value.message == (
        "UploadInstances: API response error: Request validation failed: first; second\n"
        "\n  • vpc in dev: no detect workflow\n  • second\n  trace_id: t"
    )
    plane.says((400, {"errorMessage": message, "data": {"validationErrors": ["first", "second"]}}))
    with pytest.raises(RefusedError, match=r"API response error: Request validation failed\n\n  • first\n  • second"):
        push(session)


@pytest.mark.parametrize(
    ("status", "hint"), [(401, "id-token: write"), (403, "per repository"), (404, "ATMOS_PRO_WORKSPACE_ID")]
)
def test_a_job_that_signed_in_by_oidc_is_not_told_about_static_tokens(github, plane, status, hint):
    plane.says((status, {"success": False, "errorMessage": "no"}))
    with pytest.raises(RefusedError) as caught:
        lock(github)
    assert hint in caught.value.hints[0]
    assert "static" not in " ".join(caught.value.hints)


def test_a_page_that_is_no_control_plane_is_named_by_its_address(session, plane):
    plane.says((404, b"<html>nothing here</html>"))
    with pytest.raises(RefusedError) as caught:
        lock(session)
    assert f"{plane.url}/api/v1/locks" in caught.value.hints[0]


def test_certificates_are_read_once_for_all_requests(tls_plane, pki):
    env = {"SSL_CERT_FILE": str(pki / "ca.pem")}
    first = transport.roots(env, full=False)
    for _ in range(2):
        transport.send(Request("GET", tls_plane.url), Transport(dict(env)))
    assert transport.roots(dict(env), full=False) is first
    assert transport.roots({}, full=False) is not first


@pytest.mark.parametrize(
    ("call", "status", "tag", "hint"),
    [
        (push, 400, "ValidationError", "`settings.pro` block"),
        (push, 400, "DriftDetectionValidationError", "both a `detect` and a `remediate` workflow"),
        (lock, 400, "ValidationError", None),
        (lock, 401, "", "static token may be expired"),
        (lock, 403, "", "another repository"),
        (lock, 404, "LockNotFound", None),
        (push, 404, "", "workspace of the static token"),
        (push, 500, "", "its log says more"),
        (lock, 409, "LockConflict", None),
    ],
)
def test_a_refusal_comes_with_its_next_step(session, plane, call, status, tag, hint):
    plane.says((status, {"success": False, "errorTag": tag, "errorMessage": "no"}))
    with pytest.raises(RefusedError) as caught:
        call(session)
    assert (hint in " ".join(caught.value.hints)) if hint else not caught.value.hints


def test_a_page_of_a_proxy_is_named_by_its_status(session, plane):
    plane.says((502, b"<html>Bad Gateway</html>"))
    with pytest.raises(RefusedError, match="failed to unmarshal API response: HTTP status: 502 Bad Gateway"):
        lock(session)


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


def test_a_static_token_never_goes_to_a_server_nobody_named(world):
    with pytest.raises(SignInError, match="no server is"):
        client.open_session(ProSettings(token="secret"), world[0], Log(world[0].stderr))


def test_without_a_base_url_the_default_is_said_on_stderr(world):
    with pytest.raises(SignInError, match="not running in GitHub Actions"):
        client.open_session(ProSettings(), world[0], Log(world[0].stderr))
    assert "https://app.cloudposse.com" in world[0].stderr.getvalue()


def get(url, **more):
    return transport.send(
        Request("POST", url, {"Authorization": "Bearer x", "Content-Type": "a/b"}, b"{}"), Transport({}, **more)
    )


def test_a_307_repeats_the_request_and_a_302_asks_with_a_bare_get(plane):
    plane.says((307, b"", {"Location": "/moved"}), (302, b"", {"Location": "/again"}), (200, b"ok"))
    assert get(plane.url + "/x").body == b"ok"
    first, second, third = plane.seen
    assert (second.method, second.path, second.raw) == ("POST", "/moved", b"{}")
    assert (third.method, third.path, third.raw) == ("GET", "/again", b"")
    assert "content-type" not in third.headers
    assert third.headers["authorization"] == first.headers["authorization"]


def test_a_redirect_to_another_host_does_not_take_the_token_along(plane):
    plane.says((307, b"", {"Location": plane.url.replace("127.0.0.1", "localhost")}), (200, b""))
    get(plane.url)
    assert "authorization" not in plane.seen[1].headers


def test_redirects_end(plane):
    plane.says((302, b"", {"Location": "/round"}))
    with pytest.raises(NoAnswerError, match="10 redirects"):
        get(plane.url)


def test_gzip_is_understood(plane):
    plane.says((200, gzip.compress(b"hello"), {"Content-Encoding": "gzip"}))
    assert get(plane.url).body == b"hello"


def test_a_body_shorter_than_announced_is_no_answer(plane):
    plane.says((200, b"{}", {"Content-Length": "99"}))
    with pytest.raises(NoAnswerError, match="unexpected EOF"):
        get(plane.url)


def test_a_server_that_is_silent_is_given_up_at_the_deadline():
    with socket.create_server(("127.0.0.1", 0)) as deaf, pytest.raises(NoAnswerError, match="deadline exceeded"):
        get(f"http://127.0.0.1:{deaf.getsockname()[1]}", timeout=0.05)


@pytest.mark.parametrize("url", ["://nope/api", "nope", "ftp://x/y", "http://", "http://[::1"])
def test_an_address_that_cannot_be_asked_is_an_error_before_any_request(url):
    with pytest.raises(ApiError):
        get(url)


@pytest.mark.parametrize("token", ["sec\nret", "secret\n"])
def test_a_token_with_a_line_break_is_an_error_that_says_where_to_look(session, token):
    session.token = token
    with pytest.raises(ApiError) as caught:
        lock(session)
    assert "line break" in caught.value.hints[0]


def test_a_token_travels_as_utf_8_without_blanks_around_it(session, plane):
    session.token = "sécret "
    lock(session)
    assert plane.seen[0].headers["authorization"].encode("latin-1").decode() == "Bearer sécret"


def test_ssl_cert_file_makes_a_private_authority_trusted(tls_plane, pki):
    tls_plane.says((200, b"ok"))
    request = Request("GET", tls_plane.url)
    assert transport.send(request, Transport({"SSL_CERT_FILE": str(pki / "ca.pem")})).body == b"ok"
    with pytest.raises(NoAnswerError, match="certificate"):
        transport.send(request, Transport({}))


def test_ssl_cert_dir_may_hold_other_files_too(tls_plane, pki):
    tls_plane.says((200, b"ok"))
    assert transport.send(Request("GET", tls_plane.url), Transport({"SSL_CERT_DIR": str(pki)})).body == b"ok"


def test_a_root_in_a_folder_is_found_by_its_hash_or_else_by_reading_the_folder(tls_plane, pki, tmp_path):
    tls_plane.says((200, b"ok"))
    request = Request("GET", tls_plane.url)
    (tmp_path / "ca.crt").write_bytes((pki / "ca.pem").read_bytes())
    (tmp_path / "0123abcd.0").write_text("another root would stand here")
    found = transport.send(request, Transport({"SSL_CERT_DIR": str(tmp_path)}))
    assert found.body == b"ok", "the quick look by hash misses it, the second one reads everything"
    (tmp_path / "0123abcd.0").unlink()
    subprocess.run(["openssl", "rehash", str(tmp_path)], check=True, capture_output=True)
    assert transport.send(request, Transport({"SSL_CERT_DIR": f"/nowhere:{tmp_path}"})).body == b"ok"


def test_a_named_file_of_roots_excludes_all_others(tls_plane, pki):
    tls_plane.says((200, b"ok"))
    with pytest.raises(NoAnswerError, match="certificate"):
        transport.send(Request("GET", tls_plane.url), Transport({"SSL_CERT_FILE": str(pki / "server.pem")}))
    with pytest.raises(NoAnswerError, match="certificate"):
        transport.send(Request("GET", tls_plane.url), Transport({}))


@pytest.mark.parametrize(
    ("env", "used"),
    [
        ({"HTTP_PROXY": "PLANE"}, True),
        ({"http_proxy": "PLANE"}, True),
        ({"HTTP_PROXY": "PLANE", "NO_PROXY": "other.test,.example"}, False),
        ({"HTTP_PROXY": "PLANE", "NO_PROXY": "*"}, False),
        ({"HTTPS_PROXY": "PLANE"}, False),
    ],
)
def test_a_proxy_is_used_as_go_would(plane, env, used):
    env = {name: value.replace("PLANE", plane.url) for name, value in env.items()}
    request = Request("GET", "http://api.example/x")
    if used:
        transport.send(request, Transport(env))
        assert plane.seen[0].path == "http://api.example/x"
        return
    with pytest.raises(NoAnswerError):
        transport.send(request, Transport(env, timeout=2))
    assert not plane.seen


class Tunnel(BaseHTTPRequestHandler):
    """A proxy that takes CONNECT and leads every name to one place."""

    def log_message(self, *args):
        pass

    def do_CONNECT(self):
        self.server.asked.append((self.path, self.headers.get("Proxy-Authorization")))
        with socket.create_connection(self.server.target) as far:
            self.connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            pipes = [
                threading.Thread(target=pump, args=pair) for pair in ((self.connection, far), (far, self.connection))
            ]
            for pipe in pipes:
                pipe.start()
            for pipe in pipes:
                pipe.join()
        self.close_connection = True


def pump(source, target):
    try:
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass


@pytest.fixture
def proxy(tls_plane):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Tunnel)
    server.target, server.asked = tls_plane.server_address, []
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def test_https_goes_through_a_tunnel_of_the_proxy_with_its_login(proxy, tls_plane, pki):
    tls_plane.says((200, b"ok"))
    env = {"HTTPS_PROXY": f"http://me:p%40ss@127.0.0.1:{proxy.server_address[1]}", "SSL_CERT_FILE": str(pki / "ca.pem")}
    answer = transport.send(Request("POST", "https://api.example/locks", {}, b"{}"), Transport(env))
    assert answer.body == b"ok"
    assert proxy.asked == [("api.example:443", "Basic bWU6cEBzcw==")]
    assert tls_plane.seen[0].path == "/locks"


def test_calls_use_the_proxy_and_the_exchange_does_not(github, plane):
    github.settings = github.settings._replace(base_url="http://api.example")
    github.wire = github.wire._replace(env={**github.wire.env, "HTTP_PROXY": plane.url}, timeout=5)
    with pytest.raises(NoAnswerError):
        github.refresh()
    assert not plane.seen
    github.token = "session"
    push(github)
    assert plane.seen[0].path == "http://api.example/api/v1/instances"
