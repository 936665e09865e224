"""What goes wrong between us and GitHub: lost answers, rate limits, lost and repeated webhooks (reliability.md §3)."""

from test_pull_requests import finish, upload
from world import item


def test_a_dispatch_whose_answer_was_lost_is_found_by_its_run_and_never_sent_twice(world):
    pull = world.open_pull_request()
    world.sandbox.faults.fail_next("POST", "*/dispatches", after_effect=True)
    upload(world, pull, [item("network")])
    world.advance_clock(1)
    world.settle()
    assert world.dispatched() == [("network", "dev")]
    finish(world, "dev/network")
    assert world.check(pull.head_sha).conclusion == "success"


def test_a_dispatch_whose_answer_was_lost_before_it_took_effect_fails_and_is_not_sent_again(world):
    pull = world.open_pull_request()
    world.sandbox.faults.fail_next("POST", "*/dispatches", after_effect=False)
    upload(world, pull, [item("network")])
    for _ in range(5):
        world.advance_clock(200)
        world.settle()
    assert world.dispatched() == []
    assert "no run appeared in 15 minutes" in world.check(pull.head_sha).output["title"]


def test_a_comment_and_a_check_whose_answers_were_lost_are_found_again(world):
    world.sandbox.faults.drop_next("POST", "*/check-runs")
    world.sandbox.faults.drop_next("POST", "*/comments")
    pull = world.open_pull_request()
    world.advance_clock(1)
    world.settle()
    assert world.check(pull.head_sha).status == "in_progress"
    assert "opened" in world.comment(pull.number)


def test_a_rate_limit_is_waited_out(world):
    pull = world.open_pull_request()
    world.sandbox.faults.limit_next("POST", "*/dispatches")
    upload(world, pull, [item("network")])
    assert world.dispatched() == []
    world.advance_clock(3700)
    world.settle()
    assert world.dispatched() == [("network", "dev")]


def test_duplicated_webhooks_have_one_effect(world):
    world.sandbox.faults.duplicate_webhooks(times=50)
    pull = world.open_pull_request()
    upload(world, pull, [item("network")])
    finish(world, "dev/network")
    assert world.dispatched() == [("network", "dev")]
    assert world.check(pull.head_sha).conclusion == "success"
    assert world.comment(pull.number)


def test_a_late_push_event_of_an_older_commit_dispatches_nothing(world):
    world.sandbox.faults.hold_webhooks("pull_request")
    pull = world.open_pull_request()
    first = pull.head_sha
    world.github.commit(world.infra, "feature", {"again.txt": "more"}, author="octo-dev")
    world.sandbox.faults.stop_holding()
    world.sandbox.courier.release(lambda held: list(reversed(held)))
    world.settle()
    upload(world, pull, [item("network")])
    assert world.github.check_runs(world.infra, first, name="Atmos Pro") == []
    assert world.dispatched() == [("network", "dev")]


def test_a_run_whose_webhooks_are_lost_is_asked_after_two_minutes(world):
    pull = world.open_pull_request()
    upload(world, pull, [item("network")])
    world.sandbox.faults.lose_webhooks("workflow_run", times=None)
    finish(world, "dev/network")
    assert world.check(pull.head_sha).status == "in_progress"
    world.advance_clock(121)
    world.settle()
    assert world.check(pull.head_sha).conclusion == "success"


def test_the_same_upload_twice_plans_once(world):
    pull = world.open_pull_request()
    upload(world, pull, [item("network"), item("database")])
    upload(world, pull, [item("database"), item("network")])
    assert sorted(world.dispatched()) == [("database", "dev"), ("network", "dev")]


def test_a_partial_upload_adds_to_what_was_planned(world):
    pull = world.open_pull_request()
    upload(world, pull, [item("network")])
    upload(world, pull, [item("network"), item("database")])
    assert sorted(world.dispatched()) == [("database", "dev"), ("network", "dev")]
