"""Uploads in parts (protocol.md §6.4, reliability.md F24): nothing acts on a part, the whole counts once, in any order."""

import json
from dataclasses import replace
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from world import WORKSPACE, item

from sonde.server.chunks import service as chunks
from sonde.server.chunks.model import Kind, Part
from sonde.server.kernel.db import Database
from sonde.server.kernel.http import RefusedError
from sonde.server.workspaces import store as workspaces
from sonde.server.workspaces.model import Repository, Workspace

HOUR = 3600


def part_of(world, pull, items, index, total, batch="batch-1", **more):
    body = {
        "head_sha": pull.head_sha,
        "base_sha": "b" * 40,
        "repo_owner": "acme",
        "repo_name": "infra",
        "stacks": items,
        "batch_id": batch,
        "batch_index": index,
        "batch_total": total,
    }
    return {**body, **more}


def post(world, body, token):
    return world.server.request("POST", "/api/v1/affected-stacks", body=body, token=token)


@pytest.fixture
def pull(world):
    return world.open_pull_request()


@pytest.fixture
def token(world, pull):
    return world.session(world.run_of("pull_request").run_id)


@pytest.fixture(scope="module")
def shared_pull(shared_world):
    return shared_world.open_pull_request()


@pytest.fixture(scope="module")
def shared_token(shared_world, shared_pull):
    return shared_world.session(shared_world.run_of("pull_request").run_id)


def test_the_last_part_lets_the_whole_upload_act_and_no_part_before_it_does(world, pull, token):
    parts = [part_of(world, pull, [item(name)], at, 3) for at, name in enumerate(("network", "database", "cache"))]
    for at in (2, 0):
        answer = post(world, parts[at], token)
        assert (answer.status, answer.data["id"]) == (200, None)
        world.settle()
        assert world.dispatched() == []
    assert post(world, parts[1], token).data["id"].startswith("upl_")
    world.settle()
    assert sorted(world.dispatched()) == [("cache", "dev"), ("database", "dev"), ("network", "dev")]


def test_dependents_in_another_part_are_dispatched_once_and_in_order(world, pull, token):
    nested = item("database", included_in_dependents=True)
    post(world, part_of(world, pull, [item("network", dependents=[item("database")])], 0, 2), token)
    post(world, part_of(world, pull, [nested], 1, 2), token)
    world.settle()
    assert world.dispatched() == [("network", "dev")]


def test_a_whole_upload_in_parts_has_the_content_of_the_same_upload_in_one(world, pull, token):
    one = world.upload(pull.head_sha, [item("network"), item("database")], token)
    post(world, part_of(world, pull, [item("database")], 0, 2), token)
    again = post(world, part_of(world, pull, [item("network")], 1, 2), token)
    assert again.data["id"] == one.data["id"]


def test_a_part_that_comes_again_after_the_whole_is_acknowledged_with_the_same_upload(world, pull, token):
    parts = [part_of(world, pull, [item("network")], 0, 2), part_of(world, pull, [item("cache")], 1, 2)]
    made = [post(world, part, token) for part in parts][-1].data["id"]
    late = post(world, parts[0], token)
    assert (late.status, late.data) == (200, {"id": made, "missing": 0})
    world.settle()
    assert len(world.dispatched()) == 2


@pytest.mark.parametrize(
    ("change", "status", "words"),
    [
        ({"stacks": []}, 409, "came before with other bytes"),
        ({"batch_index": 1, "batch_total": 4}, 409, "began with batch_total 3, and this part says 4"),
        ({"batch_index": 1, "head_sha": "c" * 40}, 409, "and this part is of cccc"),
        ({"batch_index": 1, "base_sha": "d" * 40}, 409, "against dddd"),
        ({"batch_index": 3}, 400, "must be between 0 and 2"),
        ({"batch_index": -1}, 400, "must be between 0 and 2"),
        ({"batch_total": 0}, 400, "batch_total is 0"),
        ({"batch_total": 10**9}, 400, "must be between 1 and 10000"),
        ({"batch_index": None}, 400, "all three"),
        ({"batch_id": None}, 400, "all three"),
        ({"batch_id": "x" * 201}, 400, "longer than 200"),
    ],
)
def test_a_part_that_cannot_belong_to_its_batch_is_refused_in_words(
    shared_world, shared_pull, shared_token, change, status, words
):
    first = part_of(shared_world, shared_pull, [item("network")], 0, 3, batch=f"batch of {words} {change!s:.99}")
    assert post(shared_world, first, shared_token).status == 200
    answer = post(shared_world, {**first, **change}, shared_token)
    assert answer.status == status
    assert words in answer.body["errorMessage"]
    shared_world.settle()
    assert shared_world.dispatched() == []


def test_two_batches_of_one_commit_do_not_mix(world, pull, token):
    for at, name in ((0, "network"), (1, "database")):
        for batch in ("one", "two"):
            post(world, part_of(world, pull, [item(f"{name}-{batch}")], at, 2, batch), token)
            world.settle()
    assert sorted(name for name, _ in world.dispatched()) == [
        "database-one",
        "database-two",
        "network-one",
        "network-two",
    ]


def test_another_run_adds_nothing_to_a_batch(world, pull, token):
    post(world, part_of(world, pull, [item("network")], 0, 2), token)
    stranger = world.static_token()
    answer = post(world, part_of(world, pull, [item("evil")], 1, 2), stranger)
    assert answer.status == 409
    assert "belongs to another run" in answer.body["errorMessage"]


def test_a_session_that_was_renewed_on_the_way_goes_on_with_its_batch(world, pull, token):
    post(world, part_of(world, pull, [item("network")], 0, 2), token)
    renewed = world.session(world.run_of("pull_request").run_id)
    assert post(world, part_of(world, pull, [item("cache")], 1, 2), renewed).data["id"]


def test_a_batch_whose_rest_never_comes_is_forgotten_after_an_hour(world, pull, token):
    post(world, part_of(world, pull, [item("network")], 0, 2), token)
    world.advance_clock(HOUR - 60)
    world.settle()
    assert rows(world) == (1, 1)
    world.advance_clock(120)
    world.settle()
    assert rows(world) == (0, 0)
    fresh = world.static_token()
    assert post(world, part_of(world, pull, [item("cache")], 1, 2), fresh).data == {"id": None, "missing": 1}


def rows(world):
    from sqlalchemy import func, select

    from sonde.server.chunks.store import batch_parts, batches

    with world.db.read() as tx:
        return tuple(tx.one(select(func.count()).select_from(table))[0] for table in (batches, batch_parts))


# --- the model: a batch is a map of index to bytes -------------------------------------------------------------------

steps = some.lists(
    some.tuples(
        some.sampled_from("ab"), some.integers(0, 3), some.sampled_from([b"x", b"y"]), some.sampled_from([4, 3])
    ),
    max_size=24,
)
fresh = count()


@pytest.fixture
def db(database_url):
    made = Database(database_url)
    with made.write("admin.change") as tx:
        workspaces.put_workspace(tx, Workspace(WORKSPACE, "test"))
        workspaces.put_repository(tx, Repository("repo_1", WORKSPACE, 1, 1, "acme", "infra", None))
    yield made
    made.close()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=steps)
def test_any_order_of_parts_repeats_and_strangers_makes_each_whole_upload_once_and_exactly(db, steps):
    number = next(fresh)
    model: dict[str, dict[int, bytes]] = {}
    totals: dict[str, int] = {}
    wholes: dict[str, list[bytes]] = {}
    for name, index, body, total in steps:
        if index >= total:
            continue
        batch = f"{number}-{name}"
        made = Part("repo_1", Kind.AFFECTED, batch, index, total, "facts", "author", body.decode(), body)
        expected = "taken"
        if totals.setdefault(batch, total) != total or model.setdefault(batch, {}).get(index, body) != body:
            expected = "refused"
        else:
            model[batch][index] = body
        got = take(db, made, wholes)
        assert got == expected
        complete = len(model[batch]) == totals[batch]
        assert (batch in wholes) == complete
    for batch, bodies in wholes.items():
        assert bodies == [model[batch][index] for index in range(totals[batch])]


def take(db, part, wholes):
    def whole(found):
        assert part.batch_id not in wholes, "made whole twice"
        wholes[part.batch_id] = list(found.bodies)
        return "upl_1"

    try:
        with db.write("upload.receive") as tx:
            chunks.take(tx, part, whole)
    except RefusedError:
        return "refused"
    return "taken"


def test_parts_that_arrive_at_once_make_one_whole(db):
    parts = [Part("repo_1", Kind.AFFECTED, "b", index, 8, "facts", "author", str(index), b"x") for index in range(8)]
    made = []
    tries = [*parts, *(replace(part) for part in parts)]
    futures = [
        db.submit("upload.receive", lambda tx, part=part: chunks.take(tx, part, lambda _: made.append(1) or "upl_1"))
        for part in tries
    ]
    answers = [future.result() for future in futures]
    assert made == [1]
    assert ("upl_1", 0) in answers


@pytest.mark.parametrize("size", [0, 1, 99, 100, 101, 1000])
def test_a_body_that_is_read_slice_by_slice_comes_back_whole(db, monkeypatch, size):
    monkeypatch.setattr(chunks.store, "SLICE", 100)  # bytes
    sent = [bytes(number % 256 for number in range(start, start + size)) for start in (0, 7)]
    parts = [Part("repo_1", Kind.AFFECTED, f"b{size}", at, 2, "facts", "author", str(at), sent[at]) for at in (0, 1)]
    got = []
    for part in parts:
        with db.write("upload.receive") as tx:
            chunks.take(tx, part, lambda whole: got.extend(whole.bodies) or "upl_1")
    assert got == sent


def test_items_that_the_server_keeps_of_a_part_hold_no_vars(world, pull, token):
    from sqlalchemy import select

    from sonde.server.chunks.store import batch_parts

    dirty = item("network")
    dirty["settings"]["vars"] = {"password": "hunter2"}
    dirty["vars"] = {"password": "hunter2"}
    post(world, part_of(world, pull, [dirty], 0, 2), token)
    with world.db.read() as tx:
        kept = [bytes(row.body) for row in tx.all(select(batch_parts.c.body))]
    assert json.loads(kept[0].partition(b"\n")[2])[0]["component"] == "network"
    assert b"hunter2" not in kept[0]
