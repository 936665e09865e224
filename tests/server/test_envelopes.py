"""Every answer below /api is an envelope with a traceId, whatever went wrong; large ones are compressed for who takes it."""

import gzip
import http.client
import json
from urllib.parse import urlsplit

import pytest
from twins import API, BODIES, KEY, TOKEN, Twins, bare_server, concrete, new_database

from sonde.server import jobs
from sonde.server.kernel.http import accepts_gzip
from sonde.server.wiring import OLD_PATHS
from sonde.wire import accepts
from sonde.wire.limits import WEBHOOK_CAP, cap_of

MIB = 1024 * 1024


def asked(server, method, path, headers=None, body=None):
    """The answer as bytes, nothing decompressed."""
    line = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=60)
    try:
        given = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json", **(headers or {})}
        line.request(method, path, body, given)
        answer = line.getresponse()
        got = {name.lower(): value for name, value in answer.getheaders()}
        return answer.version, accepts.Answer(answer.status, got, answer.read())
    finally:
        line.close()


def wholly(answer):
    """What any answer of the API has, judged by the wire's own rules."""
    found = accepts.objections(accepts.Call.EXEC, {}, answer, now=0)
    assert found == (), (found, answer)
    body = json.loads(answer.body)
    assert answer.headers["x-trace-id"] == body["traceId"]
    assert len(body["traceId"]) == 32
    return body


@pytest.fixture(scope="module")
def many(twins):
    """Enough instances for an answer that is worth compressing."""
    items = [{"component": f"c{number}", "stack": "dev", "component_type": "terraform"} for number in range(200)]
    body = {"repo_owner": "acme", "repo_name": "infra", "instances": items}
    assert twins.ask("POST", "/api/v1/instances", body=body, token=TOKEN).status == 200
    for server in twins.servers.values():
        while jobs.pump(server.site.loop):
            pass
    return "/api/v1/repos/acme/infra/instances"


def test_a_large_answer_is_compressed_for_a_client_that_takes_gzip(twins, many):
    for server in twins.servers.values():
        _, plain = asked(server, "GET", many)
        _, zipped = asked(server, "GET", many, {"Accept-Encoding": "gzip"})
        assert "content-encoding" not in plain.headers
        assert zipped.headers["content-encoding"] == "gzip"
        assert zipped.headers["vary"] == "Accept-Encoding"
        assert len(zipped.body) < len(plain.body) / 5
        assert json.loads(gzip.decompress(zipped.body))["data"] == json.loads(plain.body)["data"]


def test_a_small_answer_goes_as_it_is(twins):
    for server in twins.servers.values():
        _, answer = asked(server, "POST", "/api/v1/locks", {"Accept-Encoding": "gzip"}, b'{"key": 1}')
        assert "content-encoding" not in answer.headers
        wholly(answer)


@pytest.mark.parametrize(
    ("header", "taken"),
    [
        ("gzip", True),
        ("br, GZIP;q=0.5", True),
        ("x-gzip", True),
        ("gzip; q=0", False),
        ("gzip;q=0.000", False),
        ("identity", False),
        ("", False),
        ("gzipped", False),
    ],
)
def test_gzip_is_used_only_where_it_is_asked_for(header, taken):
    assert accepts_gzip(header) is taken


@pytest.mark.parametrize(("method", "path"), API)
def test_every_call_answers_an_envelope_by_http_1_1_with_and_without_credentials(twins, method, path):
    body = json.dumps(BODIES[path]).encode() if method != "GET" and path in BODIES else None
    for server in twins.servers.values():
        for headers in ({}, {"Authorization": ""}, {"Authorization": "Basic eA=="}):
            version, answer = asked(server, method, concrete(path), headers, body)
            assert version == 11
            wholly(answer)


@pytest.mark.parametrize("path", sorted(OLD_PATHS))
def test_the_old_paths_are_the_same_calls(twins, path):
    """Clients before 1.180 have the endpoint `api` (product.md §2.10)."""
    method = "POST"
    body = {**BODIES[path], "key": f"{KEY}-old"} if path == "locks" else BODIES[path]
    answer = twins.ask(method, f"/api/{path}", body=body, token=TOKEN)
    assert (answer.status, answer.body["success"]) == (200, True)
    again = twins.ask(method, f"//api//{path}", body=body, token=TOKEN)
    assert again.status in (200, 409)


def test_an_old_lock_is_released_by_the_old_path(twins):
    key = f"{KEY}-older"
    for method, status in (("POST", 200), ("DELETE", 200), ("DELETE", 404)):
        assert twins.ask(method, "/api/locks", body={"key": key}, token=TOKEN).status in (status, 200)


@pytest.mark.parametrize("component", ["vpc", "queue/worker", "a b", "x%2Fy"])
def test_an_old_status_names_its_instance_in_the_path(twins, component):
    path = concrete("repos/{owner}/{repo}/instances/{stack}/{component:path}", component=component)
    answer = twins.ask("PATCH", path, body={"status": "drifted"}, token=TOKEN)
    assert (answer.status, answer.data["status"]) == (200, "drifted")


LOST = ["/api", "/api/", "/api/v1", "/api/v1/", "/api/v2/locks", "/api/nope", "/api/v1/locks/a/b", "//api//v3/sts"]


@pytest.mark.parametrize("path", LOST)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "PATCH", "PUT", "OPTIONS"])
def test_an_address_below_api_that_is_none_answers_an_envelope_to_anybody(twins, method, path):
    for server in twins.servers.values():
        for kind in ("application/json", "text/html", "application/json; charset=utf-8", ""):
            _, answer = asked(server, method, path, {"Content-Type": kind})
            body = wholly(answer)
            assert (answer.status, body["errorTag"]) == (404, "NotFound")


@pytest.mark.parametrize("path", sorted(OLD_PATHS))
def test_a_wrong_method_on_an_old_path_answers_an_envelope(twins, path):
    for server in twins.servers.values():
        _, answer = asked(server, "PUT", f"/api/{path}", {"Content-Type": "text/plain"})
        assert (answer.status, wholly(answer)["errorTag"]) == (405, "MethodNotAllowed")
        assert "POST" in answer.headers["allow"]


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "locks"), ("GET", "repos/acme/infra/instances"), ("POST", "sts")]
)
def test_a_crash_answers_an_envelope_whose_trace_id_is_in_the_log(tmp_path, capsys, monkeypatch, method, path):
    twins = Twins({"sqlite": bare_server(tmp_path, new_database("sqlite", tmp_path))})
    for where in ("locks.api.LockAnswer", "instances.api.InstancesSeen", "sts.service.checked"):
        monkeypatch.setattr(f"sonde.server.{where}", lambda *_, **__: 1 / 0)
    _, answer = asked(twins.servers["sqlite"], method, f"/api/v1/{path}", body=json.dumps(BODIES["locks"]).encode())
    twins.stop()
    body = wholly(answer)
    assert (answer.status, body["errorTag"]) == (500, "Internal")
    said = capsys.readouterr()
    assert body["traceId"] in said.out + said.err
    assert "division" not in answer.body.decode()


def padded(size, body=b'{"key": "acme/infra/dev/cap"}'):
    return body.ljust(size)


CAPS = {"locks": MIB, "git/commit": 64 * MIB, "atmos/exec/data": 64 * MIB, "affected-stacks": 32 * MIB}
UPLOADS = {"affected-stacks", "instances", "atmos/exec"}


def test_each_cap_is_the_one_that_was_decided():
    assert {path: cap_of(path) for path in CAPS} == CAPS
    assert WEBHOOK_CAP == 25 * MIB
    assert {cap_of(path) for path in UPLOADS} == {32 * MIB}
    assert {cap_of(path) for method, path in API if method != "GET" and path not in {*CAPS, *UPLOADS}} == {MIB}


@pytest.mark.parametrize("zipped", [False, True], ids=["plain", "gzip"])
@pytest.mark.parametrize("path", ["locks", "affected-stacks", "git/commit"])
def test_a_body_is_taken_up_to_its_cap_and_not_a_byte_more(twins, path, zipped):
    cap = CAPS[path]
    for size, status in ((cap, "read"), (cap + 1, 413)):
        raw = gzip.compress(padded(size), 1) if zipped else padded(size)
        headers = {"Content-Encoding": "gzip"} if zipped else {}
        answer = twins.ask("POST", f"/api/v1/{path}", raw=raw, headers=headers, token=TOKEN)
        assert (answer.status == 413) is (status == 413), answer.body
        assert answer.status != 413 or answer.body["errorTag"] == "PayloadTooLarge"


@pytest.mark.parametrize(("method", "path"), [(method, path) for method, path in API if method != "GET"])
def test_every_call_refuses_a_body_over_its_cap(twins, method, path):
    raw = gzip.compress(padded(cap_of(path) + 1), 1)
    answer = twins.ask(method, concrete(path), raw=raw, headers={"Content-Encoding": "gzip"}, token=TOKEN)
    assert (answer.status, answer.body["errorTag"]) == (413, "PayloadTooLarge")


def test_a_webhook_is_taken_up_to_its_cap(twins):
    for size, status in ((WEBHOOK_CAP, 401), (WEBHOOK_CAP + 1, 413)):
        headers = {"X-Hub-Signature-256": "sha256=" + "0" * 64, "X-GitHub-Delivery": "g", "X-GitHub-Event": "ping"}
        raw = gzip.compress(padded(size, b"{}"), 1)
        answer = twins.ask("POST", "/webhooks/github", raw=raw, headers={**headers, "Content-Encoding": "gzip"})
        assert answer.status == status, answer.body


def test_a_bomb_of_bombs_is_stopped_at_the_cap(twins):
    """Three hundred megabytes in some hundred kilobytes: no more of it is unpacked than the cap and a byte."""
    raw = gzip.compress(b"0" * (300 * MIB), 9)
    assert len(raw) < MIB
    answer = twins.ask("POST", "/api/v1/locks", raw=raw, headers={"Content-Encoding": "gzip"}, token=TOKEN)
    assert answer.status == 413
