"""Secondary rate limits: counted always, refused if enforced, and who does not wait is found out."""

import pytest

from sonde.sandbox.api.call import Request
from sonde.sandbox.api.limits import LIMITS, Limits

COMMENT = Request("POST", "/repos/acme/infra/issues/1/comments", {}, {})
DISPATCH = Request("POST", "/repos/acme/infra/actions/workflows/plan.yaml/dispatches", {}, {})
READ = Request("GET", "/repos/acme/infra", {}, {})


@pytest.fixture
def limits():
    limits = Limits()
    limits.enforce = True
    return limits


@pytest.mark.parametrize(
    ("request_", "fits", "limit", "wait"),
    [
        (READ, 900, "points per minute", 60),
        (DISPATCH, 180, "points per minute", 60),
        (COMMENT, 80, "content per minute", 60),
    ],
)
def test_a_burst_is_refused_beyond_its_limit(limits, request_, fits, limit, wait):
    assert [limits.wait("1", request_, 0.0) for _ in range(fits)] == [None] * fits
    assert limits.wait("1", request_, 0.0) == wait
    assert limits.exceeded == [f"1 POST {request_.path}: {limit}".replace("POST", request_.method)]
    assert limits.wait("2", request_, 0.0) is None


def test_the_hour_is_a_limit_of_its_own(limits):
    answers = [limits.wait("1", COMMENT, minute * 60.0) for minute in range(10) for _ in range(50)]
    assert answers == [None] * 500
    assert limits.wait("1", COMMENT, 600.0) == 3000


def test_a_window_slides(limits):
    for second in range(80):
        limits.wait("1", COMMENT, second * 0.5)
    assert limits.wait("1", COMMENT, 40.0) == 20
    assert limits.wait("1", COMMENT, 60.0) is None
    assert limits.violations == []


def test_a_client_that_does_not_wait_is_found_out(limits):
    for _ in range(81):
        limits.wait("1", COMMENT, 0.0)
    limits.wait("1", READ, 59.0)
    limits.wait("1", READ, 60.0)
    assert limits.violations == ["1 GET /repos/acme/infra: asked to wait 1 s more"]


def test_without_enforcement_a_burst_is_only_counted():
    limits = Limits()
    assert [limits.wait("1", COMMENT, 0.0) for _ in range(100)] == [None] * 100
    assert len(limits.exceeded) == 20
    assert {limit.name for limit in LIMITS} >= {"content per minute"}


def test_a_refusal_over_http_names_its_wait_and_starts_nothing(github, client, clock):
    github.api.limits.enforce = True
    installation = str(github.world.installation("acme").id)
    for _ in range(179):
        github.api.limits.wait(installation, DISPATCH, clock().timestamp())
    assert client.dispatch(component="vpc").status_code == 200
    refused = client.dispatch(component="vpc")
    assert (refused.status_code, refused.headers["retry-after"]) == (403, "60")
    assert "secondary rate limit" in refused.json()["message"]
    assert len(github.executor.requests) == 1
    assert github.api.limits.violations == []


def test_a_fault_button_makes_a_client_wait_too(github, client, clock):
    github.faults.limit_next("GET", "/repos/acme/infra", retry_after=60)
    client.get("/repos/acme/infra")
    clock.advance(seconds=59)
    client.get("/repos/acme/infra")
    clock.advance(seconds=1)
    client.get("/repos/acme/infra")
    assert len(github.api.limits.violations) == 1
