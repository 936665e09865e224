"""The short way of the hottest requests: by whichever way a request goes, the client sees the same (kernel/quick.py)."""

import itertools
import json
import socket
from urllib.parse import urlsplit

import pytest
from twins import TOKEN

from sonde.server.kernel.quick import QuickProtocol

KEYS = itertools.count()  # a token's lock is not renewed, so each request takes one of its own
HEAD = b"Host: x\r\nAuthorization: Bearer %s\r\n" % TOKEN.encode()


@pytest.fixture(params=["sqlite", "postgresql"])
def server(request, twins):
    return twins.servers[request.param]


@pytest.fixture
def quickly(monkeypatch):
    """How many requests went the short way."""
    seen, call = [], QuickProtocol._call

    def counted(self, exchange):
        made = call(self, exchange)
        seen.append(f"{made.method} {made.path}")
        return made

    monkeypatch.setattr(QuickProtocol, "_call", counted)
    return seen


def wish(key=None, *, padding=0):
    key = f"acme/infra/dev/quick-{next(KEYS)}" if key is None else key
    return json.dumps({"key": key, "ttl": 30}).encode() + b" " * padding


def post(path=b"/api/v1/locks", *, method=b"POST", head=HEAD, body=None, more=b"", version=b"1.1"):
    body = wish() if body is None else body
    length = b"Content-Length: %d\r\n" % len(body)
    return b"%s %s HTTP/%s\r\n%s%s%s\r\n%s" % (method, path, version, head, length, more, body)


def talk(server, *pieces, answers=1):
    """What the server says to bytes on one connection: (head, JSON) of each answer, and whether it then hung up."""
    address = urlsplit(server.url)
    got, told = b"", []
    with socket.create_connection((address.hostname, address.port), timeout=20) as line:
        for piece in pieces:
            line.sendall(piece)
        while len(told) < answers:
            head, end, rest = got.partition(b"\r\n\r\n")
            if head.startswith(b"HTTP/1.1 100"):
                got = rest
                continue
            length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0]) if end else -1
            if end and len(rest) >= length:
                told.append((head.lower(), json.loads(rest[:length])))
                got = rest[length:]
            elif more := line.recv(65536):
                got += more
            else:
                raise AssertionError(f"the connection ended after {len(told)} answers: {got!r}")
        line.settimeout(0.05 if b"connection: close" not in told[-1][0] else 20)
        try:
            ended = line.recv(1) == b""
        except TimeoutError:
            ended = False
    return told, ended


def test_a_plain_request_goes_the_short_way_and_the_connection_stays(server, quickly):
    key = "acme/infra/dev/quick-and-gone"
    [(head, answer)], ended = talk(server, post(body=wish(key)))
    [(_, second)], _ = talk(server, post(method=b"DELETE", body=wish(key)))
    assert quickly == ["POST /api/v1/locks", "DELETE /api/v1/locks"]
    assert head.startswith(b"http/1.1 200")
    assert b"\r\ndate: " in head
    assert b"x-trace-id: %s" % answer["traceId"].encode() in head
    assert (answer["request"], second["success"], ended) == ("POST locks", True, False)


CHUNK = wish()
SLOW = {
    "an address with a query": [post(b"/api/v1/locks?x=1")],
    "an address with a doubled slash": [post(b"//api/v1//locks")],
    "chunks": [
        b"POST /api/v1/locks HTTP/1.1\r\n" + HEAD + b"Transfer-Encoding: chunked\r\n\r\n",
        b"%x\r\n%s\r\n0\r\n\r\n" % (len(CHUNK), CHUNK),
    ],
    "a body that waits to be asked for": [post(more=b"Expect: 100-continue\r\n")],
    "an old protocol": [post(version=b"1.0")],
    "a large body": [post(body=wish(padding=70_000))],
}


@pytest.mark.parametrize("pieces", SLOW.values(), ids=list(SLOW))
def test_what_is_not_plain_goes_the_long_way_to_the_same_answer(server, quickly, pieces):
    [(_, answer)], _ = talk(server, *pieces)
    assert quickly == []
    assert answer["success"]
    assert answer["data"]["key"].startswith("acme/infra/dev/quick-")


def test_a_body_in_many_pieces_is_one_request(server, quickly):
    whole = post()
    [(_, answer)], _ = talk(server, *(whole[at : at + 7] for at in range(0, len(whole), 7)))
    assert (answer["success"], len(quickly)) == (True, 1)


@pytest.mark.parametrize(
    ("requests", "wanted"),
    [
        ([post(), post(method=b"DELETE"), post()], ["POST locks", "DELETE locks", "POST locks"]),
        ([post(), post(b"/api/v1/nowhere"), post()], ["POST locks", "POST nowhere", "POST locks"]),
        ([post(b"/api/v1/nowhere"), post(), post(b"/api/v1/locks?x=1")], ["POST nowhere", "POST locks", "POST locks"]),
    ],
)
def test_requests_that_come_ahead_of_answers_are_answered_in_their_order(server, requests, wanted):
    told, _ = talk(server, b"".join(requests), answers=len(requests))
    assert [answer["request"] for _, answer in told] == wanted


def test_who_asks_to_close_is_hung_up_on(server):
    [(head, answer)], ended = talk(server, post(more=b"Connection: close\r\n"))
    assert (b"connection: close" in head, answer["success"], ended) == (True, True, True)


@pytest.mark.parametrize(
    ("request_", "status", "tag"),
    [
        (post(body=b"{"), 400, "BadRequest"),
        (post(head=b"Host: x\r\n"), 401, "Unauthorized"),
        (post(head=b"Host: x\r\nAuthorization: Bearer a.b.c\r\n"), 401, "Unauthorized"),
        (post(head=b"Host: x\r\nAuthorization: Bearer nobody\r\n", body=b"{"), 401, "Unauthorized"),
        (post(b"/webhooks/github"), 401, "Unauthorized"),
        (post(b"/api/v1/auth/github-oidc", body=b'{"token": "a.b.c", "workspaceId": "x"}'), 401, "Unauthorized"),
    ],
)
def test_refusals_are_envelopes_and_keep_the_connection(server, request_, status, tag):
    [(head, answer), (_, after)], _ = talk(server, request_, post(), answers=2)
    assert head.startswith(b"http/1.1 %d" % status)
    assert (answer["errorTag"], answer["status"], after["success"]) == (tag, status, True)


def test_a_client_that_leaves_before_its_answer_disturbs_nobody(server):
    address = urlsplit(server.url)
    for _ in range(20):
        with socket.create_connection((address.hostname, address.port), timeout=20) as line:
            line.sendall(post())
    [(_, answer)], _ = talk(server, post())
    assert answer["success"]
