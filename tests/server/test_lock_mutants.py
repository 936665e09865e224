"""A store with a known mistake in it is caught by the model or by the checker of histories (reliability.md §4, check c)."""

import inspect
import itertools

import pytest
from hypothesis import Phase
from storm import stormy
from test_lock_history import fences_fall, history, not_linearizable, replicas
from test_lock_model import Still, check, prepare

from sonde.server.kernel import statements
from sonde.server.locks import decide, store

APPLICATION_CLOCK = "__import__('time').time_ns() // 1_000_000"
MUTANTS = {  # what is wrong -> (where, function, what the source says, what it says instead)
    "the fence does not rise": (store, "_changes", "else_=locks.c.fence + 1", "else_=locks.c.fence"),
    "the fence is a sequence": (store, "_changes", "else_=locks.c.fence + 1", "else_=literal(next(SEQUENCE))"),
    "<= for <: a lock lives at its very expiry": (store, "_live", "expires_at > now", "expires_at >= now"),
    "the application's clock": (store, "_acquire", "_live(NOW)", f"_live({APPLICATION_CLOCK})"),
    "the row is deleted on release": (
        store,
        "_release",
        "update(locks).where(mine).values(released_at=NOW, updated_at=NOW)",
        "locks.delete().where(mine)",
    ),
    "the holder is ignored by asking": (store, "_acquire", "locks.c.holder_id == new.holder_id, ", ""),
    "the holder is ignored by giving back": (decide, "release", "lock.holder.id == asker.id", "bool(asker.id)"),
    "who has no run takes over": (
        store,
        "_acquire",
        "locks.c.run_id == new.run_id",
        "locks.c.run_id.is_not_distinct_from(new.run_id)",
    ),
    "a taken-over lock is shortened": (store, "_changes", "and_(kept, ", "and_(false(), "),
    "a paused job may end its successor's lock": (decide, "release", "held_before_fence < lock.fence", "bool(now < 0)"),
}
RACES = {  # seen by those who ask at the same time; the second by nobody who asks alone, and not on SQLite's one writer
    "the fence is a sequence": MUTANTS["the fence is a sequence"],
    "a release reads without locking the row": (store, "_named_for_update", ".with_for_update()", ""),
}


def plant(monkeypatch, module, function, says, instead):
    """Rewrite one place of a function's source; a text that is not there exactly once is a test that tests nothing."""
    source = inspect.getsource(getattr(module, function))
    assert source.count(says) == 1, f"{function} does not say {says!r} once any more: bring the table up to date"
    space = vars(module) | {"SEQUENCE": itertools.count(2)}
    exec(compile(source.replace(says, instead), f"<mutant of {function}>", "exec"), space)
    monkeypatch.setattr(module, function, space[function])
    monkeypatch.setattr(statements, "compiled", statements.built)  # what was compiled before has no mistake in it


def caught_by_model(url):
    db = Still(url)
    prepare(db)
    try:
        check(db, 60, phases=(Phase.generate,))
    except AssertionError:
        return True
    finally:
        db.close()
    return False


def caught_by_history(url, rounds=8):
    """The threads race, so a seed fixes what they ask but not when: a mistake has some rounds to show itself."""
    databases = replicas(url)
    try:
        recorded = []
        for seed in range(rounds):
            recorded += history(databases, seed)
            if not_linearizable(recorded) or fences_fall(recorded):
                return True
        return False
    finally:
        for db in databases:
            db.close()


@pytest.mark.parametrize("database_url", stormy(["sqlite", "postgresql"], {"sqlite"}), indirect=True)
@pytest.mark.parametrize("wrong", list(MUTANTS))
def test_the_model_catches_a_store_in_which(wrong, database_url, monkeypatch):
    plant(monkeypatch, *MUTANTS[wrong])
    assert caught_by_model(database_url)


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
@pytest.mark.parametrize("wrong", stormy(RACES, {"a release reads without locking the row"}))
def test_the_histories_of_three_replicas_catch_a_store_in_which(wrong, database_url, monkeypatch):
    plant(monkeypatch, *RACES[wrong])
    assert caught_by_history(database_url)
