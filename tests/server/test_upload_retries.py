"""A client may send an upload again (protocol.md §8): one answer for the retry, and never one too few for the merge."""

from world import item


def test_a_retried_upload_is_the_first_one_again(world):
    pull = world.open_pull_request()
    token = world.session(world.run_of("pull_request").run_id)
    first = world.upload(pull.head_sha, [item("network"), item("database")], token)
    again = world.upload(pull.head_sha, [item("database"), item("network")], token)
    assert again.data["id"] == first.data["id"]
    world.settle()
    assert len(world.dispatched()) == 2


def test_a_static_token_may_upload_the_same_content_for_the_merge_minutes_after_the_opening(world):
    token = world.static_token()
    pull = world.open_pull_request()
    world.upload(pull.head_sha, [item("network")], token)
    world.settle()
    world.runs.complete(world.dispatch_runs()["dev/network"])
    world.settle()
    world.advance_clock(120)
    world.github.merge(pull, sender="octo-dev")
    world.settle()
    assert world.upload(pull.head_sha, [item("network")], token).status == 200
    world.settle()
    assert world.dispatched() == [("network", "dev"), ("network", "dev")]


def test_a_static_token_that_retries_dispatches_nothing_twice(world):
    token = world.static_token()
    pull = world.open_pull_request()
    for _ in range(2):
        world.upload(pull.head_sha, [item("network")], token)
        world.settle()
    assert world.dispatched() == [("network", "dev")]
