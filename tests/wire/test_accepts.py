"""The rules of protocol.md §3 find a fault in an answer: each of these is planted in an answer of the live server."""

import base64
import json
from datetime import UTC, datetime

import pytest
from replay import BRANCH, LIVE, MODULES, POLICY, WORKSPACE, go_json

from sonde.wire import accepts
from sonde.wire.accepts import Answer, Call

KEY = f"{LIVE}/dev/vpc"
REPOSITORY = {"repo_owner": "acme-robotics", "repo_name": "infra-live"}
COMMIT = {
    "branch": BRANCH,
    "changes": {"additions": [{"path": "planted.tf", "contents": base64.b64encode(b"x").decode()}], "deletions": []},
    "commitMessage": "Format",
}
STATUS_PATH = f"repos/{LIVE}/instances?stack=dev&component=vpc"
ASKED = {
    Call.LOCK: ("POST", "locks", {"key": KEY, "ttl": 60}),
    Call.UNLOCK: ("DELETE", "locks", {"key": KEY}),
    Call.AFFECTED: ("POST", "affected-stacks", {**REPOSITORY, "head_sha": "a" * 40, "stacks": []}),
    Call.INSTANCES: ("POST", "instances", {**REPOSITORY, "instances": []}),
    Call.STATUS: ("PATCH", STATUS_PATH, {"command": "plan", "exit_code": 0}),
    Call.COMMIT: ("POST", "git/commit", COMMIT),
    Call.STS: ("POST", "sts", {"sources": [MODULES, "acme-robotics/nothing"], "policyName": "default"}),
    Call.EXEC: ("POST", "atmos/exec", {"execution_id": "e-1", "command": "terraform plan"}),
    Call.EXEC_DATA: ("POST", "atmos/exec/data", {"execution_id": "e-1", "data": {"version": 1, "stacks": []}}),
}
HEADERS = {"Content-Type": "application/json", "Accept-Encoding": "gzip"}


def now():
    return int(datetime.now(UTC).timestamp())


@pytest.fixture(scope="module")
def answers(place, claims):
    """A good answer of the live server to each call, and a refusal of a lock, by call: (asked, answer)."""
    token = {"token": place.mint(claims), "workspaceId": WORKSPACE}
    found = {Call.EXCHANGE: (token, place.ask("POST", "/api/v1/auth/github-oidc", HEADERS, go_json(token)))}
    session = json.loads(found[Call.EXCHANGE][1].body)["data"]["token"]
    for call, (method, path, body) in ASKED.items():
        bearer = place.static if call is Call.INSTANCES else session
        headers = {**HEADERS, "Authorization": f"Bearer {bearer}"}
        found[call] = (body, place.ask(method, f"/api/v1/{path}", headers, go_json(body)))
    headers = {**HEADERS, "Authorization": f"Bearer {place.static}"}
    bad = {"key": KEY, "ttl": 0}
    found["refused"] = (bad, place.ask("POST", "/api/v1/locks", headers, go_json(bad)))
    return found


@pytest.mark.parametrize("call", Call)
def test_a_good_answer_has_no_objection(answers, call):
    asked, answer = answers[call]
    assert answer.status == 200
    assert accepts.succeeds(call, answer)
    assert accepts.objections(call, asked, answer, now=now()) == ()


def test_an_honest_refusal_has_no_objection(answers):
    asked, answer = answers["refused"]
    assert answer.status == 400
    assert not accepts.succeeds(Call.LOCK, answer)
    assert accepts.objections(Call.LOCK, asked, answer, now=now()) == ()


def test_a_source_that_trusts_the_job_has_a_token_in_the_answer(answers):
    data = json.loads(answers[Call.STS][1].body)["data"]
    assert (len(data["tokens"]), len(data["excluded"])) == (1, 1)
    assert POLICY


def status(number, *, also_inside=True):
    def plant(answer):
        body = json.loads(answer.body)
        body |= {"status": number} if also_inside else {}
        return Answer(number, answer.headers, json.dumps(body).encode())

    return plant


def field(*path, value=..., drop=False):
    """Set, or drop, what stands at a path in the body."""

    def plant(answer):
        body = json.loads(answer.body)
        at = body
        for name in path[:-1]:
            at = at[name]
        if drop:
            del at[path[-1]]
        else:
            at[path[-1]] = value
        return Answer(answer.status, answer.headers, json.dumps(body).encode())

    return plant


def body(change):
    return lambda answer: Answer(answer.status, answer.headers, change(answer.body))


def flat_token(answer):
    parsed = json.loads(answer.body)
    parsed["token"] = parsed.pop("data")["token"]
    return Answer(answer.status, answer.headers, json.dumps(parsed).encode())


def jwt(**claims):
    middle = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"e30.{middle}.sig"


FAULTS = {
    "201 on lock": (Call.LOCK, status(201), "the contract wants 200"),
    "a list as data of unlock": (Call.UNLOCK, field("data", value=[]), "data is no object"),
    "a text as data of commit": (Call.COMMIT, field("data", value="x"), "data is no object"),
    "an empty text as a time": (Call.LOCK, field("data", "expiresAt", value=""), "data.expiresAt is no time"),
    "an empty deletedAt": (Call.LOCK, field("data", "deletedAt", value=""), "data.deletedAt is no time"),
    "a fraction in a time": (
        Call.LOCK,
        field("data", "createdAt", value="2026-06-09T10:00:00.5Z"),
        "data.createdAt is no time",
    ),
    "a time with an offset": (
        Call.LOCK,
        field("data", "updatedAt", value="2026-06-09T10:00:00+00:00"),
        "data.updatedAt is no time",
    ),
    "a day that is none": (Call.LOCK, field("data", "expiresAt", value="2026-02-30T10:00:00Z"), "data.expiresAt"),
    "another key than was asked for": (Call.LOCK, field("data", "key", value="acme/x/y/z"), "not the key"),
    "no success": (Call.UNLOCK, field("success", drop=True), "success is no boolean"),
    "success as text": (Call.LOCK, field("success", value="true"), "success is no boolean"),
    "status as text": (Call.LOCK, field("status", value="ok"), "status is no whole number"),
    "another status inside": (Call.AFFECTED, field("status", value=500), "status is 500 at HTTP status 200"),
    "200 with success false on an upload": (Call.AFFECTED, field("success", value=False), "opposite"),
    "409 with success true": (Call.LOCK, status(409), "success is True at HTTP status 409"),
    "202 on STS": (Call.STS, status(202), "opposite"),
    "a redirect": (Call.LOCK, status(302), "a redirect"),
    "no body": (Call.UNLOCK, body(lambda _: b""), "no JSON object"),
    "a web page": (Call.INSTANCES, body(lambda _: b"<html></html>"), "no JSON object"),
    "half a body": (Call.STATUS, body(lambda raw: raw[:-3]), "no JSON object"),
    "NaN": (Call.EXEC, field("status", value=float("nan")), "no JSON object"),
    "a name twice in two cases": (Call.LOCK, body(lambda raw: b'{"Data": {}, ' + raw[1:]), "no JSON object"),
    "the token beside data": (Call.EXCHANGE, flat_token, "data.token is no text"),
    "an empty token": (Call.EXCHANGE, field("data", "token", value=""), "data.token is no text"),
    "a session too short": (Call.EXCHANGE, field("data", "token", value=jwt(exp=1)), "too short"),
    "a session that cannot be read": (Call.EXCHANGE, field("data", "token", value="a.%%.c"), "cannot be decoded"),
    "sha as number": (Call.COMMIT, field("data", "sha", value=1), "data.sha is no commit"),
    "no sha": (Call.COMMIT, field("data", value={}), "data.sha is no commit"),
    "tokens beside data": (Call.STS, field("data", value={}), "data.tokens is no list"),
    "a token without an owner": (Call.STS, field("data", "tokens", 0, "owner", value=""), "without owner"),
    "a token that has expired": (
        Call.STS,
        field("data", "tokens", 0, "expiresAt", value="2020-01-01T00:00:00Z"),
        "too near",
    ),
    "an unknown reason": (Call.STS, field("data", "excluded", 0, "reason", value="because"), "unknown reason"),
    "the address of a result under data": (Call.EXEC_DATA, field("url", drop=True), "url is not beside data"),
    "no traceId": (Call.STATUS, field("traceId", drop=True), "there is no traceId"),
    "context as text": (Call.LOCK, field("context", value="x"), "context is no object"),
    "429": ("refused", status(429), "429 is final"),
    "a refusal without a reason": ("refused", field("errorMessage", value=" "), "errorMessage is empty"),
    "error as an object": ("refused", field("error", value={}), "error is no text"),
    "a tag of nobody's": ("refused", field("errorTag", value="Oops"), "errorTag is none"),
    "validation errors as text": ("refused", field("data", value={"validationErrors": "x"}), "no list of texts"),
    "a refusal at 200": ("refused", status(200), "success is False at HTTP status 200"),
    "plain text": (
        Call.LOCK,
        lambda answer: Answer(200, {**answer.headers, "content-type": "text/plain"}, answer.body),
        "content type",
    ),
}


@pytest.mark.parametrize(("call", "plant", "said"), FAULTS.values(), ids=FAULTS)
def test_a_planted_fault_is_found(answers, call, plant, said):
    asked, answer = answers[call]
    found = accepts.objections(Call.LOCK if call == "refused" else call, asked, plant(answer), now=now())
    assert [one for one in found if said in one], found


def test_every_call_of_the_protocol_is_known_by_its_request():
    assert accepts.call_of("POST", "//api//v1//locks/") is Call.LOCK
    assert accepts.call_of("DELETE", "/api/locks") is Call.UNLOCK
    assert accepts.call_of("PATCH", "/api/v1/repos/a/b/instances/dev/vpc") is Call.STATUS
    assert accepts.call_of("GET", "/api/v1/locks") is None
