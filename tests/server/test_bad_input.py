"""Whatever comes in under /api/v1, an envelope goes out: never a 5xx, and the same status on both databases (T10, T11)."""

import gzip
import http.client
import json
import socket
from urllib.parse import urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from twins import API, BODIES, TOKEN, concrete
from world import item

from sonde.server.affected import store as uploads

WRITING = [(method, path) for method, path in API if method != "GET"]
RANDOM = "".join(chr(33 + (index * index * 7919 + index * 104_729) % 90) for index in range(20_000))  # hard to compress

BODY = {
    "empty": b"",
    "cut off": b'{"key": "acme/infra',
    "text": b"locks please",
    "null": b"null",
    "a number": b"42",
    "a string": b'"acme"',
    "a list": b"[]",
    "a list of objects": b'[{"key": "acme/infra/dev/vpc"}]',
    "100k lists": b"[" * 100_000,
    "100k closed lists": b"[" * 100_000 + b"]" * 100_000,
    "100k objects": b'{"a":' * 100_000,
    "100k lists in an unknown field": b'{"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "a raw NUL": b'{"key": "acme/infra/dev/\x00"}',
    "NaN": b'{"ttl": NaN}',
    "infinity": b'{"ttl": -Infinity}',
    "a number beyond floats": b'{"ttl": 1e999}',
    "an integer of 5000 digits": b'{"ttl": ' + b"9" * 5000 + b"}",
    "not UTF-8": b'{"key": "acme/infra/dev/\xff"}',
    "a surrogate in UTF-8": b'{"key": "acme/infra/dev/\xed\xa0\x80"}',
    "UTF-16": '{"key": "a"}'.encode("utf-16"),
    "a byte order mark": b'\xef\xbb\xbf{"key": "acme/infra/dev/vpc"}',
    "two objects": b"{}{}",
    "a comment": b"{} // please",
}
VALUE = {  # as they stand in JSON
    "null": "null",
    "true": "true",
    "zero": "0",
    "minus one": "-1",
    "2^31": str(2**31),
    "2^63": str(2**63),
    "2^64": str(2**64),
    "400 digits": "9" * 400,
    "5000 digits": "9" * 5000,
    "a fraction": "1.5",
    "1e308": "1e308",
    "an empty string": '""',
    "20 kB of text": json.dumps(RANDOM),
    "NUL": r'"acme/infra/dev/\u0000"',
    "NUL as a key": r'{"\u0000": 1}',
    "an escaped backslash before u0000": r'"acme/infra/dev/\\u0000"',
    "NUL after an escaped backslash": r'"acme/infra/dev/\\\u0000"',
    "a lone high surrogate": r'"acme/infra/dev/\ud800"',
    "a lone low surrogate": r'"acme/infra/dev/\udc00"',
    "an emoji by surrogates": r'"acme/infra/dev/\ud83d\ude80"',
    "a right-to-left override": '"acme/infra/dev/\u202e"',
    "an empty list": "[]",
    "a list of null": "[null]",
    "a list of lists": "[[[]]]",
    "a list of empty objects": "[{}]",
    "an empty object": "{}",
    "an object": '{"pro": {"a": [1, null, {"b": -0.0}]}}',
    "500 lists": "[" * 500 + "]" * 500,
    "900 objects": '{"pro":' * 900 + "1" + "}" * 900,
    "settings of 900 levels": '[{"component": "a", "stack": "b", "settings": ' + '{"pro":' * 900 + "1" + "}" * 902,
    "100 dependents in each other": '[{"component": "a", "stack": "b", "dependents": ' * 100 + "[]" + "}]" * 100,
    "500 dependents in each other": '[{"component": "a", "stack": "b", "dependents": ' * 500 + "[]" + "}]" * 500,
    "a long component": f'[{{"component": {json.dumps(RANDOM)}, "stack": "dev"}}]',
    "an instance without names": '[{"component": "", "stack": ""}]',
}
FIELDS = [(method, path, field) for method, path in WRITING for field in BODIES[path]]


def enveloped(answer):
    assert answer.status < 500, answer.body
    assert answer.body["status"] == answer.status
    assert answer.body["success"] is (answer.status < 400)
    assert answer.body["traceId"] == answer.headers["x-trace-id"]
    assert answer.body["success"] or len(answer.body["errorMessage"]) > 10
    return answer


@pytest.mark.parametrize("body", BODY.values(), ids=BODY)
@pytest.mark.parametrize(("method", "path"), WRITING)
def test_a_body_that_is_no_request_is_400_in_an_envelope(twins, method, path, body):
    answer = enveloped(twins.ask(method, concrete(path), raw=body, token=TOKEN))
    assert answer.status == 400
    assert answer.body["errorTag"] == "BadRequest"


@pytest.mark.parametrize(("method", "path", "field"), FIELDS)
def test_a_field_of_any_value_gets_an_envelope_and_the_same_status_on_both_databases(twins, method, path, field):
    for value in VALUE.values():
        others = ", ".join(f'"{name}": {json.dumps(known)}' for name, known in BODIES[path].items() if name != field)
        raw = f'{{{others}, "{field}": {value}}}'.encode()
        enveloped(twins.ask(method, concrete(path), raw=raw, token=TOKEN))


@pytest.mark.parametrize(("method", "path"), API)
def test_the_same_field_twice_gets_an_envelope(twins, method, path):
    raw = b'{"key": "acme/infra/dev/one", "key": "acme/infra/dev/two", "token": "a", "token": "b", "head_sha": 1, "head_sha": "c"}'
    enveloped(twins.ask(method, concrete(path), raw=raw, token=TOKEN))


@pytest.mark.parametrize(
    "escaped", [r"\u0000", r"\\\u0000", r"dev\u0000vpc"], ids=["alone", "after an escaped backslash", "within"]
)
def test_an_escaped_nul_is_refused_by_name_since_postgresql_cannot_store_it(twins, escaped):
    raw = f'{{"key": "acme/infra/dev/vpc", "lockMessage": "{escaped}"}}'.encode()
    answer = enveloped(twins.ask("POST", "/api/v1/locks", raw=raw, token=TOKEN))
    assert answer.status == 400
    assert "NUL" in answer.body["errorMessage"]


def test_the_text_of_an_escape_is_no_nul(twins):
    raw = rb'{"key": "acme/infra/dev/backslash", "lockMessage": "the text \\u0000"}'
    answer = enveloped(twins.ask("POST", "/api/v1/locks", raw=raw, token=TOKEN))
    assert answer.data["lockMessage"] == r"the text \u0000"


HOSTILE = [
    "%00",
    "a%00b",
    "%ff",
    "%ed%a0%80",
    "..",
    "%2e%2e",
    "%0d%0aX-Evil:1",
    "';--",
    "%22",
    "e" * 20_000,
    RANDOM[:9000],
]


@pytest.mark.parametrize("part", ["owner", "repo", "number", "stack", "component"])
@pytest.mark.parametrize(("method", "path"), [(method, path) for method, path in API if "{" in path])
def test_a_hostile_part_of_the_address_gets_an_envelope(twins, method, path, part):
    for hostile in HOSTILE:
        value = hostile if "%" in hostile else "".join(f"%{ord(char):02x}" for char in hostile)
        if part in ("stack", "component"):
            asked = concrete(path, **{part: value})
        else:
            asked = concrete(path).replace({"owner": "acme", "repo": "infra", "number": "pulls/1"}[part], value, 1)
        enveloped(twins.ask(method, asked, body=BODIES.get(path), token=TOKEN))


@pytest.mark.parametrize("number", ["0", "-1", "1.5", "1e5", "%D9%A3", "%C2%B2", "99999999999", "9" * 5000, "0x1"])
def test_a_pull_request_number_that_is_none_is_404(twins, number):
    answer = enveloped(twins.ask("GET", f"/api/v1/repos/acme/infra/pulls/{number}", token=TOKEN))
    assert answer.status == 404


def test_a_component_that_no_database_can_index_is_refused_at_the_door(twins):
    for name in ("component", "stack"):
        answer = twins.ask(
            "PATCH",
            concrete("repos/{owner:path}/{repo}/instances", **{name: "c" * 600}),
            body={"command": "plan", "exit_code": 0},
            token=TOKEN,
        )
        assert (answer.status, f"{name} is longer than 512" in answer.body["errorMessage"]) == (400, True)


def zipped(body):
    return {"raw": body, "headers": {"Content-Encoding": "gzip"}}


def test_a_good_gzip_body_is_read(twins):
    body = json.dumps({"key": "acme/infra/dev/gzip"}).encode()
    assert twins.ask("POST", "/api/v1/locks", token=TOKEN, **zipped(gzip.compress(body))).status == 200


GZIP = {
    "not gzip at all": b'{"key": "acme/infra/dev/vpc"}',
    "empty": b"",
    "cut in the middle": gzip.compress(b'{"key": "acme/infra/dev/vpc"}')[:-12],
    "without its checksum": gzip.compress(b'{"key": "acme/infra/dev/vpc"}')[:-8],
    "with a wrong checksum": gzip.compress(b'{"key": "acme/infra/dev/vpc"}')[:-8] + b"\0" * 8,
    "with more behind it": gzip.compress(b'{"key": "acme/infra/dev/vpc"}') + b"more",
}


@pytest.mark.parametrize("body", GZIP.values(), ids=GZIP)
def test_a_broken_gzip_body_is_400(twins, body):
    answer = enveloped(twins.ask("POST", "/api/v1/locks", token=TOKEN, **zipped(body)))
    assert answer.status == 400
    assert "gzip" in answer.body["errorMessage"]


def test_a_gzip_bomb_is_413_once_it_is_over_the_cap(twins):
    bomb = gzip.compress(b" " * (33 * 1024 * 1024), 6)
    assert len(bomb) < 64 * 1024
    answer = enveloped(twins.ask("POST", "/api/v1/locks", token=TOKEN, **zipped(bomb)))
    assert (answer.status, answer.body["errorTag"]) == (413, "PayloadTooLarge")


def test_an_encoding_that_is_not_understood_is_named(twins):
    more = {"raw": b"\x1b\x02", "headers": {"Content-Encoding": "br"}}
    answer = enveloped(twins.ask("POST", "/api/v1/locks", token=TOKEN, **more))
    assert answer.status == 415
    assert "'br'" in answer.body["errorMessage"]


@pytest.mark.parametrize("path", ["//api/v1/locks", "/api//v1///locks", "/api/v1/locks/", "/api/v1//locks//"])
def test_slashes_too_many_are_the_same_path(twins, path):
    answer = enveloped(twins.ask("POST", path, body={"key": f"acme/infra/dev{path}x"}, token=TOKEN))
    assert answer.status == 200


@pytest.mark.parametrize("method", ["GET", "POST", "PATCH", "DELETE"])
@pytest.mark.parametrize(
    "path",
    ["nope", "", "inventory", "instance", "lock", "locks/dev", "repos/acme/infra/pull/1", "repos/acme", "pull/1/allow"],
)
def test_an_unknown_path_is_404_in_an_envelope_and_no_page(twins, method, path):
    answer = enveloped(twins.ask(method, f"/api/v1/{path}", body={}, token=TOKEN))
    assert (answer.status, answer.body["errorTag"]) == (404, "NotFound")


def taken(path):
    return {method for method, known in API if known == path}


@pytest.mark.parametrize("path", sorted({path for _, path in API}))
def test_another_method_is_405_and_names_those_that_are_taken(twins, path):
    for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PURGE"} - taken(path):
        answer = enveloped(twins.ask(method, concrete(path), token=TOKEN))
        assert (answer.status, answer.body["errorTag"]) == (405, "MethodNotAllowed")
        assert {word.strip() for word in answer.headers["allow"].split(",")} - {"HEAD"} == taken(path)


@pytest.mark.parametrize(("method", "path"), API)
def test_head_is_answered_like_get_but_without_a_body(twins, method, path):
    for server in twins.servers.values():
        got = raw_request(server, "HEAD", concrete(path), {"Authorization": f"Bearer {TOKEN}"})
        same = raw_request(server, "GET", concrete(path), {"Authorization": f"Bearer {TOKEN}"})
        assert (got.status, got.headers["content-type"]) == (same.status, "application/json")
        assert got.status in (200, 404, 405)


@pytest.mark.parametrize("host", ["", "[::1", "a b", "evil/path?x", "h:99999999", "é"])
def test_a_strange_host_header_changes_nothing(twins, host):
    for server in twins.servers.values():
        got = raw_request(server, "POST", "/api/v1/locks", {"Host": host}, b"{}")
        assert (got.status, json.loads(got.body)["request"]) == (401, "POST locks")


@pytest.mark.parametrize("authorization", ["Bearer é", "Bearer " + "x" * 9000, "Bearer ..", "Bearer a.b.c", "bearer\t"])
def test_a_strange_bearer_is_401(twins, authorization):
    for server in twins.servers.values():
        got = raw_request(server, "POST", "/api/v1/locks", {"Authorization": authorization}, b"{}")
        assert (got.status, json.loads(got.body)["errorTag"]) == (401, "Unauthorized")


def raw_request(server, method, path, headers, body=None):
    connection = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=30)
    try:
        connection.putrequest(method, path, skip_host="Host" in headers)
        for name, value in headers.items():
            connection.putheader(name, value.encode("latin-1"))
        if body is not None:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        answer = connection.getresponse()
        answer.body = answer.read()
        return answer
    finally:
        connection.close()


def test_a_client_that_hangs_up_within_its_body_is_no_error_of_ours(twins, capsys):
    for server in twins.servers.values():
        host, port = urlsplit(server.url).hostname, urlsplit(server.url).port
        with socket.create_connection((host, port)) as line:
            line.sendall(b"POST /api/v1/locks HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
        assert server.request("POST", "/api/v1/locks", body={"key": "acme/infra/dev/after"}, token=TOKEN).status == 200
    assert "request.crashed" not in capsys.readouterr().out


PRO = [
    *(None, 5, True, "yes", [], [1], {"enabled": "no"}, {"enabled": 0, "pull_request": True}),
    *({"pull_request": {"opened": value}} for value in (5, [], {"workflows": []}, {"workflows": "plan.yaml"})),
    *(
        {"pull_request": {"opened": {"workflows": {name: value}}}}
        for name, value in [
            ("", {}),
            ("../plan.yaml", {}),
            (RANDOM.replace("/", "_")[:9000], {}),
            ("plan.yaml", None),
            ("plan.yaml", {"inputs": []}),
            ("plan.yaml", {"inputs": {"component": []}}),
            ("plan.yaml", {"inputs": {"component": 10**400}}),
            ("plan.yaml", {"inputs": {"component": RANDOM * 4}}),
            ("plan.yaml", {"inputs": {"component": "{{" * 5000}}),
            ("plan.yaml", {"inputs": {f"input{index}": 1 for index in range(60)}}),
        ]
    ),
]


def test_settings_of_any_shape_neither_stop_the_loop_nor_the_upload_behind_them(world):
    pull = world.open_pull_request()
    token = world.session(world.run_of("pull_request").run_id)
    for index, pro in enumerate(PRO):
        odd = {**item(f"odd{index}"), "settings": {"pro": pro}}
        assert world.upload(pull.head_sha, [odd], token).status == 200
    assert world.upload(pull.head_sha, [item("network")], token).status == 200
    world.settle()
    with world.db.read() as tx:
        states = {row.state for row in tx.all(select(uploads.uploads.c.state))}
    assert states == {"matched"}
    assert ("network", "dev") in world.dispatched()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.parametrize(("method", "path"), WRITING)
@settings(max_examples=12, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_any_json_gets_an_envelope(twins, method, path, data):
    known = st.fixed_dictionaries({}, optional=dict.fromkeys(BODIES[path], JSON))
    body = data.draw(known.map(lambda drawn: {**BODIES[path], **drawn}) | JSON)
    enveloped(twins.ask(method, concrete(path), raw=json.dumps(body).encode(), token=TOKEN))
