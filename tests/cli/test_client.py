"""The calls to the control plane: their headers, their rules of success, and when they are repeated."""

import io

import pytest

from sonde.cli import client
from sonde.cli.commit import send
from sonde.cli.errors import ApiError, RefusedError
from sonde.cli.log import Log
from sonde.cli.process import Process
from sonde.cli.settings import ProSettings
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


def test_a_page_that_is_no_control_plane_is_named_by_its_address(session, plane):
    plane.says((404, b"<html>nothing here</html>"))
    with pytest.raises(RefusedError) as caught:
        lock(session)
    assert f"{plane.url}/api/v1/locks" in caught.value.hints[0]


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
