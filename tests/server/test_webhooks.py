"""Promises of the inbox: only genuine deliveries are stored, each takes effect at most once, and each says what became of it."""

import asyncio
import hashlib
import hmac
import json
import uuid
from pathlib import Path

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import OperationalError
from starlette.requests import Request
from twins import SECRET, bare_server

from sonde.server import jobs
from sonde.server.kernel.body import read_body
from sonde.server.kernel.http import RefusedError
from sonde.server.pulls.store import pull_requests
from sonde.server.webhooks import store
from sonde.server.webhooks.service import ATTEMPTS, Done, Secrets, process
from sonde.server.workspaces import store as workspaces
from sonde.server.workspaces.model import Repository, Workspace
from sonde.wire.limits import WEBHOOK_CAP

EXAMPLES = json.loads((Path(__file__).parent.parent / "data" / "github" / "webhook-examples.json").read_text())
OPENED = EXAMPLES["pull_request.opened"]


@pytest.fixture
def server(tmp_path, database_url):
    made = bare_server(tmp_path, database_url)
    yield made
    made.stop()


def opened(repository_id=1, **more):
    """GitHub's own example of an opened pull request, about the linked repository."""
    head = {**OPENED["pull_request"]["head"], "repo": {**OPENED["repository"], "id": repository_id}}
    pull = {**OPENED["pull_request"], "head": head, "author_association": "MEMBER"}
    return {**OPENED, "repository": {**OPENED["repository"], "id": repository_id}, "pull_request": pull, **more}


def send(server, body, event="pull_request", guid=None, secret=SECRET, **headers):
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    signature = hmac.new(secret.encode(), raw, hashlib.sha256).hexdigest()
    given = {
        "X-GitHub-Event": event,
        "X-GitHub-Delivery": guid or str(uuid.uuid4()),
        "X-Hub-Signature-256": f"sha256={signature}",
    }
    return server.request(
        "POST", "/webhooks/github", raw=raw, headers={k: v for k, v in {**given, **headers}.items() if v is not None}
    )


def delivered(server, body, event="pull_request", guid=None):
    """Send, pump, and say what became of it."""
    answer = send(server, body, event, guid)
    assert answer.status == 202, answer.body
    jobs.pump(server.site.loop)
    return found(server, answer.data["delivery"])


def found(server, guid):
    with server.site.db.read() as tx:
        return store.get(tx, guid)


def count(server, table):
    with server.site.db.read() as tx:
        return tx.one(select(func.count()).select_from(table))[0]


@pytest.mark.parametrize(
    "signature",
    [None, "", "sha256=", "sha256=" + "0" * 64, "sha1=" + "0" * 40, "0" * 64, "é" * 10],
    ids=["none", "empty", "no digest", "of another body", "SHA-1", "without its name", "not ASCII"],
)
def test_a_delivery_whose_signature_does_not_fit_is_401_and_nothing_is_stored(server, signature):
    answer = send(
        server, opened(), **{"X-Hub-Signature-256": signature and signature.encode("utf-8").decode("latin-1")}
    )
    assert (answer.status, answer.body["errorTag"]) == (401, "Unauthorized")
    assert count(server, store.deliveries) == 0


def test_githubs_own_example_of_a_signature_fits(tmp_path, database_url):
    """docs.github.com, "Validating webhook deliveries": secret, payload and signature to test against."""
    server = bare_server(tmp_path, database_url, github_webhook_secret="It's a Secret to Everybody")
    try:
        example = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
        answer = send(server, b"Hello, World!", **{"X-Hub-Signature-256": example})
        assert (answer.status, "not a JSON object" in answer.body["errorMessage"]) == (400, True)
        assert send(server, b"Hello, World?", **{"X-Hub-Signature-256": example}).status == 401
    finally:
        server.stop()


def test_one_changed_bit_anywhere_in_the_body_is_401(server):
    raw = bytearray(json.dumps({"action": "opened", "zen": "Keep it logically awesome."}).encode())
    signature = "sha256=" + hmac.new(SECRET.encode(), bytes(raw), hashlib.sha256).hexdigest()
    for index in range(0, len(raw), 7):
        changed = bytes(raw[:index]) + bytes([raw[index] ^ 1]) + bytes(raw[index + 1 :])
        assert send(server, changed, **{"X-Hub-Signature-256": signature}).status == 401
    assert send(server, bytes(raw), **{"X-Hub-Signature-256": signature}).status == 202


def test_a_secret_that_was_replaced_is_good_for_a_day_more(tmp_path, database_url):
    server = bare_server(tmp_path, database_url, github_webhook_secret="new", github_webhook_secret_before="old")
    try:
        answers = {secret: send(server, {"zen": secret}, "ping", secret=secret).status for secret in ("new", "old", "")}
        assert answers == {"new": 202, "old": 202, "": 401}
    finally:
        server.stop()
    secrets, body = Secrets("new", "old", until=100), b"{}"
    signed = {secret: "sha256=" + hmac.digest(secret.encode(), body, "sha256").hex() for secret in ("new", "old")}
    assert [secrets.signed(body, signed["old"], at) for at in (99, 100)] == [True, False]
    assert [secrets.signed(body, signed["new"], at) for at in (99, 100)] == [True, True]


def test_a_server_without_a_secret_answers_503_to_every_delivery(tmp_path, database_url):
    server = bare_server(tmp_path, database_url, github_webhook_secret="")
    try:
        answer = send(server, opened(), secret="")
        assert answer.status == 503
        assert "SONDE_GITHUB_WEBHOOK_SECRET" in answer.body["errorMessage"]
        assert count(server, store.deliveries) == 0
    finally:
        server.stop()


@pytest.mark.parametrize(
    ("name", "value"), [("Event", None), ("Delivery", None), ("Event", "e" * 201), ("Delivery", "d" * 201)]
)
def test_a_delivery_without_a_usable_event_or_id_is_400(server, name, value):
    answer = send(server, opened(), **{f"X-GitHub-{name}": value})
    assert (answer.status, answer.body["errorTag"]) == (400, "BadRequest")
    assert count(server, store.deliveries) == 0


@pytest.mark.parametrize("body", [b"", b"{", b"payload=%7B%7D", b"\xff", b'{"a":' * 100_000])
def test_a_delivery_that_is_no_json_is_400(server, body):
    answer = send(server, body)
    assert (answer.status, answer.body["errorTag"]) == (400, "BadRequest")


ODD = [
    *(b"null", b"[]", b"42", b'"text"', b"{}", b"[" * 100_000),
    b'{"action": 7, "repository": "x"}',
    b'{"action": "a\\u0000b", "repository": {"id": 1, "name": "a\\u0000b", "owner": {"login": "\\u0000"}}}',
    b'{"number": 99999999999, "repository": {"id": 99999999999999999999999, "name": "infra", "owner": {"login": "acme"}}}',
    b'{"number": 9223372036854775807, "repository": {"id": 9223372036854775807, "name": "infra"}}',
    b'{"action": "' + b"x" * 5000 + b'"}',
]


@pytest.mark.parametrize("body", ODD)
def test_a_genuine_delivery_of_an_odd_shape_is_kept_and_says_why_it_had_no_effect(server, body):
    became = delivered(server, body)
    assert became.state in ("ignored", "failed")
    assert len(became.because) > 10
    assert became.attempts == 0


def body_of(size, cap):
    """`read_body` on a request of `size` bytes, in the chunks a socket gives."""
    left = [b"x" * 10] * (size // 10) + [b"x" * (size % 10)]

    async def receive():
        return {"type": "http.request", "body": left.pop(0), "more_body": bool(left)}

    return asyncio.run(read_body(Request({"type": "http", "headers": []}, receive), cap))


@pytest.mark.parametrize(("size", "fits"), [(99, True), (100, True), (101, False), (5000, False)])
def test_a_body_may_be_as_long_as_the_cap_and_no_byte_longer(size, fits):
    if fits:
        assert len(body_of(size, cap=100)) == size
        return
    with pytest.raises(RefusedError) as refused:
        body_of(size, cap=100)
    assert refused.value.status == 413


def test_a_delivery_over_githubs_25_mib_is_413(server):
    answer = send(server, b"{" + b" " * WEBHOOK_CAP)
    assert (answer.status, "25 MiB" in answer.body["errorMessage"]) == (413, True)


def test_an_opened_pull_request_takes_effect(server):
    became = delivered(server, opened())
    assert (became.state, became.number) == ("done", OPENED["number"])
    assert count(server, pull_requests) == 1


def test_the_same_delivery_again_changes_nothing(server):
    first = delivered(server, opened(), guid="one")
    answer = send(server, opened(), guid="one")
    assert (answer.status, answer.data["new"]) == (202, False)
    assert jobs.pump(server.site.loop) == 0
    assert found(server, "one") == first


def test_the_same_bytes_under_another_id_have_no_second_effect(server):
    delivered(server, opened(), guid="one")
    became = delivered(server, opened(), guid="two")
    assert (became.state, became.because) == ("ignored", "the same bytes came before, as delivery one")


def test_two_copies_that_wait_together_have_one_effect(server):
    send(server, opened(), guid="one")
    send(server, opened(), guid="two")
    jobs.pump(server.site.loop)
    assert sorted(found(server, guid).state for guid in ("one", "two")) == ["done", "ignored"]


def test_the_same_bytes_as_another_event_are_no_copy(server):
    delivered(server, opened(), guid="one")
    assert delivered(server, opened(), event="pull_request_review", guid="two").because.startswith(
        "Sonde does not act on"
    )


def test_other_bytes_under_a_known_id_change_nothing_since_the_id_is_not_signed(server):
    delivered(server, opened(repository_id=7), guid="one")
    send(server, opened(), guid="one")
    jobs.pump(server.site.loop)
    assert found(server, "one").github_id == 7
    assert count(server, pull_requests) == 0


def test_every_published_example_of_an_event_ends_with_a_reason(server):
    for name, body in EXAMPLES.items():
        became = delivered(server, body, name.partition(".")[0])
        assert became.state in ("done", "ignored"), became
        assert became.because


def test_an_action_that_is_not_followed_names_those_that_are(server):
    became = delivered(server, opened(action="labeled"))
    assert became.state == "ignored"
    assert became.because.startswith("Sonde does not act on pull_request.labeled; of pull_request it follows closed, ")


def test_an_event_of_an_unlinked_repository_says_the_command_that_links_it(server):
    became = delivered(server, opened(repository_id=7))
    assert became.state == "ignored"
    owner = OPENED["repository"]["owner"]
    assert (
        f"sonde admin repo add {OPENED['repository']['full_name']} --workspace ws_… --repository-id 7 --owner-id {owner['id']}"
        in became.because
    )


def test_a_redelivery_takes_effect_once_its_repository_is_linked(server):
    delivered(server, opened(repository_id=7), guid="one")
    link(server, "ws_test", "repo_7", 7)
    assert delivered(server, opened(repository_id=7), guid="one").state == "done"
    assert delivered(server, opened(repository_id=7), guid="two").state == "ignored"


def link(server, workspace, repository, github_id):
    with server.site.db.write("admin.change") as tx:
        if not workspaces.workspace(tx, workspace):
            workspaces.put_workspace(tx, Workspace(workspace, workspace))
        workspaces.put_repository(tx, Repository(repository, workspace, github_id, 2, "acme", "infra", None))


def test_an_event_of_a_repository_in_two_workspaces_takes_effect_in_both(server):
    link(server, "ws_other", "repo_other", 1)
    became = delivered(server, opened(installation={"id": 77}))
    assert became.state == "done"
    with server.site.db.read() as tx:
        assert {row.repository_id for row in tx.all(select(pull_requests))} == {"repo_1", "repo_other"}
        assert {one.installation_id for one in workspaces.repositories_by_github_id(tx, 1)} == {77}


class Handlers:
    """A handler that raises until it is mended."""

    def __init__(self):
        self.broken, self.calls = True, 0

    def __call__(self, tx, event):
        self.calls += 1
        workspaces.set_installation(tx, "repo_1", 1000 + self.calls)
        if self.broken:
            raise RuntimeError("the handler has a fault")
        return Done("it worked")


@pytest.fixture
def poisoned(server):
    handler = Handlers()
    server.site.loop.handlers["pull_request", "opened"] = handler
    return handler


def test_a_delivery_whose_handler_raises_is_parked_after_five_tries_and_others_go_on(server, poisoned):
    send(server, opened(), guid="one")
    send(server, {"zen": "Design for failure."}, event="ping", guid="two")
    for _ in range(ATTEMPTS + 3):
        jobs.pump(server.site.loop)
    became = found(server, "one")
    assert (became.state, became.attempts, poisoned.calls) == (
        "failed",
        ATTEMPTS,
        ATTEMPTS + 1,  # once more together with the other, which was undone
    )
    assert "the handler has a fault" in became.because
    assert found(server, "two").state == "ignored"
    with server.site.db.read() as tx:
        assert workspaces.repository(tx, "repo_1").installation_id is None  # nothing of a failed try stands


def test_a_redelivery_revives_a_parked_delivery(server, poisoned):
    delivered(server, opened(), guid="one")
    assert found(server, "one").state == "failed"
    poisoned.broken = False
    became = delivered(server, opened(), guid="one")
    assert (became.state, became.because, became.attempts) == ("done", "it worked", 0)


def test_the_same_bytes_under_another_id_take_effect_where_the_first_was_parked(server, poisoned):
    delivered(server, opened(), guid="one")
    poisoned.broken = False
    assert delivered(server, opened(), guid="two").because == "it worked"


def test_a_redelivery_brings_back_a_body_that_was_purged(server, poisoned):
    delivered(server, opened(), guid="one")
    purge(server, days=8)
    assert found(server, "one").body is None
    poisoned.broken = False
    assert delivered(server, opened(), guid="one").because == "it worked"


def purge(server, days):
    server.site.db.clock_offset = days * 86_400_000
    with server.site.db.write("purge") as tx:
        store.purge_bodies(tx, tx.now - 7 * 86_400_000)


def test_a_body_is_purged_after_its_days_and_the_reason_stays(server):
    before = delivered(server, opened(), guid="one")
    purge(server, days=6)
    assert found(server, "one").body
    purge(server, days=8)
    after = found(server, "one")
    assert (after.body, after.because, after.state) == (None, before.because, "done")


def test_a_body_that_waits_to_be_processed_is_not_purged(server):
    send(server, opened(), guid="one")
    purge(server, days=8)
    assert found(server, "one").body


def test_a_purged_delivery_still_keeps_its_copies_out(server):
    delivered(server, opened(), guid="one")
    purge(server, days=8)
    assert delivered(server, opened(), guid="two").state == "ignored"


def test_a_database_that_goes_away_within_processing_does_not_count_against_the_delivery(server):
    def gone(tx, event):
        raise OperationalError("SELECT 1", {}, Exception("the server closed the connection unexpectedly"))

    send(server, opened(), guid="one")
    with pytest.raises(OperationalError):
        process(server.site.db, "one", {("pull_request", "opened"): gone})
    assert (found(server, "one").state, found(server, "one").attempts) == ("received", 0)
