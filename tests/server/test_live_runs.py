"""Tokens of runs that do not live are refused where the operator demands it; and the switch of the shared audience (T3)."""

import base64
import itertools
import json
from datetime import UTC, datetime

import pytest
from world import WORKSPACE, World, item

from sonde.server.auth import run_store
from sonde.server.auth.decide import NEWS_LASTS, liveness
from sonde.server.auth.model import RunSeen
from sonde.server.kernel import points


@pytest.fixture
def demanding(tmp_path, database_url):
    made = World(tmp_path, database_url, oidc_live_runs=True)
    yield made
    made.close()


@pytest.fixture
def asked(tmp_path):
    """How often GitHub was asked about a run."""
    file = tmp_path / "points"
    file.touch()
    points.arm(trace_to=str(file))
    yield lambda: file.read_text().count("github.run.get:before")
    points.arm()


def exchange(world, token):
    return world.server.request("POST", "/api/v1/auth/github-oidc", body={"token": token, "workspaceId": WORKSPACE})


def forged(world, run, **claims):
    """A token of a run's job with other claims, signed by the issuer itself."""
    payload = json.loads(base64.urlsafe_b64decode(world.oidc(run).split(".")[1] + "=="))
    facts = {name: value for name, value in (payload | claims).items() if value is not None and name != "jti"}
    return world.sandbox.issuer.mint(payload["iss"], facts, token_id=f"forged-{claims}", now=datetime.now(UTC))


def refused(answer, *words):
    assert (answer.status, answer.body["errorTag"]) == (401, "Unauthorized")
    for word in (*words, "SONDE_OIDC_LIVE_RUNS"):
        assert word in answer.body["errorMessage"]


def opened(world):
    world.open_pull_request()
    return world.run_of("pull_request").run_id


def test_a_run_that_a_webhook_told_of_is_taken_without_asking_github(demanding, asked):
    run = opened(demanding)
    assert [exchange(demanding, demanding.oidc(run)).status for _ in range(3)] == [200] * 3
    assert asked() == 0


def test_a_run_that_sonde_dispatched_is_taken_without_asking_github(demanding, asked):
    demanding.sandbox.faults.lose_webhooks("workflow_run", times=None)
    demanding.github.commit(demanding.infra, "feature", {"a.txt": "a"}, author="octo-dev")
    pull = demanding.github.open_pull_request(demanding.infra, head="feature", author="octo-dev")
    demanding.settle()
    demanding.upload(pull.head_sha, [item("vpc")], demanding.static_token())
    demanding.settle()
    (run,) = demanding.dispatch_runs().values()
    before = asked()
    assert exchange(demanding, demanding.oidc(run)).status == 200
    assert asked() == before


def test_a_run_that_nobody_told_of_is_asked_for_once(demanding, asked):
    demanding.sandbox.faults.lose_webhooks("workflow_run", times=None)
    run = opened(demanding)
    assert [exchange(demanding, demanding.oidc(run)).status for _ in range(3)] == [200] * 3
    assert asked() == 1


@pytest.mark.parametrize("told", [True, False], ids=["by webhook", "by asking"])
def test_a_run_that_has_finished_is_refused(demanding, asked, told):
    if not told:
        demanding.sandbox.faults.lose_webhooks("workflow_run", times=None)
    run = opened(demanding)
    token = demanding.oidc(run)
    demanding.runs.complete(run)
    demanding.settle()
    refused(exchange(demanding, token), f"run {run}", "it has finished")
    assert asked() == (0 if told else 1)


def test_a_run_that_github_does_not_know_is_refused(demanding, asked):
    run = opened(demanding)
    refused(exchange(demanding, forged(demanding, run, run_id="424242")), "GitHub knows no such attempt")
    refused(exchange(demanding, forged(demanding, run, run_attempt="2")), "GitHub knows no such attempt")
    for wrong in (None, "", "x", "-1", "9" * 30, "²"):
        assert exchange(demanding, forged(demanding, run, run_id=wrong)).status == 401
        assert exchange(demanding, forged(demanding, run, run_attempt=wrong)).status == 401
    assert asked() > 0


def test_an_attempt_that_was_followed_by_another_is_refused(demanding):
    run = opened(demanding)
    first = demanding.oidc(run)
    demanding.runs.complete(run)
    demanding.github.rerun(run, actor="octo-dev")
    demanding.settle()
    assert exchange(demanding, demanding.oidc(run)).status == 200
    refused(exchange(demanding, first), "attempt 2 of it has begun since")


def test_where_github_does_not_answer_nobody_can_tell_and_the_token_is_not_used_up(demanding):
    demanding.sandbox.faults.lose_webhooks("workflow_run", times=None)
    run = opened(demanding)
    token = demanding.oidc(run)
    demanding.sandbox.faults.fail_next("GET", f"/repos/acme/infra/actions/runs/{run}")
    answer = exchange(demanding, token)
    assert (answer.status, answer.body["errorTag"]) == (503, "Unavailable")
    assert exchange(demanding, token).status == 200


def test_a_repository_that_is_not_linked_hears_that_and_nothing_of_runs(demanding):
    run = opened(demanding)
    assert "is not linked" in exchange(demanding, forged(demanding, run, repository_id="9")).body["errorMessage"]


def test_without_the_demand_the_end_of_a_run_changes_nothing(world):
    run = opened(world)
    token = world.oidc(run)
    world.runs.complete(run)
    world.settle()
    assert exchange(world, token).status == 200


def test_the_shared_audience_can_be_switched_off_wherever_it_is_named(tmp_path, database_url):
    world = World(tmp_path, database_url, oidc_legacy_audience=False, oidc_audiences=("atmos-pro.com", "https://mine"))
    try:
        run = opened(world)
        answer = exchange(world, world.oidc(run))
        assert (answer.status, "audience" in answer.body["errorMessage"]) == (401, True)
        for audience in ("https://mine", world.server.site.settings.url):
            assert exchange(world, world.oidc(run, audience=audience)).status == 200
    finally:
        world.close()


NEWS = [(1, False), (1, True), (2, False), (2, True)]


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))), ids=lambda order: "".join(map(str, order)))
def test_news_of_a_run_mean_the_same_in_whatever_order_they_come(twins, order):
    for server in twins.servers.values():
        run = int("1" + "".join(map(str, order)))
        for place in order:
            with server.site.db.write("admin.change") as tx:
                run_store.note(tx, "repo_1", run, NEWS[place][0], completed=NEWS[place][1])
        with server.site.db.read() as tx:
            seen = run_store.get(tx, "repo_1", run)
        assert (seen.attempt, bool(seen.completed)) == (2, True)


def test_old_runs_are_forgotten(twins):
    for server in twins.servers.values():
        db = server.site.db
        for run, completed in ((71, True), (72, False)):
            with db.write("admin.change") as tx:
                run_store.note(tx, "repo_1", run, 1, completed=completed)
        left = {}
        for days in (0, 2, 37):
            db.clock_offset = days * 86_400_000
            with db.write("admin.change") as tx:
                run_store.purge(tx)
                left[days] = [run for run in (71, 72) if run_store.get(tx, "repo_1", run)]
        db.clock_offset = 0
        assert left == {0: [71, 72], 2: [72], 37: []}


@pytest.mark.parametrize(
    ("seen", "attempt", "answer"),
    [
        (None, 1, None),
        (RunSeen(1, False, 0), 1, ""),
        (RunSeen(1, False, -NEWS_LASTS - 1), 1, None),
        (RunSeen(1, True, -NEWS_LASTS - 1), 1, "it has finished"),
        (RunSeen(2, False, 0), 1, "attempt 2 of it has begun since"),
        (RunSeen(1, True, 0), 2, None),
    ],
)
def test_what_is_known_of_a_run_decides(seen, attempt, answer):
    assert liveness(seen, attempt, 0) == answer
