"""Webhooks over the wire, and the fault buttons of both directions."""

import httpx2
import pytest

from sonde.sandbox.executor import RecordingExecutor
from sonde.sandbox.server import Sandbox

REPO = "/repos/acme/infra"
DISPATCH = f"{REPO}/actions/workflows/plan.yaml/dispatches"


def test_what_happens_arrives_signed_and_in_order(github, sink, pull):
    github.settle()
    assert sink.names() == ["push", "pull_request.opened", "workflow_run.requested"]
    assert {one.status for one in github.world.deliveries()[1:]} == {"OK"}


def test_a_failed_delivery_is_logged_and_not_repeated(github, sink):
    sink.status = 500
    github.world.commit("acme/infra", "feature", {"a": "1"}, author="octo-dev")
    github.settle()
    (delivery,) = github.world.deliveries("push")
    assert (delivery.status, delivery.status_code) == ("Invalid HTTP Response: 500", 500)
    assert sink.names() == ["push"]


def test_an_endpoint_that_is_away_is_logged(github, sink):
    github.world.set_webhook("http://127.0.0.1:1/nobody")
    github.world.commit("acme/infra", "feature", {"a": "1"}, author="octo-dev")
    github.settle()
    (delivery,) = github.world.deliveries("push")
    assert delivery.status.startswith("failed to connect to host")


def test_a_redelivery_has_the_same_guid_and_body(github, sink, client):
    sink.status = 503
    github.world.commit("acme/infra", "feature", {"a": "1"}, author="octo-dev")
    github.settle()
    failed = client.as_app("GET", "/app/hook/deliveries").json()[0]
    assert (failed["status_code"], failed["event"], failed["redelivery"]) == (503, "push", False)
    sink.status = 202
    assert client.as_app("POST", f"/app/hook/deliveries/{failed['id']}/attempts").status_code == 202
    github.settle()
    first, second = sink.arrived
    assert first == second
    newest, oldest = client.as_app("GET", "/app/hook/deliveries").json()[:2]
    assert (newest["guid"], newest["redelivery"], newest["status"]) == (oldest["guid"], True, "OK")
    assert newest["id"] > oldest["id"]
    details = client.as_app("GET", f"/app/hook/deliveries/{newest['id']}").json()
    assert details["request"]["headers"]["X-GitHub-Delivery"] == newest["guid"]


def test_deliveries_are_paged_by_a_cursor(github, sink, client):
    for number in range(5):
        github.world.commit("acme/infra", "feature", {"a": str(number)}, author="octo-dev")
    github.settle()
    seen, path, params = [], "/app/hook/deliveries", {"per_page": "2"}
    while True:
        answer = client.as_app("GET", path, params=params)
        seen += [row["id"] for row in answer.json()]
        if "next" not in answer.links:
            break
        params = dict(httpx2.URL(answer.links["next"]["url"]).params)
    assert seen == [one.id for one in reversed(github.world.deliveries())]


# --- buttons: webhooks


def test_a_duplicate_arrives_twice_with_one_guid(github, sink):
    github.faults.duplicate_webhooks("push")
    github.world.commit("acme/infra", "feature", {"a": "1"}, author="octo-dev")
    github.world.commit("acme/infra", "feature", {"a": "2"}, author="octo-dev")
    github.settle()
    guids = [guid for guid, _, _ in sink.arrived]
    assert len(guids) == 3
    assert guids[0] == guids[1] != guids[2]


def test_a_lost_webhook_can_be_redelivered(github, sink):
    github.faults.lose_webhooks("pull_request.opened")
    github.world.commit("acme/infra", "feature", {"a": "1"}, author="octo-dev")
    github.world.open_pull_request("acme/infra", head="feature", author="octo-dev")
    github.settle()
    assert "pull_request.opened" not in sink.names()
    (lost,) = github.world.deliveries("pull_request", "opened")
    assert lost.status_code == 502
    github.world.redeliver(lost.guid)
    github.settle()
    assert sink.names()[-1] == "pull_request.opened"


def test_held_webhooks_arrive_in_the_order_of_their_release(github, sink):
    github.faults.hold_webhooks()
    for number in range(3):
        github.world.commit("acme/infra", "feature", {"a": str(number)}, author="octo-dev")
    github.settle()
    assert sink.arrived == []
    assert len(github.courier.held) == 3
    github.courier.release(order=lambda held: [held[1], held[2], held[0]])
    github.settle()
    held = [one.guid for one in github.world.deliveries("push")]
    assert [guid for guid, _, _ in sink.arrived] == [held[1], held[2], held[0]]


def test_reordered_webhooks_arrive_last_first(github, sink):
    github.faults.reorder_webhooks(2)
    for number in range(3):
        github.world.commit("acme/infra", "feature", {"a": str(number)}, author="octo-dev")
    github.settle()
    first, second, third = (one.guid for one in github.world.deliveries("push"))
    assert [guid for guid, _, _ in sink.arrived] == [second, first, third]


# --- buttons: API


@pytest.mark.parametrize(("after_effect", "runs"), [(False, 0), (True, 1)])
def test_a_failed_request_took_effect_only_if_so_wished(github, client, after_effect, runs):
    github.faults.fail_next("POST", "*/dispatches", status=502, after_effect=after_effect)
    assert client.dispatch(component="vpc").status_code == 502
    assert len(github.executor.requests) == runs
    assert client.dispatch(component="vpc").status_code == 200


@pytest.mark.parametrize(("after_effect", "runs"), [(False, 0), (True, 1)])
def test_a_dropped_request_gets_no_answer_at_all(github, client, after_effect, runs):
    github.faults.drop_next("POST", "*/dispatches", after_effect=after_effect)
    client.installation_token()
    with pytest.raises(httpx2.RemoteProtocolError):
        client.dispatch(component="vpc")
    assert len(github.executor.requests) == runs


def test_a_secondary_limit_names_its_wait(github, client):
    github.faults.limit_next("POST", "*/check-runs", retry_after=42, times=2)
    for _ in range(2):
        refused = client.post(f"{REPO}/check-runs", {"name": "Sonde", "head_sha": "0" * 40})
        assert (refused.status_code, refused.headers["retry-after"]) == (403, "42")
        assert "secondary rate limit" in refused.json()["message"]
    assert client.post(f"{REPO}/check-runs", {"name": "Sonde", "head_sha": "0" * 40}).status_code == 422


def test_a_button_can_be_taken_back(github, client):
    github.faults.fail_next("*", "*", times=100)
    github.faults.clear()
    assert client.get(REPO).status_code == 200


def test_stopping_keeps_what_was_not_delivered(folder):
    with Sandbox.start(folder, executor=RecordingExecutor()) as github:
        github.world.set_webhook("http://127.0.0.1:1/nobody")
        github.faults.hold_webhooks()
        github.world.commit("acme/infra", "feature", {"a": "1"}, author="octo-dev")
    with Sandbox.start(folder, executor=RecordingExecutor()) as again:
        assert [one.status for one in again.world.deliveries("push")] == ["pending"]
        again.stop()  # twice is once
