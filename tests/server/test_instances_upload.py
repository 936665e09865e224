"""Inventories (product.md §2.4, protocol.md §6.2): what they tell of instances, whole or in parts, in any order."""

import json
import threading
import time

import pytest

from sonde.server.instances import store
from sonde.server.instances.model import Status
from sonde.server.workspaces import store as workspaces

MANY = (10_000, 5)  # instances and parts; the same story was timed with (100_000, 25)
DRIFT = {
    "enabled": True,
    "drift_detection": {
        "enabled": True,
        "detect": {"workflows": {"plan.yaml": {}}},
        "remediate": {"workflows": {"apply.yaml": {}}},
    },
}


def one(component, stack="dev", pro=None, **more):
    settings = {"settings": {"pro": pro, "secret": "hunter2"}} if pro is not None else {}
    return {"component": component, "stack": stack, "component_type": "terraform", **settings, **more}


def body_of(items, **more):
    names = {"repo_owner": "acme", "repo_name": "infra", "repo_host": "github.com", "repo_url": ""}
    return {**names, "instances": items, **more}


def part(items, index, total, batch="b-1"):
    return body_of(items, batch_id=batch, batch_index=index, batch_total=total)


def upload(world, body, token):
    return world.server.request("POST", "/api/v1/instances", body=body, token=token)


def known(world):
    with world.db.read() as tx:
        return {f"{item.stack}/{item.component}": item for item in store.of_repository(tx, world.repository.id)}


@pytest.fixture
def token(world):
    return world.static_token()


def test_an_inventory_tells_what_each_instance_is(world, token):
    answer = upload(world, body_of([one("vpc", pro=DRIFT), one("queue/worker"), one("dns", pro={})]), token)
    assert answer.status == 200
    assert answer.data["misconfigured"] == []
    found = known(world)
    vpc = found["dev/vpc"]
    assert (vpc.component_type, vpc.enabled, vpc.drift_enabled, vpc.misconfigured) == ("terraform", True, True, "")
    assert json.loads(vpc.pro) == DRIFT
    assert (found["dev/queue/worker"].enabled, found["dev/queue/worker"].pro) == (False, "")
    assert (found["dev/dns"].enabled, found["dev/dns"].drift_enabled) == (True, False)
    assert all(item.declared and item.status is Status.UNKNOWN for item in found.values())


def test_other_settings_and_unknown_fields_never_reach_the_database(world, token):
    upload(world, body_of([one("vpc", pro=DRIFT, vars={"password": "hunter2"}, metadata={"x": "hunter2"})]), token)
    assert "hunter2" not in str(known(world))


@pytest.mark.parametrize(
    ("pro", "enabled", "drift", "lacks"),
    [
        ({"enabled": False, "drift_detection": {"enabled": True}}, False, False, ""),
        ({"enabled": "yes"}, True, False, ""),
        ({"drift_detection": {"enabled": True}}, True, True, "detect.workflows and settings.pro.drift_detection.rem"),
        (
            {"drift_detection": {"enabled": True, "detect": {"workflows": {"a": {}}}}},
            True,
            True,
            "add settings.pro.drift_detection.remediate",
        ),
        (
            {"drift_detection": {**DRIFT["drift_detection"], "detect": {"workflows": []}}},
            True,
            True,
            "add settings.pro.drift_detection.detect",
        ),
        ({"drift_detection": {"enabled": "true"}}, True, False, ""),
        ({"drift_detection": "on"}, True, False, ""),
        ("on", False, False, "settings.pro is not a map"),
        (["on"], False, False, "settings.pro is not a map"),
    ],
)
def test_settings_of_any_shape_are_accepted_and_what_they_lack_is_said(world, token, pro, enabled, drift, lacks):
    answer = upload(world, body_of([one("vpc", pro=pro)]), token)
    assert answer.status == 200
    vpc = known(world)["dev/vpc"]
    assert (vpc.enabled, vpc.drift_enabled) == (enabled, drift)
    assert lacks in vpc.misconfigured
    assert vpc.pro == json.dumps(pro, separators=(",", ":"))
    assert bool(lacks) is bool(vpc.misconfigured) is bool(answer.data["misconfigured"])


def test_a_later_inventory_changes_settings_and_neither_status_nor_those_it_does_not_name(world, token):
    upload(world, body_of([one("vpc", pro=DRIFT), one("dns", pro=DRIFT)]), token)
    report = {"command": "apply", "exit_code": 0, "last_run": "2026-11-23T10:00:00Z"}
    world.server.request(
        "PATCH", "/api/v1/repos/acme/infra/instances?stack=dev&component=vpc", body=report, token=token
    )
    upload(world, body_of([one("vpc", pro={"enabled": False})]), token)
    found = known(world)
    assert (found["dev/vpc"].enabled, found["dev/vpc"].status, found["dev/vpc"].exit_code) == (False, "in_sync", 0)
    assert found["dev/dns"].enabled is True


def test_parts_in_any_order_are_seen_all_at_once(world, token):
    for index in (2, 0):
        assert upload(world, part([one(f"c{index}", pro=DRIFT)], index, 3), token).data["id"] is None
        assert known(world) == {}
    assert upload(world, part([one("c1", pro=DRIFT)], 1, 3), token).data["id"].startswith("inv_")
    assert sorted(known(world)) == ["dev/c0", "dev/c1", "dev/c2"]


def test_an_older_inventory_that_is_whole_later_replaces_nothing_of_a_newer_one(world, token):
    old, new = {"enabled": False}, {"enabled": True}
    upload(world, part([one("vpc", pro=old)], 0, 2), token)
    world.advance_clock(1)
    upload(world, body_of([one("vpc", pro=new)]), token)
    assert upload(world, part([one("only-in-the-old", pro=old)], 1, 2), token).status == 200
    found = known(world)
    assert found["dev/vpc"].enabled is True
    assert found["dev/only-in-the-old"].enabled is False


def test_of_one_name_twice_in_an_inventory_the_last_counts(world, token):
    upload(world, body_of([one("vpc", pro=DRIFT), one("vpc", pro={"enabled": False})]), token)
    assert known(world)["dev/vpc"].enabled is False


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (body_of([one("")]), 400, "has no component"),
        (body_of([one("vpc", stack="")]), 400, "has no stack"),
        (body_of([one("x" * 600)]), 400, "longer than 512 bytes"),
        ({**body_of([one("vpc")]), "repo_owner": ""}, 400, "no git remote"),
        ({**body_of([one("vpc")]), "repo_name": "other"}, 403, "not for acme/other"),
    ],
)
def test_an_inventory_that_cannot_be_taken_is_refused_whole_and_in_words(shared_world, body, status, words):
    answer = upload(shared_world, body, shared_world.static_token())
    assert answer.status == status
    assert words in answer.body["errorMessage"]
    assert known(shared_world) == {}


def test_an_inventory_of_a_change_that_is_not_merged_is_refused(world):
    world.open_pull_request()
    answer = upload(world, body_of([one("vpc", pro=DRIFT)]), world.session(world.run_of("pull_request").run_id))
    assert answer.status == 403
    assert "not merged" in answer.body["errorMessage"]
    assert known(world) == {}


def test_a_session_that_sends_its_inventory_again_has_sent_it_once(world):
    world.github.dispatch(world.infra, "plan.yaml", "main", {"component": "a", "stack": "b"}, actor="octo-dev")
    token = world.session(world.run_of("workflow_dispatch").run_id)
    body = body_of([one("vpc", pro=DRIFT)])
    assert upload(world, body, token).data["id"] == upload(world, body, token).data["id"]


def test_ten_thousand_instances_in_parts_stall_nobody(world, token):
    many, parts = MANY
    items = [one(f"layer-{at % 50:02}/component-{at:06}", f"stack-{at // 500:04}", DRIFT) for at in range(many)]
    size = many // parts
    slowest = 0.0
    stalls = Stalls(world.server.url)
    with stalls:
        for index in range(parts):
            started = time.process_time()
            answer = upload(world, part(items[index * size : (index + 1) * size], index, parts), token)
            slowest = max(slowest, time.process_time() - started)
            assert answer.status == 200
    assert answer.data["missing"] == 0
    with world.db.read() as tx:
        assert store.counts(tx)[world.repository.id] == {Status.UNKNOWN: many}
    assert slowest < 30, "the client gives up"
    assert stalls.worst < 1.0


class Stalls:
    """Asks for the health of a server again and again, and keeps the longest answer.

    In seconds of the processor that all of this process has used meanwhile: what others do on the machine counts for nothing.
    """

    def __init__(self, url):
        self.url, self.worst, self._stop = url, 0.0, threading.Event()
        self._thread = threading.Thread(target=self._ask)

    def __enter__(self):
        self._thread.start()

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()

    def _ask(self):
        import urllib.request

        while not self._stop.wait(0.01):
            started = time.process_time()
            with urllib.request.urlopen(self.url + "/healthz") as answer:
                answer.read()
            self.worst = max(self.worst, time.process_time() - started)


LACKING = {"enabled": True, "drift_detection": {"enabled": True, "detect": {"workflows": {"plan.yaml": {}}}}}
SAID = (
    "vpc in dev, where drift detection is enabled and cannot run; "
    "add settings.pro.drift_detection.remediate.workflows, a map of workflow file names"
)


def make_strict(world):
    with world.db.write("admin.change") as tx:
        workspaces.demand_of_workspace(tx, world.repository.workspace_id, strict_drift=True)


def test_a_strict_workspace_refuses_an_inventory_in_which_drift_detection_cannot_run(world, token):
    make_strict(world)
    answer = upload(world, body_of([one("vpc", pro=LACKING), one("dns", pro=DRIFT), one("odd", pro=[])]), token)
    assert (answer.status, answer.body["errorTag"]) == (400, "DriftDetectionValidationError")
    assert answer.body["data"] == {"validationErrors": [SAID]}
    assert answer.body["errorMessage"] == f"Drift detection validation failed: {SAID}"
    assert known(world) == {}


def test_a_strict_workspace_refuses_a_part_with_such_an_instance_and_nothing_of_the_batch_shows(world, token):
    make_strict(world)
    assert upload(world, part([one("dns", pro=DRIFT)], 0, 2), token).status == 200
    assert upload(world, part([one("vpc", pro=LACKING)], 1, 2), token).status == 400
    assert known(world) == {}


def test_a_workspace_that_is_not_strict_marks_such_an_instance(world, token):
    assert upload(world, body_of([one("vpc", pro=LACKING)]), token).status == 200
    assert "cannot run" in known(world)["dev/vpc"].misconfigured
