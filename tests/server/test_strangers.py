"""Addresses that fail to authenticate again and again: they alone are refused, soon and cheaply, and nobody near them (T20)."""

import asyncio
import hashlib
import hmac
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPConnection
from ipaddress import ip_network
from urllib.parse import urlsplit

import pytest
from twins import KEY, SECRET, TOKEN, bare_server, new_database
from world import World

from sonde.server.auth import service, store
from sonde.server.auth.known import Known
from sonde.server.auth.sessions import KeyRing, rotate
from sonde.server.kernel.http import Call, RefusedError
from sonde.server.kernel.strangers import Buckets, Gate, Strangers, address_of
from sonde.server.settings import Settings
from sonde.server.web import signin
from sonde.wire.envelope import ErrorTag

PROXIES = (ip_network("10.0.0.0/8"), ip_network("::1"))
LOCK = {"key": KEY, "ttl": 30}
AT_ONCE = 15
PASSWORD = "open-sesame"
BEHIND = {"trusted_proxies": "127.0.0.1", "failures_at_once": AT_ONCE, "failures_a_minute": 0.01, "ui_token": PASSWORD}


def test_a_bucket_gives_so_many_at_once_and_then_one_each_while():
    buckets = Buckets(3, 10)
    assert [buckets.take("a", 0) for _ in range(5)] == [0, 0, 0, 10, 10]
    assert [buckets.take("a", 10), buckets.take("a", 10), buckets.take("a", 14)] == [0, 10, 6]
    assert [buckets.take("a", 1000) for _ in range(4)] == [0, 0, 0, 10]
    assert (buckets.failures, buckets.refusals) == (12, 5)


def test_a_bucket_is_of_one_address():
    buckets = Buckets(1, 10)
    assert (buckets.take("a", 0), buckets.take("a", 0), buckets.take("b", 0)) == (0, 10, 0)


def test_looking_takes_nothing():
    buckets = Buckets(1, 10)
    assert [buckets.wait("a", 0) for _ in range(9)] == [0] * 9
    assert buckets.take("a", 0) == 0
    assert [buckets.wait("a", 4) for _ in range(9)] == [6] * 9
    assert buckets.wait("a", 10) == 0


def test_a_full_bucket_is_forgotten_and_the_others_are_so_many_at_most():
    buckets = Buckets(5, 1, most=100)
    for number in range(1000):
        buckets.take(str(number), 0)
    assert len(buckets) == 100
    buckets.take("late", 60)
    assert len(buckets) == 1


def test_none_at_once_bounds_nothing_and_remembers_nobody():
    buckets = Buckets(0, 10)
    assert [buckets.take("a", 0) for _ in range(50)] == [0] * 50
    assert (len(buckets), buckets.failures) == (0, 50)


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("203.0.113.7", "", "203.0.113.7"),
        ("203.0.113.7", "198.51.100.1", "203.0.113.7"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "1.1.1.1, 198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "1.1.1.1, 198.51.100.1, 10.9.9.9", "198.51.100.1"),
        ("10.0.0.1", "10.2.2.2, 10.3.3.3", "10.2.2.2"),
        ("10.0.0.1", "198.51.100.1:4711", "198.51.100.1"),
        ("10.0.0.1", "[2001:db8:1:2:3::4]:4711", "2001:db8:1:2::/64"),
        ("10.0.0.1", "198.51.100.1, unknown", "10.0.0.1"),
        ("10.0.0.1", ",", "10.0.0.1"),
        ("::1", "198.51.100.1", "198.51.100.1"),
        ("::ffff:10.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("::ffff:203.0.113.7", "", "203.0.113.7"),
        ("2001:db8:1:2:aaaa::1", "", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:bbbb::2%eth0", "", "2001:db8:1:2::/64"),
        ("", "198.51.100.1", ""),
        ("testclient", "198.51.100.1", "testclient"),
    ],
)
def test_whose_bucket_a_request_is_of(peer, forwarded, address):
    assert address_of(peer, forwarded, PROXIES) == address


def test_by_default_nobody_is_believed():
    assert Settings().trusted_proxies == ()
    strangers = Strangers(Buckets(1, 10), (), lambda: 0.0)
    first, second = (call(forwarded=f"198.51.100.{number}") for number in (1, 2))
    assert (strangers.failed(first), strangers.failed(second)) == (0, 10)


def call(*, authorization="", forwarded=""):
    headers = {"authorization": authorization, "x-forwarded-for": forwarded}
    return Call("POST", "/api/v1/locks", b"", headers, {}, {}, "t" * 32, "127.0.0.1")


def refused(status):
    return RefusedError(status, ErrorTag.UNAUTHORIZED, "because")


@pytest.mark.parametrize(("status", "counts"), [(401, True), (400, False), (403, False), (404, False), (503, False)])
def test_only_who_does_not_show_who_he_is_counts(status, counts):
    gate = Gate(Strangers(Buckets(1, 10), (), lambda: 0.0))
    for _ in range(3):
        gate.note(call(), refused(status))
    assert gate.doubts(call()) is False  # its callers bear nothing
    assert gate.strangers.buckets.failures == (3 if counts else 0)


def test_the_refusal_says_what_was_wrong_and_how_long_to_wait():
    async def bad(_):
        return False

    gate = Gate(Strangers(Buckets(1, 10), (), lambda: 0.5), good=bad, unknown="because")
    gate.note(call(), refused(401))
    assert gate.doubts(call())
    with pytest.raises(RefusedError) as heard:
        asyncio.run(gate.admit(call()))
    assert (heard.value.status, heard.value.tag) == (401, ErrorTag.UNAUTHORIZED)
    assert heard.value.message.endswith("for 10 s no more of them are looked at. What was wrong: because")


def test_a_session_that_has_ended_counts_for_nothing():
    gate = Gate(Strangers(Buckets(1, 10), (), lambda: 0.0), signed=lambda header: header == "Bearer ours")
    for _ in range(5):
        gate.note(call(authorization="Bearer ours"), refused(401))
    assert len(gate.strangers.buckets) == 0


@pytest.fixture(params=["sqlite", "postgresql"])
def bare(request, tmp_path):
    """Starts a server of which every address may fail AT_ONCE times, and not again while a test lasts."""
    url = new_database(request.param, tmp_path)
    if url is None:
        pytest.skip("no PostgreSQL")
    server = bare_server(tmp_path, url, **BEHIND)
    yield server
    server.stop()


def test_of_a_thousand_bad_tokens_most_are_not_looked_at_and_all_others_are_served_meanwhile(bare):
    bad, done = {"X-Forwarded-For": "203.0.113.66"}, threading.Event()

    def guess(number):
        return bare.request("POST", "/api/v1/locks", body=LOCK, token=f"guess-{number}", headers=bad)

    def honest(address):
        statuses = []
        while not done.is_set() or not statuses:
            for method in ("POST", "DELETE"):
                answer = bare.request(
                    method, "/api/v1/locks", body=LOCK, token=TOKEN, headers={"X-Forwarded-For": address}
                )
                statuses.append(answer.status)
        return set(statuses)

    with ThreadPoolExecutor(10) as pool:
        neighbour = pool.submit(honest, "203.0.113.66")
        answers = list(pool.map(guess, range(1000)))
        done.set()
        other = bare.request(
            "POST", "/api/v1/locks", body=LOCK, token="guess", headers={"X-Forwarded-For": "203.0.113.67"}
        )
        assert neighbour.result() == {200}
    assert {answer.status for answer in answers} == {401}  # never 429 (ruling 5)
    unseen = [answer for answer in answers if answer.body["errorMessage"].startswith("Too many requests")]
    assert len(unseen) >= 1000 - AT_ONCE - 10  # at most as many were on their way as asked at once
    assert unseen[0].body["errorMessage"].endswith(f"What was wrong: {service.DEAD}")
    assert (other.status, other.body["errorMessage"]) == (401, service.DEAD)
    text = bare.request("GET", "/metrics").body["text"]
    assert "\nsonde_auth_failures_total 1001\n" in text  # each once
    assert f"\nsonde_auth_refusals_total {1000 - AT_ONCE}\n" in text


def test_an_address_that_failed_too_often_costs_a_look_at_the_database_a_second(bare, monkeypatch):
    for number in range(AT_ONCE):
        assert bare.request("GET", "/api/v1/repos/acme/infra/locks", token=f"guess-{number}").status == 401
    looks, before = [], store.live_digests
    monkeypatch.setattr(store, "live_digests", lambda tx: looks.append(1) or before(tx))
    for name in ("live_token", "live_tokens", "live_session", "live_sessions"):
        monkeypatch.setattr(store, name, lambda *_: pytest.fail("a guess was looked up"))
    known = bare.site.trust.ring
    monkeypatch.setattr(known, "secret", lambda _: pytest.fail("a guess was worth a look at the keys"))
    for token in ("guess", "a.b.c", "eyJhbGciOiJIUzI1NiIsImtpZCI6Im5vIn0.e30.AA"):
        for method, path in (("GET", "/api/v1/repos/acme/infra/locks"), ("POST", "/api/v1/locks")):
            assert bare.request(method, path, body=LOCK, token=token).status == 401
    assert 1 <= len(looks) <= 3


def test_a_credential_that_is_new_or_taken_back_is_known_a_second_later(fresh_database, tmp_path):
    at = [0.0]
    with fresh_database("sqlite", tmp_path) as url:
        server = bare_server(tmp_path, url)
        db = server.site.db
        known = Known(db, KeyRing(db), lambda: at[0])

        def good(token):
            return asyncio.run(known.good(f"Bearer {token}"))

        assert good(TOKEN)
        with db.write("admin.change") as tx:
            store.put_token(tx, store.StaticToken("tok_2", "ws_test", None, "new", tx.now + 9_000_000), "new one")
            store.revoke_token(tx, "ws_test", "tok_1")
        assert (good("new one"), good(TOKEN)) == (False, True)
        at[0] = 1.0
        assert (good("new one"), good(TOKEN)) == (True, False)
        server.stop()


def test_a_flood_does_not_keep_a_webhook_of_github_out(bare):
    body = b'{"zen": "calm"}'
    headers = {"X-GitHub-Event": "ping", "X-GitHub-Delivery": "g-1"}
    statuses = [
        bare.request(
            "POST", "/webhooks/github", raw=body, headers={**headers, "X-Hub-Signature-256": "sha256=00"}
        ).status
        for _ in range(AT_ONCE + 2)
    ]
    assert statuses == [401] * (AT_ONCE + 2)
    signed = "sha256=" + hmac.digest(SECRET.encode(), body, hashlib.sha256).hex()
    assert (
        bare.request("POST", "/webhooks/github", raw=body, headers={**headers, "X-Hub-Signature-256": signed}).status
        == 202
    )


def test_a_job_is_served_where_its_neighbours_failed_and_may_renew_its_session(tmp_path, database_url):
    world = World(tmp_path, database_url, **BEHIND)
    for number in range(AT_ONCE + 5):
        answer = world.server.request(
            "POST", "/api/v1/auth/github-oidc", body={"token": f"{number}.b.c", "workspaceId": "ws_test"}
        )
    assert (answer.status, answer.body["errorTag"]) == (401, "Unauthorized")
    world.open_pull_request()
    session = world.session(world.run_of().run_id)
    assert world.server.request("POST", "/api/v1/locks", body=LOCK, token=session).status == 200
    with world.db.write("admin.change") as tx:
        store.end_all_sessions(tx)
    for method, path in (("POST", "/api/v1/locks"), ("GET", "/api/v1/repos/acme/infra/locks")):
        dead = world.server.request(method, path, body=LOCK, token=session)
        assert (dead.status, dead.body["errorMessage"]) == (401, service.DEAD)
    stranger = world.server.request("POST", "/api/v1/locks", body=LOCK, token="x.y.z")
    assert (stranger.status, stranger.body["errorMessage"][:8]) == (401, "Too many")
    with world.db.write("admin.change") as tx:
        rotate(tx, revoke_old=False)
    renewed, other = world.session(world.run_of().run_id), {**LOCK, "key": KEY + "-2"}
    assert world.server.request("POST", "/api/v1/locks", body=other, token=renewed).status == 200
    world.close()


def test_who_guesses_the_password_is_not_looked_at_any_more_but_links_are(bare):
    """Whoever guesses from one address uses up his own bucket before the password is closed for everybody."""

    def sign_in(token, address):
        line = HTTPConnection(urlsplit(bare.url).netloc, timeout=30)
        with closing(line):
            line.request("GET", f"/login?token={token}", headers={"X-Forwarded-For": address})
            answer = line.getresponse()
            return answer.status, answer.headers["Retry-After"], answer.read().decode()

    guessed = [sign_in(f"guess-{number}", "203.0.113.66") for number in range(AT_ONCE)]
    assert {status for status, *_ in guessed} == {401}
    bare.site.db.clock_offset = 60_000  # the bound for all addresses together is over
    status, wait, page = sign_in(PASSWORD, "203.0.113.66")
    assert (status, int(wait) > 0, "Too many requests from your address" in page) == (429, True, True)
    assert sign_in(PASSWORD, "203.0.113.67")[0] == 303
    assert sign_in(signin.offer(bare.site.db), "203.0.113.66")[0] == 303


def test_the_numbers_are_for_this_machine_alone(bare):
    bare.request("POST", "/api/v1/locks", body=LOCK, token="guess")
    text = bare.request("GET", "/metrics").body["text"]
    assert "\nsonde_auth_failures_total 1\n" in text
    assert "\nsonde_auth_refusals_total 0\n" in text
    assert "\nsonde_auth_failing_addresses 1\n" in text
    for header in ("X-Forwarded-For", "Forwarded"):
        assert bare.request("GET", "/metrics", headers={header: "203.0.113.1"}).status == 404
