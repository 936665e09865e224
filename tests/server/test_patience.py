"""Clients that are slow, endless or speak no HTTP: the server ends them with an envelope, and serves the others (T10)."""

import json
import select
import socket
import time
from contextlib import ExitStack, suppress
from urllib.parse import urlsplit

import pytest
from twins import TOKEN

from sonde.server.kernel import door, patience
from sonde.server.kernel.http import RefusedError
from sonde.wire.envelope import ErrorTag

SHORT = 0.15  # seconds
TRICKLE = 200  # pieces, which would take ten seconds; the server ends it long before
HEAD = f"POST /api/v1/locks HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n".encode()
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


@pytest.fixture
def server(twins, monkeypatch):
    monkeypatch.setattr(patience, "HEAD_SECONDS", SHORT)
    monkeypatch.setattr(patience, "BODY_SECONDS", SHORT)
    monkeypatch.setattr(patience, "BODY_PROGRESS", 100)
    return twins.servers["sqlite"]


def opened(server):
    address = urlsplit(server.url)
    return socket.create_connection((address.hostname, address.port), timeout=10)


def said(server, *pieces, trickle=()):
    """What the server says to these bytes, until it ends the connection or has said all: (status, body).

    The bytes of `trickle` follow one by one, slower than any bound, for as long as there are some and no answer.
    """
    with opened(server) as line:
        for piece in pieces:
            line.sendall(piece)
        got = b""
        for piece in trickle:
            if select.select([line], [], [], SHORT / 3)[0]:
                break
            line.sendall(piece)
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


NONE = {
    "half a head": ([HEAD], 408, "head"),
    "half a body": ([HEAD + b"Content-Length: 100\r\n\r\n{"], 408, "body"),
    "half the chunks": ([CHUNKED + b"1\r\n{\r\n"], 408, "body"),
    "a long header": ([HEAD, b"X: " + b"a" * 70_000], 431, "64 KiB"),
    "many headers": ([HEAD + b"".join(b"X%d: a\r\n" % number for number in range(9000))], 431, "64 KiB"),
    "many trailers": (
        [CHUNKED + b"0\r\n" + b"".join(b"X%d: a\r\n" % number for number in range(20_000))],
        431,
        "64 KiB",
    ),
    "no HTTP": ([b"\x00\x01\x02\r\n\r\n"], 400, "HTTP"),
    "two lengths": ([HEAD + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}"], 400, "HTTP"),
    "a length and chunks": ([HEAD + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}"], 400, "HTTP"),
    "a negative length": ([HEAD + b"Content-Length: -1\r\n\r\n{}"], 400, "HTTP"),
}


@pytest.mark.parametrize(("pieces", "status", "words"), NONE.values(), ids=NONE)
def test_a_request_that_is_none_ends_with_an_envelope(server, pieces, status, words):
    got, body = said(server, *pieces)
    assert (got, body["status"], body["success"], body["errorTag"]) == (status, status, False, "BadRequest")
    assert words in body["errorMessage"]
    assert len(body["traceId"]) == 32


def test_a_client_that_asks_nothing_is_left_without_a_word(server):
    assert said(server) == (None, None)


@pytest.mark.parametrize(
    ("begun", "piece", "words"),
    [
        (HEAD, b"a", "head"),
        (HEAD, b"X: a\r\n", "head"),
        (HEAD + b"Content-Length: 1000\r\n\r\n{", b" ", "body"),
        (CHUNKED, b"1\r\n \r\n", "body"),
        (CHUNKED + b"1", b";extension", "body"),
        (CHUNKED + b"0\r\n", b"X: a\r\n", "body"),
    ],
    ids=["a header", "headers", "a body", "chunks", "a chunk's extension", "trailers"],
)
def test_who_trickles_is_ended_like_who_stands_still(server, begun, piece, words):
    got, body = said(server, begun, trickle=[piece] * TRICKLE)
    assert (got, body["status"], body["success"], body["errorTag"]) == (408, 408, False, "BadRequest")
    assert f"request's {words} did not come in time" in body["errorMessage"]


def test_empty_lines_after_an_answer_keep_no_connection(server):
    body = b"{}"
    with opened(server) as line:
        line.sendall(HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        got = b""
        while not complete(got):
            got += line.recv(65536)
        ended = False
        for _ in range(TRICKLE):
            line.sendall(b"\r\n")
            if ended := bool(select.select([line], [], [], SHORT / 3)[0]):
                break
        assert ended


def test_a_slow_body_is_taken_as_long_as_it_gets_on(server, monkeypatch):
    """It takes several times the bound, in which a dozen pieces come; each is more than the progress that is wanted."""
    monkeypatch.setattr(patience, "BODY_SECONDS", 4 * SHORT)
    body = b'{"key": "acme/infra/dev/slow"}' + b" " * 6000
    pieces = [body[at : at + 200] for at in range(0, len(body), 200)]
    started = time.monotonic()
    status, answer = said(server, HEAD + b"Content-Length: %d\r\n\r\n" % len(body), trickle=pieces)
    assert time.monotonic() - started > 2 * patience.BODY_SECONDS
    assert (status, answer["success"]) == (200, True)


def test_who_sends_on_after_a_refusal_is_ended(server, monkeypatch):
    """A refused body is read over, so that its sender reads the answer, but not for ever."""
    monkeypatch.setattr(door, "read_body", refuse)
    with opened(server) as line:
        line.sendall(CHUNKED)
        with suppress(ConnectionError):
            for _ in range(TRICKLE):
                line.sendall(b"c8\r\n" + b" " * 200 + b"\r\n")
                if select.select([line], [], [], SHORT / 3)[0] and not line.recv(65536):
                    break
            else:
                pytest.fail("it goes on for ever")


async def refuse(request, cap):
    raise RefusedError(413, ErrorTag.PAYLOAD_TOO_LARGE, f"over {cap}")


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
            assert select.select([line], [], [], 2 * SHORT)[0] == []


@pytest.mark.parametrize("apart", [False, True])
@pytest.mark.parametrize("authorization", [b"", b"Authorization: Bearer " + TOKEN.encode() + b"\r\n"])
def test_a_connection_that_is_idle_after_an_answer_is_told_nothing(server, authorization, apart):
    """Also where the answer is there before the bytes of the request have been looked through."""
    with opened(server) as line:
        for _ in range(2):
            line.sendall(b"POST /api/v1/locks HTTP/1.1\r\nHost: x\r\n%sContent-Length: 2\r\n\r\n" % authorization)
            if apart:  # two packets
                assert select.select([line], [], [], SHORT / 5)[0] == []
            line.sendall(b"{}")
            got = b""
            while not complete(got):
                got += line.recv(65536)
            assert select.select([line], [], [], 3 * SHORT)[0] == []


def test_others_are_served_while_a_thousand_trickle(twins):
    """Head and body, by the bounds as they are; the last to come and the first are served alike."""
    server = twins.servers["sqlite"]
    with ExitStack() as stack:
        lines = [stack.enter_context(opened(server)) for _ in range(1000)]
        for number, line in enumerate(lines):
            line.sendall(HEAD if number % 2 else HEAD + b"Content-Length: 1000\r\n\r\n{")
        for number in range(20):
            for at, line in enumerate(lines):
                with suppress(ConnectionError):  # a machine that is busy enough lets it meet its bound
                    line.sendall(b"a" if at % 2 else b" ")
            body = {"key": f"acme/infra/dev/others-{number}"}
            assert server.request("POST", "/api/v1/locks", body=body, token=TOKEN).status == 200
