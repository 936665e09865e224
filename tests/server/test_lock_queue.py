"""Promises of the queue of a key, of taking several keys at once, and of ending a lock by hand."""

from dataclasses import replace

import pytest
from test_lock_model import Asker, actor, asked, given_back, prepare
from test_locks import KEY, lock, unlock

from sonde.server.kernel.db import Database
from sonde.server.kernel.http import RefusedError
from sonde.server.locks import ending, service, store
from sonde.server.locks.model import Held
from sonde.server.workspaces import store as workspaces
from sonde.server.workspaces.model import Repository


def wait(world, token, waiter="", ttl=30):
    body = {"key": KEY, "ttl": ttl, "waiter": waiter}
    return world.server.request("POST", "/api/v1/locks/wait", body=body, token=token)


def place(answer):
    assert (answer.status, answer.body["errorTag"]) == (409, "LockConflict")
    return answer.body["context"]["position"], answer.body["context"]["waiter"]


def test_a_free_key_needs_no_waiting(world):
    answer = wait(world, world.static_token())
    assert (answer.status, answer.data["fence"], answer.headers["x-lock-fence"]) == (200, 1, "1")


def test_who_came_first_gets_the_key_first_and_everybody_hears_his_position(world):
    holder, first, second = (world.static_token() for _ in range(3))
    lock(world, holder, ttl=600)
    (one, early), (two, late) = place(wait(world, first)), place(wait(world, second))
    assert (one, two) == (1, 2)
    unlock(world, holder)
    assert place(wait(world, second, late)) == (2, late)
    assert wait(world, first, early).status == 200
    unlock(world, first)
    assert wait(world, second, late).status == 200


def test_jobs_that_share_a_token_wait_one_by_one(world):
    token = world.static_token()
    lock(world, token, ttl=600)
    places = [place(wait(world, token)) for _ in range(3)]
    assert [position for position, _ in places] == [1, 2, 3]
    assert place(wait(world, token, places[1][1])) == places[1]


def test_who_does_not_ask_again_has_left_the_queue(world):
    holder, first, second = (world.static_token() for _ in range(3))
    lock(world, holder, ttl=600)
    (_, early), (_, late) = place(wait(world, first)), place(wait(world, second))
    world.advance_clock(20)
    assert place(wait(world, second, late)) == (2, late)
    world.advance_clock(11)
    assert place(wait(world, second, late)) == (1, late)
    assert place(wait(world, first, early))[0] == 2


def leave(world, token, waiter):
    body = {"key": KEY, "waiter": waiter}
    return world.server.request("DELETE", "/api/v1/locks/wait", body=body, token=token)


def test_who_leaves_the_queue_lets_the_next_one_move_up_and_may_say_so_twice(world):
    holder, first, second = (world.static_token() for _ in range(3))
    lock(world, holder, ttl=600)
    (_, early), (_, late) = place(wait(world, first)), place(wait(world, second))
    assert [leave(world, first, early).status, leave(world, first, early).status] == [200, 200]
    assert place(wait(world, second, late)) == (1, late)


def test_nobody_leaves_for_somebody_else(world):
    holder, first, second = (world.static_token() for _ in range(3))
    lock(world, holder, ttl=600)
    _, early = place(wait(world, first))
    assert leave(world, second, early).status == 200
    assert place(wait(world, first, early)) == (1, early)


def test_nobody_waits_in_another_ones_place(world):
    holder, first, second = (world.static_token() for _ in range(3))
    lock(world, holder, ttl=600)
    _, early = place(wait(world, first))
    position, given = place(wait(world, second, early))
    assert (position, given != early) == (2, True)


def test_an_unmodified_client_is_not_refused_a_free_key(world):
    holder, first = world.static_token(), world.static_token()
    lock(world, holder, ttl=600)
    place(wait(world, first))
    unlock(world, holder)
    assert lock(world, world.static_token()).status == 200


@pytest.fixture
def db(database_url):
    made = Database(database_url)
    prepare(made)
    yield made
    made.close()


A, B = Asker("job:a", run=1), Asker("job:b", run=2)
KEYS = ["acme/infra/dev/b", "acme/infra/dev/a", "acme/infra/dev/c"]


def test_several_keys_are_taken_all_or_none(db):
    with db.write("lock.acquire") as tx:
        asked(tx, B, "dev/c", 60)
        refused = service.acquire_all(tx, actor(A), KEYS, 60, "")
        assert isinstance(refused, Held)
        assert refused.lock.instance == "dev/c"
        assert [lock.instance for lock in store.all_live(tx)] == ["dev/c"]
        given_back(tx, B, "dev/c")
        granted = service.acquire_all(tx, actor(A), KEYS, 60, "")
        assert [one.lock.instance for one in granted] == ["dev/a", "dev/b", "dev/c"]


def test_a_key_of_another_repository_takes_none_of_the_others(db):
    with db.write("lock.acquire") as tx:
        with pytest.raises(RefusedError):
            service.acquire_all(tx, actor(A), [*KEYS, "acme/other/dev/a"], 60, "")
        assert store.all_live(tx) == []


def test_keys_of_two_repositories_are_refused_also_where_they_name_the_same_instance(db):
    with db.write("lock.acquire") as tx:
        workspaces.put_repository(tx, Repository("repo_2", "ws_test", 3, 2, "acme", "other", None))
        whole = replace(actor(A), repository=None)  # a token of the whole workspace
        with pytest.raises(RefusedError, match="more than one repository"):
            service.acquire_all(tx, whole, ["acme/infra/dev/a", "acme/other/dev/a"], 60, "")
        assert store.all_live(tx) == []


def test_an_administrator_ends_a_lock_and_the_history_says_why(db):
    with db.write("admin.change") as tx:
        asked(tx, A, "dev/a", 60)
        ended = ending.release_by_admin(tx, actor(A).repository, "dev/a", "its runner was lost")
        assert ended.holder.id == "job:a"
        events = {event.kind: event.because for event in store.history_of(tx, ended.repository_id, "dev/a", 9)}
        assert events == {"granted": "", "admin": "its runner was lost"}
        assert ending.release_by_admin(tx, actor(A).repository, "dev/a", "again") is None
        assert given_back(tx, A, "dev/a") == ("absent",)
