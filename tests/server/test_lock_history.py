"""What concurrent clients were told could have happened one after the other, and fences only rise (reliability.md §4, check b)."""

import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest
from linear import INFINITY, Op, by_key, linearizable
from test_lock_model import Asker, Lock, acquire, actor, prepare, release, worded, worded_end

from sonde.server.kernel.db import Database, Grouped
from sonde.server.locks import ending, service

CLIENTS, KEYS, OPERATIONS = 12, 3, 30
JUMP = 200  # milliseconds by which a client now and then moves the clock, so that locks expire while others ask


@dataclass(frozen=True)
class Call:
    """`at` is the database's clock inside the transaction; a lock asked for has a ttl, one given back has none."""

    who: Asker
    at: int
    ttl: int | None
    port: int = 0  # of the server that was asked, where there is one


def step(lock, call):
    """The model's answer to a call."""
    return release(lock, call.who, call.at) if call.ttl is None else acquire(lock, call.who, call.at, call.ttl)


def _each(answer):
    """A grouped write whose answers say when the database's clock stood where."""
    return lambda tx, items: [(tx.now, result) for result in answer(tx, items)]


def _acquire_all(tx, items):
    wanted = [service._asked(tx, actor(who), f"acme/infra/{key}", ttl, "") for who, key, ttl in items]
    return [worded(got) for got in service._take_all(tx, wanted)]


def _release_all(tx, items):
    ended = ending._end_all(tx, [ending._ending(tx, actor(who), f"acme/infra/{key}") for who, key, _ in items])
    return [worded_end(got) for got in ended]


ACQUIRE, RELEASE = Grouped("lock.acquire", _each(_acquire_all)), Grouped("lock.release", _each(_release_all))


def perform(db, who, key, ttl):
    """One operation on a real store, in one transaction with those that others ask for at the time; recorded."""
    start = time.monotonic()
    moment, result = db.group(RELEASE if ttl is None else ACQUIRE, (who, key, ttl)).result()
    return Op(key, Call(who, moment, ttl), start, time.monotonic(), result)


def client(databases, seed, number):
    """What one client did: a job, or one of several that share a static token."""
    dice = random.Random(f"{seed}-{number}")
    who = Asker(f"job:{number}", run=number) if number % 3 else Asker("token:shared", reentrant=False)
    db, done = databases[number % len(databases)], []
    for _ in range(OPERATIONS):
        key = f"dev/{dice.randrange(KEYS)}"
        ttl = dice.choice([None, None, None, 1, 1, 600])
        done.append(perform(db, who, key, ttl))
        if dice.random() < 0.1:
            for each in databases:
                each.clock_offset += JUMP
    return done


def history(databases, seed, clients=CLIENTS):
    """What all clients did at the same time."""
    barrier = threading.Barrier(clients)

    def begin(number):
        barrier.wait(10)
        return client(databases, seed, number)

    with ThreadPoolExecutor(clients) as pool:
        return [op for done in pool.map(begin, range(clients)) for op in done]


def not_linearizable(recorded):
    return [key for key, ops in by_key(recorded).items() if not linearizable(ops, Lock(), step)]


def fences_fall(recorded):
    """Keys where a grant that began after another had been answered did not carry a higher fence (or its own, renewed)."""
    wrong = set()
    for key, ops in by_key(recorded).items():
        grants = [op for op in ops if op.result and op.result[0] == "granted"]
        for op in grants:
            before = [other for other in grants if other.end < op.start]
            wrong |= {key for other in before if other.result[1] > op.result[1]}
        holders = {}
        for op in grants:
            wrong |= {key} if holders.setdefault(op.result[1], op.call.who.id) != op.call.who.id else set()
    return sorted(wrong)


def replicas(url, seed=0):
    """Three servers' databases on PostgreSQL, the one of SQLite."""
    made = [Database(url) for _ in range(1 if url.startswith("sqlite") else 3)]
    prepare(made[0])
    return made


@pytest.fixture
def databases(database_url):
    made = replicas(database_url)
    yield made
    for db in made:
        db.close()


def test_what_concurrent_clients_were_told_could_have_happened_one_after_the_other(databases):
    recorded = history(databases, seed=1)
    assert len(recorded) == CLIENTS * OPERATIONS
    assert {op.result[0] for op in recorded} >= {"granted", "held", "owner", "absent", "forced"}
    assert not_linearizable(recorded) == []
    assert fences_fall(recorded) == []


ONE, TWO = Asker("one"), Asker("two")


def op(who, ttl, start, end, result):
    return Op("k", Call(who, 0, ttl), start, end, result)


HISTORIES = {  # what was recorded, and whether it could have happened
    "two grants of one fence": (
        [op(ONE, 9, 0, 2, ("granted", 1, "one")), op(TWO, 9, 1, 3, ("granted", 1, "two"))],
        False,
    ),
    "a loser who began before the winner": (
        [op(TWO, 9, 0, 3, ("held", 1, "one")), op(ONE, 9, 1, 2, ("granted", 1, "one"))],
        True,
    ),
    "a loser before anybody had asked": (
        [op(TWO, 9, 0, 1, ("held", 1, "one")), op(ONE, 9, 2, 3, ("granted", 1, "one"))],
        False,
    ),
    "a lost grant that later answers show": (
        [op(ONE, 9, 0, INFINITY, None), op(TWO, 9, 1, 2, ("held", 1, "one"))],
        True,
    ),
    "a lost grant that never happened": (
        [op(ONE, 9, 0, INFINITY, None), op(TWO, 9, 1, 2, ("granted", 1, "two"))],
        True,
    ),
    "an answer that came before the lost request": (
        [op(TWO, 9, 0, 1, ("held", 1, "one")), op(ONE, 9, 2, INFINITY, None)],
        False,
    ),
    "a second fence without a release": (
        [op(ONE, 9, 0, 1, ("granted", 1, "one")), op(TWO, 9, 2, 3, ("granted", 2, "two"))],
        False,
    ),
}


@pytest.mark.parametrize("name", list(HISTORIES))
def test_the_checker_tells_what_can_have_happened_from_what_cannot(name):
    recorded, possible = HISTORIES[name]
    assert linearizable(recorded, Lock(), step) is possible
