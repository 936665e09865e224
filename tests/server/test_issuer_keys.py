"""The keys of issuers: good ones are kept, old ones end, and nobody can make us fetch, wait or read for long (T20, T22)."""

import json
import ssl
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count, repeat
from types import SimpleNamespace

import pytest

from sonde.sandbox import keys, oidc
from sonde.server.auth import jwks
from sonde.server.auth.jwks import Jwks, KeysUnavailableError, fetch_with
from sonde.server.auth.jws import TokenRefusedError


@pytest.fixture(scope="module")
def key():
    return keys.new_rsa_key()


@pytest.fixture(scope="module")
def other():
    return keys.new_rsa_key()


def documents(keys_document, issuer="https://issuer.example"):
    """What an issuer serves, and a clock: for the cache of keys."""
    served = {
        f"{issuer}/.well-known/openid-configuration": json.dumps(
            {"issuer": issuer, "jwks_uri": f"{issuer}/jwks"}
        ).encode()
    }
    served[f"{issuer}/jwks"] = keys_document
    return served


HOUR = 3_600_000


@pytest.mark.parametrize(
    "bad",
    [
        b"",
        b"<html>",
        b"[]",
        b'{"keys": 1}',
        b'{"keys": []}',
        b'{"keys": [{"kty": "EC", "kid": "a"}, 1, null]}',
        b"[" * 100_000,
    ],
    ids=lambda raw: raw[:20].decode(),
)
def test_bad_keys_never_replace_good_ones(key, bad):
    now = [0]
    served = documents(json.dumps({"keys": [oidc.jwk(key)]}).encode())
    cache = Jwks(served.__getitem__, lambda: now[0])
    kid = keys.key_id(key)
    assert cache.key_of("https://issuer.example", kid)
    served["https://issuer.example/jwks"] = bad
    for now[0] in (61_000, HOUR, 23 * HOUR):
        with pytest.raises(TokenRefusedError):
            cache.key_of("https://issuer.example", "unknown")
        assert cache.key_of("https://issuer.example", kid)
    now[0] = 24 * HOUR
    with pytest.raises(KeysUnavailableError, match="for a day"):
        cache.key_of("https://issuer.example", kid)
    served["https://issuer.example/jwks"] = json.dumps({"keys": [oidc.jwk(key)]}).encode()
    now[0] += 60_000
    assert cache.key_of("https://issuer.example", kid)


def test_a_key_that_its_issuer_took_back_is_worth_nothing_after_an_hour(key, other):
    now = [0]
    served = documents(json.dumps({"keys": [oidc.jwk(key), oidc.jwk(other)]}).encode())
    cache = Jwks(served.__getitem__, lambda: now[0])
    kid, stays = keys.key_id(key), keys.key_id(other)
    cache.key_of("https://issuer.example", kid)
    served["https://issuer.example/jwks"] = json.dumps({"keys": [oidc.jwk(other)]}).encode()
    now[0] = HOUR - 1
    assert cache.known("https://issuer.example", kid, now[0])
    now[0] = HOUR
    with pytest.raises(KeyError):
        cache.known("https://issuer.example", kid, now[0])
    with pytest.raises(TokenRefusedError):
        cache.key_of("https://issuer.example", kid)
    assert cache.known("https://issuer.example", stays, now[0])


def test_one_key_under_a_known_id_is_replaced_with_what_the_issuer_says_now(key, other):
    now, kid = [0], keys.key_id(key)
    served = documents(json.dumps({"keys": [oidc.jwk(key)]}).encode())
    cache = Jwks(served.__getitem__, lambda: now[0])
    before = cache.key_of("https://issuer.example", kid)
    served["https://issuer.example/jwks"] = json.dumps({"keys": [{**oidc.jwk(other), "kid": kid}]}).encode()
    now[0] = HOUR
    after = cache.key_of("https://issuer.example", kid)
    assert after.public_numbers() == other.public_key().public_numbers() != before.public_numbers()


def test_who_has_a_key_does_not_wait_for_somebody_who_fetches(key):
    now, kid = [0], keys.key_id(key)
    served = documents(json.dumps({"keys": [oidc.jwk(key)]}).encode())
    begun, go_on = threading.Event(), threading.Event()

    def fetch(url):
        if now[0]:
            begun.set()
            assert go_on.wait(10)
        return served[url]

    cache = Jwks(fetch, lambda: now[0])
    cache.key_of("https://issuer.example", kid)
    now[0] = HOUR
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(cache.key_of, "https://issuer.example", kid)
        assert begun.wait(10)
        assert cache.key_of("https://issuer.example", kid)
        go_on.set()
        assert slow.result(10)


class Issuer(BaseHTTPRequestHandler):
    """Serves what `document` says, for as long as somebody reads."""

    def do_GET(self):
        self.send_response(self.document[0])
        self.end_headers()
        with suppress(OSError):
            for piece in self.document[1]():
                self.wfile.write(piece)

    def log_message(self, *_):
        pass


@pytest.fixture
def issuer():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Issuer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("status", "pieces", "words"),
    [
        (200, lambda: repeat(b" " * 65536), "more than 256 KiB"),
        (200, lambda: [b" " * 10_000_000], "more than 256 KiB"),
        (302, lambda: [b"elsewhere"], "status 302"),
        (500, lambda: [b""], "status 500"),
    ],
    ids=["endless", "10 MB", "a redirect", "an error"],
)
def test_a_document_that_cannot_be_one_of_keys_is_not_read_to_its_end(issuer, monkeypatch, status, pieces, words):
    monkeypatch.setattr(Issuer, "document", (status, pieces), raising=False)
    with pytest.raises(KeysUnavailableError, match=words):
        fetch_with(ssl.create_default_context())(f"http://127.0.0.1:{issuer.server_port}/jwks")


def test_a_document_that_trickles_is_given_up(issuer, monkeypatch):
    monkeypatch.setattr(jwks, "time", SimpleNamespace(monotonic=count().__next__))  # a second from piece to piece
    monkeypatch.setattr(Issuer, "document", (200, lambda: repeat(b" ")), raising=False)
    monkeypatch.setattr(jwks, "MAX_DOCUMENT", 10**12)
    with pytest.raises(KeysUnavailableError, match="not here within"):
        fetch_with(ssl.create_default_context())(f"http://127.0.0.1:{issuer.server_port}/jwks")


def test_ten_thousand_unknown_key_ids_make_one_fetch_a_minute(key):
    now, asked = [0], []
    served = documents(json.dumps({"keys": [oidc.jwk(key)]}).encode())

    def fetch(url):
        asked.append(url)
        return served[url]

    cache = Jwks(fetch, lambda: now[0])
    for number in range(10_000):
        with pytest.raises(TokenRefusedError):
            cache.key_of("https://issuer.example", f"k{number}")
    assert len(asked) == 2  # discovery and keys
    now[0] = 60_000
    with pytest.raises(TokenRefusedError):
        cache.key_of("https://issuer.example", "another")
    assert len(asked) == 4


def test_an_unknown_key_id_costs_no_thread_while_nothing_is_fetched(key):
    now, served = [0], documents(json.dumps({"keys": [oidc.jwk(key)]}).encode())
    cache = Jwks(served.__getitem__, lambda: now[0])
    cache.key_of("https://issuer.example", keys.key_id(key))
    with pytest.raises(TokenRefusedError, match="the issuer has no key 'unknown'"):
        cache.known("https://issuer.example", "unknown", 59_999)
    with pytest.raises(KeyError):  # worth a fetch, on a thread
        cache.known("https://issuer.example", "unknown", 60_000)


@pytest.mark.parametrize(
    "document",
    [
        {"issuer": "https://other.example", "jwks_uri": "https://issuer.example/jwks"},
        {"issuer": "https://issuer.example", "jwks_uri": "https://evil.example/jwks"},
        {"issuer": "https://issuer.example"},
        {"issuer": 1, "jwks_uri": 2},
    ],
    ids=str,
)
def test_keys_that_lie_elsewhere_are_not_fetched(document):
    served = {"https://issuer.example/.well-known/openid-configuration": json.dumps(document).encode()}
    with pytest.raises(KeysUnavailableError):
        Jwks(served.__getitem__, lambda: 0).key_of("https://issuer.example", "a")
