"""Whatever is asked in whatever order, locks answer as a model of forty lines does (reliability.md §4, check a)."""

import itertools
from dataclasses import dataclass, replace

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from storm import stormy

from sonde.server.auth.model import Actor
from sonde.server.kernel.db import Database, Tx
from sonde.server.locks import ending, service, store
from sonde.server.locks.model import DISPATCH_TTL, RETRY_WINDOW, Granted, Held, Released
from sonde.server.workspaces import store as workspaces
from sonde.server.workspaces.model import Repository, Workspace

REPOSITORY = Repository("repo_1", "ws_test", 1, 2, "acme", "infra", None)


@dataclass(frozen=True)
class Asker:
    """`run` is the workflow run of a job, or the run that belongs to a dispatch once it is known."""

    id: str
    reentrant: bool = True
    run: int | None = None
    dispatch: str = ""


@dataclass(frozen=True)
class Lock:
    """The whole truth about one key. Times are milliseconds of the database."""

    fence: int = 0
    holder: Asker = Asker("")
    origin: str = ""  # the dispatch that took it, also after a hand-over
    expires: int = 0
    released: int | None = None
    ended_by: str = ""
    held: tuple[tuple[str, int], ...] = ()  # each reentrant asker's newest fence

    def live(self, at):
        return self.released is None and at < self.expires


def acquire(lock, who, at, ttl):
    """The lock after `who` asked at `at`, and the answer: (granted or held, fence, holder)."""
    live, until = lock.live(at), at + ttl * 1000
    same = lock.holder.id == who.id and lock.holder.reentrant
    handed = bool(lock.holder.dispatch) and who.run is not None and lock.holder.run == who.run and not who.dispatch
    if live and not same and not handed:
        return lock, ("held", lock.fence, lock.holder.id)
    new = Lock(lock.fence + 1, who, who.dispatch, until)
    if live:
        run = lock.holder.run if who.dispatch else who.run
        new = replace(lock, holder=replace(who, run=run), expires=max(until, lock.expires))
    held = {**dict(lock.held), **({who.id: new.fence} if who.reentrant else {})}
    return replace(new, held=tuple(sorted(held.items()))), ("granted", new.fence, who.id)


def release(lock, who, at):
    """The lock after `who` gave it back at `at`, and the answer: (owner, forced, repeated, absent or refused,)."""
    if not lock.live(at):
        again = lock.released is not None and lock.ended_by == who.id and at - lock.released <= RETRY_WINDOW
        return lock, ("repeated" if again else "absent",)
    if lock.holder.id == who.id:
        return replace(lock, released=at, ended_by=who.id), ("owner",)
    overtaken = who.reentrant and dict(lock.held).get(who.id, lock.fence) < lock.fence
    if overtaken or lock.holder.dispatch:
        return lock, ("refused",)
    return replace(lock, released=at, ended_by=who.id), ("forced",)


def actor(asker):
    claims = {"run_id": str(asker.run or 0), "iss": "https://token.actions.githubusercontent.com"}
    return Actor("ws_test", REPOSITORY, "cred", asker.id, asker.id, claims if asker.reentrant else {})


def asked(tx, who, instance, ttl):
    """The real answer to a client who wants a key, as the model words it."""
    got = service.acquire(tx, actor(who), f"acme/infra/{instance}", ttl, "")
    return worded(got)


def worded(got):
    assert isinstance(got, Granted | Held)
    return "granted" if isinstance(got, Granted) else "held", got.lock.fence, got.lock.holder.id


def given_back(tx, who, instance):
    """The real answer to a client who gives a key back."""
    return worded_end(ending.release(tx, actor(who), f"acme/infra/{instance}"))


def worded_end(got):
    return (got.kind if isinstance(got, Released) else "absent" if got.absent else "refused",)


def prepare(db):
    with db.write("admin.change") as tx:
        workspaces.put_workspace(tx, Workspace("ws_test", "test"))
        workspaces.put_repository(tx, REPOSITORY)


class Still(Database):
    """A database whose clock moves only by `clock_offset`, so that the very millisecond of an expiry can be met."""

    def _tx(self, connection):
        return Tx(connection, 1_700_000_000_000 + self.clock_offset)


ASKERS = [Asker("job:a", run=1), Asker("job:b", run=2), Asker("job:c", run=2), Asker("token:t", reentrant=False)]
askers, ttls = st.sampled_from(ASKERS), st.sampled_from([1, 2, 60, 200])
places, runs = st.sampled_from(["dev/vpc", "prod/a/b"]), st.sampled_from([1, 2, 3])
_serial = itertools.count()


class Locks(RuleBasedStateMachine):
    """One example: two keys of its own, in a transaction that is undone at the end."""

    def __init__(self, db):
        super().__init__()
        self.db, self.prefix = db, f"s{next(_serial)}"
        self.connection = db.engine.connect()
        self.connection.begin()
        self.locks, self.dispatches = {}, 0

    @property
    def tx(self):
        return self.db._tx(self.connection)

    def lock_of(self, place):
        return self.locks.get(f"{self.prefix}/{place}", Lock())

    @initialize(place=places, who=askers, ttl=ttls)
    def somebody_has_one(self, place, who, ttl):
        self.wants(place, who, ttl)

    @rule(place=places, who=askers, ttl=ttls)
    def wants(self, place, who, ttl):
        self.locks[f"{self.prefix}/{place}"], answer = acquire(self.lock_of(place), who, self.tx.now, ttl)
        assert asked(self.tx, who, f"{self.prefix}/{place}", ttl) == answer

    @rule(place=places, who=askers, times=st.integers(1, 2))
    def gives_back(self, place, who, times):
        for _ in range(times):  # the second is the retry of a client that missed the answer
            self.locks[f"{self.prefix}/{place}"], answer = release(self.lock_of(place), who, self.tx.now)
            assert given_back(self.tx, who, f"{self.prefix}/{place}") == answer

    @rule(place=places)
    def is_dispatched(self, place):
        self.dispatches += 1
        self._dispatch(place, f"{self.prefix}-{self.dispatches}")

    @rule(place=places, who=askers, run=st.sampled_from([None, 1, 2]))
    def is_wanted_while_a_dispatch_has_it(self, place, who, run):
        self.db.clock_offset += max(0, self.lock_of(place).expires - self.tx.now)
        self.is_dispatched(place)
        if run is not None:
            self.hears_of_its_run(place, run)
        self.wants(place, who, 60)

    @rule(place=places)
    def is_dispatched_again(self, place):
        if self.lock_of(place).origin:
            self._dispatch(place, self.lock_of(place).origin)

    def _dispatch(self, place, name):
        who = Asker(f"dispatch:{name}", dispatch=name)
        stack, _, component = f"{self.prefix}/{place}".rpartition("/")
        self.locks[f"{self.prefix}/{place}"], answer = acquire(self.lock_of(place), who, self.tx.now, DISPATCH_TTL)
        got = service.acquire_for_dispatch(
            self.tx, REPOSITORY, stack=stack, component=component, dispatch_id=name, message=""
        )
        assert worded(got) == answer

    @rule(place=places, run=runs)
    def hears_of_its_run(self, place, run):
        lock = self.lock_of(place)
        service.bind_run(self.tx, lock.origin or "none", run, "")
        if lock.holder.dispatch and lock.live(self.tx.now):
            self.locks[f"{self.prefix}/{place}"] = replace(lock, holder=replace(lock.holder, run=run))

    @rule(place=places)
    def ends_with_its_run(self, place):
        lock, now = self.lock_of(place), self.tx.now
        ends = bool(lock.origin) and lock.live(now)
        assert ending.release_of_dispatch(self.tx, lock.origin or "none", "run_ended") == int(ends)
        if ends:
            self.locks[f"{self.prefix}/{place}"] = replace(lock, released=now, ended_by=lock.holder.id)

    @rule(milliseconds=st.sampled_from([1, 999, 1000, 60_000, 60_001, DISPATCH_TTL * 1000]))
    def time_goes_by(self, milliseconds):
        self.db.clock_offset += milliseconds

    @rule(place=places, who=askers, off=st.sampled_from([-1, 0, 1]))
    def wants_it_at_the_very_expiry(self, place, who, off):
        self.db.clock_offset += max(0, self.lock_of(place).expires - self.tx.now + off)
        self.wants(place, who, 2)

    @rule(place=places, sleeper=askers, other=askers)
    def wakes_after_his_lock_expired(self, place, sleeper, other):
        self.wants(place, sleeper, 1)
        self.db.clock_offset += max(0, self.lock_of(place).expires - self.tx.now)
        self.wants(place, other, 200)
        self.gives_back(place, sleeper, 1)

    @invariant()
    def the_rows_say_the_same(self):
        for instance, lock in self.locks.items():
            row = store.get(self.tx, REPOSITORY.id, instance)
            assert (row.fence if row else 0) == lock.fence, "a fence was forgotten"
            if row:
                standing = (row.holder.id, row.expires_at, row.released_at, row.holder.dispatch_id or "")
                assert standing == (lock.holder.id, lock.expires, lock.released, lock.origin)

    def teardown(self):
        self.connection.rollback()
        self.connection.close()


def check(db, examples, phases=(Phase.generate, Phase.shrink)):
    """Hold the model against the store, always with the same examples. Raises AssertionError where they differ."""
    run_state_machine_as_test(
        lambda: Locks(db),
        settings=settings(
            max_examples=examples,
            stateful_step_count=30,
            derandomize=True,
            database=None,
            deadline=None,
            phases=phases,
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.fixture
def still(database_url):
    db = Still(database_url)
    prepare(db)
    yield db
    db.close()


@pytest.mark.parametrize("examples", stormy([8, 100], {8}))
def test_locks_answer_as_the_model_does(still, examples):
    check(still, examples)
