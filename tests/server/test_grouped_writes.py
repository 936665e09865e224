"""Hot writes share a transaction: one item's failure is its own, nobody is answered before the commit, nothing happens twice."""

import asyncio
import threading
from contextlib import suppress

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from sonde.server.kernel.db import Database, Grouped
from sonde.server.webhooks import service as webhooks

BAD = "bad"


class BadItemError(Exception):
    """What a bug in a grouped write would raise."""


@pytest.fixture
def db(database_url):
    made = Database(database_url)
    with made.write("admin.change") as tx:
        tx.run(text("CREATE TABLE told (name TEXT)"))
    yield made
    made.close()


def told(db):
    with db.read() as tx:
        return sorted(row.name for row in tx.all(text("SELECT name FROM told")))


def telling(runs):
    """A write that stores names, and raises in the middle where one is bad."""

    def run(tx, names):
        runs.append(list(names))
        for name in names:
            tx.run(text("INSERT INTO told VALUES (:name)"), {"name": name})
            if name == BAD:
                raise BadItemError
        return [f"{name} is told" for name in names]

    return Grouped("admin.change", run)


def together(db, write, names):
    """The answers to coroutines that ask in one turn of their loop."""

    async def ask():
        return await asyncio.gather(*(db.grouped(write, name) for name in names), return_exceptions=True)

    return asyncio.run(ask())


def test_what_one_turn_of_the_loop_asks_is_one_transaction(db):
    runs = []
    names = [f"n{number:02}" for number in range(50)]
    assert together(db, telling(runs), names) == [f"{name} is told" for name in names]
    assert runs == [names]
    assert told(db) == names


def test_an_item_that_raises_fails_alone_and_the_others_are_stored_once(db):
    runs = []
    answers = together(db, telling(runs), ["one", BAD, "two"])
    assert [type(answer) for answer in answers] == [str, BadItemError, str]
    assert told(db) == ["one", "two"]
    assert runs == [["one", BAD, "two"], ["one"], [BAD], ["two"]]


def test_an_answer_that_is_an_exception_is_raised_to_its_asker_and_undoes_nothing(db):
    def run(tx, names):
        tx.run(text("INSERT INTO told VALUES ('all of it')"))
        return [BadItemError() if name == BAD else name for name in names]

    answers = together(db, Grouped("admin.change", run), ["one", BAD])
    assert [type(answer) for answer in answers] == [str, BadItemError]
    assert told(db) == ["all of it"]


def test_a_database_that_goes_away_is_told_to_all_and_nothing_is_run_again(db):
    runs = []

    def run(_, names):
        runs.append(list(names))
        raise OperationalError("COMMIT", {}, Exception("the connection was lost"))

    answers = together(db, Grouped("admin.change", run), ["one", "two"])
    assert [type(answer) for answer in answers] == [OperationalError] * 2
    assert runs == [["one", "two"]]  # a commit whose answer was lost may stand: another try could take effect twice


def test_whoever_is_answered_sees_what_was_stored(db):
    runs = []
    write = telling(runs)

    async def ask(name):
        await db.grouped(write, name)
        return await asyncio.to_thread(told, db)

    async def all_of_them():
        return await asyncio.gather(*(ask(f"n{number}") for number in range(20)))

    for number, seen in enumerate(asyncio.run(all_of_them())):
        assert f"n{number}" in seen


def test_a_client_that_goes_away_while_it_waits_keeps_nobody_from_an_answer(db):
    started, held = threading.Event(), threading.Event()

    def run(_, names):
        started.set()
        held.wait(20)
        return names

    async def ask():
        write = Grouped("admin.change", run)
        leaves, stays = (asyncio.ensure_future(db.grouped(write, name)) for name in ("leaves", "stays"))
        await asyncio.to_thread(started.wait, 20)
        leaves.cancel()
        with suppress(asyncio.CancelledError):
            await leaves
        held.set()
        return await stays

    assert asyncio.run(ask()) == "stays"


def test_of_two_deliveries_with_one_id_that_come_together_one_is_new(twins):
    arrived = [webhooks.store.Arrived(filed("twice"), b"{}") for _ in range(2)]
    for server in twins.servers.values():
        assert sorted(together(server.site.db, webhooks.RECEIVE, arrived)) == [False, True]


def test_bodies_that_are_many_come_back_each_as_it_was_sent(twins, monkeypatch):
    monkeypatch.setattr(webhooks.store, "LOAD", 100)  # bytes, so that they need several statements
    bodies = {f"many-{number}": b'{"n": "%s"}' % (b"%d" % number * number * 7) for number in range(30)}
    for server in twins.servers.values():
        arrived = [webhooks.store.Arrived(filed(guid), body) for guid, body in bodies.items()]
        assert together(server.site.db, webhooks.RECEIVE, arrived) == [True] * 30
        with server.site.db.read() as tx:
            assert {guid: webhooks.store.get(tx, guid).body for guid in bodies} == bodies


def filed(guid):
    empty = {"action": "", "repository": "", "github_id": None, "number": None}
    return {"guid": guid, "event": "ping", "digest": f"digest of {guid}", **empty}
