"""Clients that are slow, endless or speak no HTTP: the server ends them with an envelope, and serves the others (T10)."""

import json
import socket
import time
from urllib.parse import urlsplit

import pytest
from twins import TOKEN

from sonde.server.kernel import patience

SHORT = 0.15  # seconds
HEAD = f"POST /api/v1/locks HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n".encode()


@pytest.fixture
def server(twins, monkeypatch):
    monkeypatch.setattr(patience, "HEAD_SECONDS", SHORT)
    monkeypatch.setattr(patience, "BODY_SECONDS", SHORT)
    return twins.servers["sqlite"]


def said(server, *pieces, pause=0.0):
    """What the server says to these bytes, until it ends the connection or has said all: (status, body)."""
    address = urlsplit(server.url)
    with socket.create_connection((address.hostname, address.port), timeout=10) as line:
        for piece in pieces:
            line.sendall(piece)
            time.sleep(pause)
        got = b""
        while more := line.recv(65536):
            got += more
            if complete(got):
                break
    if not got:
        return None, None
    head, _, body = got.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body)


def complete(got):
    head, end, body = got.partition(b"\r\n\r\n")
    lengths = [int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")]
    return bool(end and lengths and len(body) >= lengths[0])


@pytest.mark.parametrize(
    ("pieces", "status", "words"),
    [
        ([HEAD], 408, "head"),
        ([HEAD + b"Content-Length: 100\r\n\r\n{"], 408, "body"),
        ([HEAD + b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n"], 408, "body"),
        ([HEAD, b"X: " + b"a" * 70_000], 431, "64 KiB"),
        ([HEAD + b"".join(b"X%d: a\r\n" % number for number in range(9000))], 431, "64 KiB"),
        ([b"\x00\x01\x02\r\n\r\n"], 400, "HTTP"),
        ([HEAD + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}"], 400, "HTTP"),
        ([HEAD + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}"], 400, "HTTP"),
        ([HEAD + b"Content-Length: -1\r\n\r\n{}"], 400, "HTTP"),
    ],
    ids=str,
)
def test_a_request_that_is_none_ends_with_an_envelope(server, pieces, status, words):
    got, body = said(server, *pieces)
    assert (got, body["status"], body["success"], body["errorTag"]) == (status, status, False, "BadRequest")
    assert words in body["errorMessage"]
    assert len(body["traceId"]) == 32


def test_a_client_that_asks_nothing_is_left_without_a_word(server):
    assert said(server) == (None, None)


def test_a_slow_body_is_taken_as_long_as_it_comes(server):
    body = b'{"key": "acme/infra/dev/slow"}'
    pieces = [HEAD + b"Content-Length: %d\r\n\r\n" % len(body), *(body[at : at + 5] for at in range(0, len(body), 5))]
    started = time.monotonic()
    status, answer = said(server, *pieces, pause=SHORT / 3)
    assert time.monotonic() - started > 2 * SHORT
    assert (status, answer["success"]) == (200, True)


def test_a_connection_that_is_kept_is_not_ended_by_the_bounds_of_a_request(server):
    address = urlsplit(server.url)
    request = HEAD + b"Content-Length: 2\r\n\r\n{}"
    with socket.create_connection((address.hostname, address.port), timeout=10) as line:
        for _ in range(3):
            line.sendall(request)
            got = b""
            while not complete(got):
                got += line.recv(65536)
            assert got.startswith(b"HTTP/1.1 400")
            time.sleep(2 * SHORT)


def test_others_are_served_while_many_stand_still(twins):
    server = twins.servers["sqlite"]
    address = urlsplit(server.url)
    lines = [socket.create_connection((address.hostname, address.port)) for _ in range(200)]
    try:
        for line in lines:
            line.sendall(HEAD + b"Content-Length: 1000\r\n\r\n{")
        assert server.request("POST", "/api/v1/locks", body={"key": "acme/infra/dev/others"}, token=TOKEN).status == 200
    finally:
        for line in lines:
            line.close()
