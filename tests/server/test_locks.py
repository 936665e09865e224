"""Promises of stack locks, over HTTP on both databases (reliability.md §4)."""

import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from sonde.server.locks import service
from sonde.server.workspaces import store as workspaces

KEY = "acme/infra/prod/us-east-1/vpc"


def lock(world, token, key=KEY, ttl=30, **more):
    return world.server.request("POST", "/api/v1/locks", body={"key": key, "ttl": ttl, **more}, token=token)


def unlock(world, token, key=KEY):
    return world.server.request("DELETE", "/api/v1/locks", body={"key": key}, token=token)


def job(world):
    """A session of a job of a run of its own."""
    pull = world.open_pull_request(f"branch-{len(world.runs.requests)}")
    del pull
    return world.session(world.run_of("pull_request").run_id)


def test_a_lock_answers_with_the_key_whole_seconds_and_a_fence(world):
    answer = lock(world, world.static_token(), lockMessage="deploying")
    assert answer.status == 200
    assert answer.data["key"] == KEY
    assert answer.data["lockMessage"] == "deploying"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", answer.data["expiresAt"])
    assert answer.headers["x-lock-fence"] == "1"


def test_a_held_lock_is_refused_with_holder_message_and_expiry(world):
    first = world.static_token()
    until = lock(world, first, lockMessage="deploying").data["expiresAt"]
    answer = lock(world, world.static_token())
    assert (answer.status, answer.body["success"], answer.body["errorTag"]) == (409, False, "LockConflict")
    for said in (KEY, "test", until, "deploying"):
        assert said in answer.body["errorMessage"]


def test_the_very_same_job_renews_and_keeps_fence_and_id(world):
    token = job(world)
    first = lock(world, token)
    world.advance_clock(10)
    again = lock(world, token)
    assert again.status == 200
    assert (again.data["id"], again.data["fence"]) == (first.data["id"], first.data["fence"])
    assert again.data["expiresAt"] > first.data["expiresAt"]


def test_a_static_token_is_not_reentrant_since_many_jobs_share_it(world):
    token = world.static_token()
    assert lock(world, token).status == 200
    assert lock(world, token).status == 409


def test_an_expired_lock_is_free_and_the_fence_rises(world):
    token = world.static_token()
    lock(world, token, ttl=5)
    world.advance_clock(6)
    answer = lock(world, world.static_token())
    assert (answer.status, answer.data["fence"]) == (200, 2)


def test_an_unlocked_key_can_be_locked_and_the_fence_still_rises(world):
    token = world.static_token()
    lock(world, token)
    assert unlock(world, token).status == 200
    assert lock(world, token).data["fence"] == 2


def test_a_repeated_unlock_by_the_releaser_is_success_for_a_minute(world):
    token = world.static_token()
    lock(world, token)
    assert [unlock(world, token).status, unlock(world, token).status] == [200, 200]
    world.advance_clock(61)
    answer = unlock(world, token)
    assert (answer.status, answer.body["errorMessage"]) == (404, "Lock not found or already expired")


def test_another_session_of_the_repository_may_force_an_unlock(world):
    lock(world, world.static_token(), ttl=600)
    assert unlock(world, world.static_token()).status == 200


def test_a_job_that_woke_up_after_expiry_cannot_release_its_successors_lock(world):
    sleeper = job(world)
    lock(world, sleeper, ttl=5)
    world.advance_clock(6)
    assert lock(world, world.static_token(), ttl=600).status == 200
    answer = unlock(world, sleeper)
    assert answer.status == 409
    assert "has ended" in answer.body["errorMessage"]


@pytest.mark.parametrize(
    "key", ["other/infra/dev/vpc", "acme/other/dev/vpc", "//dev/vpc", "acme/infra", "acme/infra/", "acme", ""]
)
def test_a_key_outside_the_credentials_repository_is_refused(world, key):
    assert lock(world, world.static_token(), key=key).status in (400, 403)


@pytest.mark.parametrize("ttl", [0, -1, 86_401, 1_800_000, 2**40])
def test_a_ttl_out_of_range_says_that_it_is_in_seconds(world, ttl):
    answer = lock(world, world.static_token(), ttl=ttl)
    assert answer.status == 400
    assert "seconds" in answer.body["errorMessage"]


def test_the_case_of_owner_and_name_does_not_make_another_lock(world):
    assert lock(world, world.static_token()).status == 200
    assert lock(world, world.static_token(), key=KEY.replace("acme/infra", "Acme/Infra")).status == 409


def test_of_many_who_ask_at_once_one_wins(world):
    tokens = [world.static_token() for _ in range(12)]
    with ThreadPoolExecutor(12) as pool:
        statuses = list(pool.map(lambda token: lock(world, token).status, tokens))
    assert sorted(statuses) == [200] + [409] * 11


def test_a_static_token_does_not_take_over_the_lock_of_a_dispatch_whose_run_is_not_known_yet(world):
    with world.db.write("lock.acquire") as tx:
        service.acquire_for_dispatch(
            tx, world.repository, stack="prod/us-east-1", component="vpc", dispatch_id="d1", message=""
        )
    assert lock(world, world.static_token()).status == 409


def test_who_missed_the_answer_of_a_forced_release_may_repeat_it_and_the_former_holder_hears_that_it_is_gone(world):
    holder, other = world.static_token(), world.static_token()
    lock(world, holder, ttl=600)
    assert [unlock(world, other).status, unlock(world, other).status] == [200, 200]
    assert unlock(world, holder).status == 404


def test_a_repository_may_make_every_lock_live_longer_than_its_job_asked_for(world):
    with world.db.write("admin.change") as tx:
        workspaces.demand(tx, world.repository.id, min_lock_ttl=1800)
    assert lock(world, world.static_token(), ttl=30).status == 200
    world.advance_clock(1799)
    assert lock(world, world.static_token()).status == 409
    world.advance_clock(2)
    assert lock(world, world.static_token(), ttl=3600).status == 200
    world.advance_clock(1801)
    assert lock(world, world.static_token()).status == 409


def lock_all(world, token, *instances, ttl=600):
    body = {"keys": [f"acme/infra/{instance}" for instance in instances], "ttl": ttl}
    return world.server.request("POST", "/api/v1/locks/all", body=body, token=token)


def test_several_locks_are_granted_together_in_the_order_of_their_keys(world):
    answer = lock_all(world, world.static_token(), "prod/vpc", "dev/vpc")
    assert answer.status == 200
    assert [(one["key"], one["fence"]) for one in answer.data["locks"]] == [
        ("acme/infra/dev/vpc", 1),
        ("acme/infra/prod/vpc", 1),
    ]


def test_where_one_of_several_is_held_none_is_granted(world):
    lock(world, world.static_token(), key="acme/infra/prod/vpc", ttl=600)
    answer = lock_all(world, world.static_token(), "dev/vpc", "prod/vpc")
    assert (answer.status, answer.body["errorTag"]) == (409, "LockConflict")
    assert "acme/infra/prod/vpc is locked by test" in answer.body["errorMessage"]
    assert lock(world, world.static_token(), key="acme/infra/dev/vpc").data["fence"] == 1


@pytest.mark.parametrize("many", [0, 101])
def test_no_keys_and_too_many_are_refused_with_the_limit(world, many):
    answer = lock_all(world, world.static_token(), *(f"dev/c{number}" for number in range(many)))
    assert answer.status == 400
    assert "1 to 100" in answer.body["errorMessage"]


def test_what_a_holder_wrote_does_not_steer_the_terminal_of_who_is_refused(world):
    written = "back\nat three\x1b[31m\u202e\x85"
    assert lock(world, world.static_token(), lockMessage=written).data["lockMessage"] == written
    refused = lock(world, world.static_token())
    assert refused.status == 409
    assert refused.body["errorMessage"].isprintable()
    assert "back at three [31m" in refused.body["errorMessage"]


@pytest.mark.parametrize("control", ["\n", "\x1b", "\x7f", "\x85", "\x9f"])
def test_a_key_with_a_control_character_is_refused(world, control):
    answer = lock(world, world.static_token(), key=f"{KEY}{control}")
    assert (answer.status, "control" in answer.body["errorMessage"]) == (400, True)
