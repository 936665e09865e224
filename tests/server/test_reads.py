"""What `GET …/locks`, `…/instances` and `…/pulls/N` answer, name by name: null where there is nothing, and nothing left out."""

import json
import re

import pytest
from world import item

from sonde.wire.codec import from_json, to_json
from sonde.wire.reads import InstancesSeen, LocksSeen, PullSeen

SCRUBS = (
    (r"[0-9a-f]{40}", "SHA"),
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "TIME"),
    (r"(trg|run)_[0-9A-Z]{26}", r"\1_ID"),
    (r"https://localhost:\d+", "GITHUB"),
    (r'"misconfigured": "[^"]{40,}"', '"misconfigured": "SENTENCE"'),
)


def scrubbed(data):
    """The data as text, names in their order, with what differs from run to run by a word."""
    text = json.dumps(data, indent=1)
    for pattern, word in SCRUBS:
        text = re.sub(pattern, word, text)
    return text


LOCKS = """\
{
 "locks": [
  {
   "key": "acme/infra/dev/network",
   "fence": 1,
   "live": true,
   "holder": "Sonde",
   "runUrl": "GITHUB/acme/infra/actions/runs/17700000002",
   "message": "plan.yaml for #1 (opened)",
   "expiresAt": "TIME"
  },
  {
   "key": "acme/infra/dev/other",
   "fence": 1,
   "live": true,
   "holder": "test",
   "runUrl": null,
   "message": "mine",
   "expiresAt": "TIME"
  }
 ]
}"""
INSTANCES = """\
{
 "instances": [
  {
   "stack": "dev",
   "component": "network",
   "componentType": null,
   "enabled": null,
   "driftEnabled": false,
   "misconfigured": null,
   "status": "unknown",
   "lastCommand": "plan",
   "exitCode": 2,
   "lastRun": "TIME"
  },
  {
   "stack": "prod",
   "component": "vpc",
   "componentType": "terraform",
   "enabled": true,
   "driftEnabled": true,
   "misconfigured": "SENTENCE",
   "status": "unknown",
   "lastCommand": null,
   "exitCode": null,
   "lastRun": null
  }
 ]
}"""
PULL = """\
{
 "number": 1,
 "title": "Change",
 "headSha": "SHA",
 "open": true,
 "merged": false,
 "triggers": [
  {
   "id": "trg_ID",
   "activity": "opened",
   "sha": "SHA",
   "state": "running",
   "conclusion": null,
   "because": "0 of 1 done",
   "dispatches": [
    {
     "id": "run_ID",
     "stack": "dev",
     "component": "network",
     "workflow": "plan.yaml",
     "state": "sent",
     "because": "the run is queued on GitHub",
     "result": "",
     "runId": 17700000002,
     "runUrl": "GITHUB/acme/infra/actions/runs/17700000002"
    }
   ],
   "notDispatched": [
    {
     "instance": "dev/bare",
     "because": "it has no settings.pro"
    }
   ],
   "checkRunId": 50500000001
  }
 ]
}"""


@pytest.fixture
def story(world):
    """A pull request with one dispatch under way, one instance without a workflow, one lock of each kind."""
    pull = world.open_pull_request()
    token = world.session(world.run_of("pull_request").run_id)
    bare = {**item("bare"), "settings": None}
    assert world.upload(pull.head_sha, [item("network"), bare], token).status == 200
    world.settle()
    report = {"command": "plan", "exit_code": 2, "last_run": "2026-11-23T10:00:00Z"}
    path = "/api/v1/repos/acme/infra/instances?stack=dev&component=network"
    assert world.server.request("PATCH", path, body=report, token=token).status == 200
    lock = {"key": "acme/infra/dev/other", "ttl": 60, "lockMessage": "mine"}
    drifting = {"pro": {"enabled": True, "drift_detection": {"enabled": True}}}
    listed = [{"component": "vpc", "stack": "prod", "component_type": "terraform", "settings": drifting}]
    inventory = {"repo_owner": "acme", "repo_name": "infra", "instances": listed}
    assert world.server.request("POST", "/api/v1/instances", body=inventory, token=world.static_token()).status == 200
    world.settle()
    assert world.server.request("POST", "/api/v1/locks", body=lock, token=world.static_token()).status == 200
    return world, token, pull


def read(story, path):
    world, token, _ = story
    answer = world.server.request("GET", f"/api/v1/repos/acme/infra/{path}", token=token)
    assert answer.status == 200, answer.body
    return answer.data


@pytest.mark.parametrize(
    ("path", "cls", "golden"),
    [("locks", LocksSeen, LOCKS), ("instances", InstancesSeen, INSTANCES), ("pulls/1", PullSeen, PULL)],
)
def test_a_read_answers_every_name_in_its_order_and_our_client_understands_it(story, path, cls, golden):
    data = read(story, path)
    assert scrubbed(data) == golden
    assert scrubbed(to_json(from_json(cls, data))) == golden


def test_a_refused_lock_says_who_has_it_and_where_one_stands(story):
    world, token, _ = story
    key = {"key": "acme/infra/dev/other"}
    held = world.server.request("POST", "/api/v1/locks", body=key, token=token).body
    assert list(held["context"]) == ["holder", "expiresAt", "fence"]
    waits = world.server.request("POST", "/api/v1/locks/wait", body=key, token=token).body
    assert list(waits["context"]) == ["position", "waiter", "holder", "expiresAt", "fence"]
    assert (waits["context"]["position"], waits["context"]["holder"], waits["context"]["fence"]) == (1, "test", 1)
