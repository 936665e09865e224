"""What our server sends to GitHub, held against GitHub's published OpenAPI description."""

import json
import re

import pytest
from published import check_exchange
from test_pull_requests import finish, merged_and_dispatched, upload
from world import item


def recorded(world):
    """Every exchange of our server with GitHub's REST API from now on: (method, path, status, path, sent, got, headers)."""
    exchanges = []
    answer = world.sandbox.api.answer

    def recording(request):
        reply = answer(request)
        sent = json.loads(request.body) if request.body else None
        exchanges.append((request.method, request.path, reply.status, request.path, sent, reply.body, request.headers))
        return reply

    object.__setattr__(world.sandbox._web.api, "answer", recording)
    return exchanges


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_every_request_of_the_loop_fits_githubs_description(world):
    exchanges = recorded(world)
    _, _, run_id = merged_and_dispatched(world)
    world.runs.complete(run_id)
    world.settle()
    pull = world.open_pull_request("second")
    world.sandbox.faults.fail_next("POST", "*/dispatches", after_effect=True)
    upload(world, pull, [item("database")])
    world.advance_clock(1)
    world.settle()
    finish(world, "dev/database", "failure")
    distinct = {
        (method, re.sub(r"[0-9a-f]{40}|\d+", "N", path), status): rest for method, path, status, *rest in exchanges
    }
    for (method, _, status), (path, sent, got, headers) in distinct.items():
        if "raw" not in headers["accept"]:  # a raw file is no JSON to describe
            check_exchange(method, path, sent, status, got)
    touched = {(method, path.rsplit("/", 1)[-1]) for method, path, *_ in exchanges}
    assert {("POST", "dispatches"), ("POST", "check-runs"), ("POST", "comments"), ("GET", "runs")} <= touched


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_every_request_says_who_asks_and_which_version_of_the_api(world):
    exchanges = recorded(world)
    world.open_pull_request()
    for *_, headers in exchanges:
        assert headers["user-agent"] == "sonde"
        assert headers["x-github-api-version"] == "2022-11-28"
        assert headers["authorization"]
