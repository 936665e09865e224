"""What a person is shown of a refusal, a trace id, leads to why in the server's log; and nothing that a client did fills it with crashes."""

import json
import socket
import struct
from urllib.parse import urlsplit

import pytest
from twins import TOKEN

REFUSED = [
    ("POST", "/api/v1/locks", {"key": "acme/infra/dev/a", "ttl": -1}, TOKEN, 400),
    ("POST", "/api/v1/locks", {"key": "acme/elsewhere/dev/a"}, TOKEN, 403),
    ("POST", "/api/v1/locks", {"key": "acme/infra/dev/a"}, "nobody", 401),
    ("DELETE", "/api/v1/locks", {"key": "acme/infra/dev/never"}, TOKEN, 404),
    ("POST", "/api/v1/affected-stacks", {}, TOKEN, 400),
    ("PATCH", "/api/v1/repos/acme/infra/instances?stack=dev", {"command": "plan", "exit_code": 0}, TOKEN, 400),
    ("POST", "/api/v1/auth/github-oidc", {"token": "a.b.c"}, None, 401),
    ("POST", "/api/v1/nowhere", {}, TOKEN, 404),
    ("PUT", "/api/v1/locks", {}, TOKEN, 405),
    ("POST", "/api/nowhere", {}, TOKEN, 404),
]


def logged(capsys):
    """The events of the log, whichever stream they went to."""
    said = capsys.readouterr()
    return said.out + said.err


@pytest.mark.parametrize(("method", "path", "body", "token", "status"), REFUSED)
def test_the_trace_id_of_a_refusal_is_in_the_log_with_the_reason(twins, capsys, method, path, body, token, status):
    for server in twins.servers.values():
        answer = server.request(method, path, body=body, token=token)
        assert answer.status == status
        (line,) = [line for line in logged(capsys).splitlines() if answer.body["traceId"] in line]
        assert "request.refused" in line
        assert answer.body["errorTag"] in line
        assert answer.headers["x-trace-id"] == answer.body["traceId"]


def test_an_address_of_many_kilobytes_is_neither_repeated_nor_logged_whole(twins, capsys):
    for server in twins.servers.values():
        answer = server.request("POST", f"/api/v1/{'x' * 20_000}", body={}, token=TOKEN)
        assert answer.status == 404
        assert len(json.dumps(answer.body)) < 2_000
        assert len(logged(capsys)) < 3_000


def test_clients_that_hang_up_before_their_answers_are_no_crashes(twins, capsys):
    asked = (
        b"GET /api/v1/repos/acme/infra/locks HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "
        + TOKEN.encode()
        + b"\r\n\r\n"
    )
    for server in twins.servers.values():
        address = urlsplit(server.url)
        for _ in range(60):
            line = socket.create_connection((address.hostname, address.port))
            # so that it ends with a reset
            line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            line.sendall(asked * 3)
            line.close()
        for _ in range(5):  # behind whatever of those is still on its way
            assert server.request("GET", "/api/v1/repos/acme/infra/locks", token=TOKEN).status == 200
    said = logged(capsys)
    assert "request.crashed" not in said
    assert "Traceback" not in said
