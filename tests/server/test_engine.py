"""What the engine promises: a poison row is parked and seen, a database that is away is waited for, a stop is soon."""

import threading
from dataclasses import replace

import psycopg
import pytest
from structlog.testing import capture_logs
from test_pull_requests import finish, upload
from world import item

from sonde.server import engine, jobs
from sonde.server.affected import store as uploads
from sonde.server.dispatches import store as triggers
from sonde.server.engine import Engine
from sonde.server.github import store as effects
from sonde.server.stumbles import store as stumbles
from sonde.server.webhooks import store as deliveries

DAY = 86_400


@pytest.fixture
def world(world):
    """A row rests for a second at first: how long that is must not hang on the machine."""
    world.hold_clock()
    return world


class PoisonError(Exception):
    """What a bug would raise."""


def poisoned(name, bad=lambda row: True):
    """The table of jobs with one that raises for some rows; and the rows it raised for."""
    raised = []

    def table(job):
        def run(loop, row):
            if not bad(row):
                return job.run(loop, row)
            raised.append(row)
            raise PoisonError("boom \x00 \udc80\nsecret parameters")

        return replace(job, run=run, together=None) if job.name == name else job

    return [table(job) for job in jobs.JOBS], raised


def settle(world, table):
    world.sandbox.settle()
    while jobs.pump(world.server.site.loop, table):
        world.sandbox.settle()


def through(world, table, seconds):
    """Pump as time goes by, in steps in which a lock blocks or a lease ends too."""
    for _ in range(jobs.TRIES):
        settle(world, table)
        world.advance_clock(seconds)
    settle(world, table)


def rows(world, query, *arguments):
    with world.db.read() as tx:
        return query(tx, *arguments)


def seen_of_delivery(world, pull):
    with world.db.read() as tx:
        return deliveries.listed(tx, 10, state="failed")[0].because


def seen_of_upload(world, pull):
    return rows(world, uploads.newest_waiting, 10)[0].because


def seen_of_check(world, pull):
    return world.check(pull.head_sha).output["title"]


def seen_of_trigger(world, pull):
    return rows(world, triggers.triggers_of, world.repository.id, pull.number)[0].because


def seen_of_dispatch(world, pull):
    trigger = rows(world, triggers.triggers_of, world.repository.id, pull.number)[0]
    return rows(world, triggers.of_trigger, trigger.id)[0].because


@pytest.mark.parametrize(
    ("job", "seen"),
    [
        ("webhooks", seen_of_delivery),
        ("uploads", seen_of_upload),
        ("triggers", seen_of_check),
        ("mirror", seen_of_trigger),
        ("effects", seen_of_dispatch),
        ("runs", seen_of_dispatch),
    ],
)
def test_a_row_for_which_a_job_raises_five_times_is_parked_with_a_reason_that_people_see(world, job, seen):
    pull = world.open_pull_request()
    if job in ("webhooks", "mirror"):
        world.github.commit(world.infra, "feature", {"again.txt": "more"}, author="octo-dev")
    if job == "runs":
        upload(world, pull, [item("network")])
        world.advance_clock(121)
    elif job != "webhooks":
        token = world.session(world.run_of("pull_request").run_id)
        world.upload(pull.head_sha, [item("network")], token)
    first = {}
    table, raised = poisoned(job, lambda row: not row.startswith(("ch", "co")) and first.setdefault("row", row) == row)
    through(world, table, DAY)
    assert len(raised) == jobs.TRIES
    assert "boom" in seen(world, pull)
    assert "gave up" in seen(world, pull)
    assert "secret" not in seen(world, pull)
    assert rows(world, stumbles.every) == {}


def test_rows_that_rest_do_not_crowd_the_others_out(world, monkeypatch):
    monkeypatch.setattr(jobs, "BATCH", 1)
    pull = world.open_pull_request()
    token = world.session(world.run_of("pull_request").run_id)
    world.upload(pull.head_sha, [item("network")], token)
    first = rows(world, uploads.due, 1)[0]
    world.upload(pull.head_sha, [item("database")], token)
    table, raised = poisoned("uploads", lambda row: row == first)
    settle(world, table)
    settle(world, table)
    assert raised == [first]
    assert world.dispatched() == [("database", "dev")]


def test_a_row_that_goes_well_after_an_exception_starts_its_count_anew(world):
    pull = world.open_pull_request()
    token = world.session(world.run_of("pull_request").run_id)
    world.upload(pull.head_sha, [item("network")], token)
    settle(world, poisoned("uploads")[0])
    assert [one.attempts for one in rows(world, stumbles.every).values()] == [1]
    world.advance_clock(1)
    world.settle()
    assert rows(world, stumbles.every) == {}
    assert world.dispatched() == [("network", "dev")]


def test_an_effect_that_cannot_be_read_is_parked_and_a_newer_one_is_sent(world):
    pull = world.open_pull_request()
    with world.db.write("admin.change") as tx:
        slot = f"check:{world.repository.id}:{pull.head_sha}"
        broken = replace(effects.get(tx, slot), desired="no JSON")
        effects.want(tx, broken)
    through(world, jobs.JOBS, 130)
    assert "JSONDecodeError" in rows(world, effects.get, slot).because
    world.db.clock_offset = 0  # the offline GitHub's tokens know no other clock
    upload(world, pull, [item("network")])
    finish(world, "dev/network")
    assert world.check(pull.head_sha).conclusion == "success"


def test_a_pump_that_is_told_to_stop_ends_after_the_item_at_hand(world):
    world.sandbox.faults.hold_webhooks("pull_request")
    for branch in ("one", "two"):
        world.open_pull_request(branch)
    world.sandbox.faults.stop_holding()
    world.sandbox.courier.release()
    world.sandbox.settle()
    before = len(rows(world, deliveries.waiting, 10))
    asked = iter([False, True])
    one_by_one = [replace(job, together=None) for job in jobs.JOBS]
    assert jobs.pump(world.server.site.loop, one_by_one, stopping=lambda: next(asked)) == 1
    assert len(rows(world, deliveries.waiting, 10)) == before - 1


class Outage:
    """A PostgreSQL database that lets nobody in."""

    def __init__(self, url):
        self._base, _, self._name = url.rpartition("/")
        self._name = self._name.partition("?")[0]

    def _say(self, *statements):
        with psycopg.connect(self._base + "/postgres", autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement)

    def begin(self):
        end = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{self._name}'"
        self._say(f"ALTER DATABASE {self._name} ALLOW_CONNECTIONS false", end)

    def end(self):
        self._say(f"ALTER DATABASE {self._name} ALLOW_CONNECTIONS true")


def until(condition):
    pause = threading.Event()
    for _ in range(1000):
        if condition():
            return
        pause.wait(0.02)
    raise AssertionError("it did not happen in 20 s")


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_database_that_is_away_is_waited_for_with_growing_pauses_and_a_nudge_ends_them(world, database_url):
    engine = Engine(world.server.site.loop, poll=0.01, body_days=7)
    outage = Outage(database_url)
    with capture_logs() as logs:

        def pauses():
            return [
                line["again_in_seconds"]
                for line in logs
                if line["event"] == "engine.no_database" and line["lane"] == "rows"
            ]

        engine.start()
        outage.begin()
        until(lambda: len(pauses()) >= 4)
        outage.end()
        world.github.commit(world.infra, "feature", {"a.txt": "a change"}, author="octo-dev")
        pull = world.github.open_pull_request(world.infra, head="feature", author="octo-dev")
        world.sandbox.settle()
        engine.nudge()
        until(lambda: world.github.check_runs(world.infra, pull.head_sha, name="Atmos Pro"))
        engine.stop()
    assert pauses()[:4] == [0.02, 0.04, 0.08, 0.16]
    assert {line["lane"] for line in logs if line["event"] == "engine.recovered"} == {"rows", "github"}
    assert not [line for line in logs if line["event"] == "engine.stumbled"]


class Clock:
    """Time that passes only where somebody works or rests, and an event that is never set."""

    def __init__(self):
        self.now, self.rests = 100.0, []

    def monotonic(self):
        return self.now

    def wait(self, seconds):
        self.rests.append(seconds)
        self.now += seconds

    def is_set(self):
        return False


class Asked:
    """A database whose hot writes are asked for at a steady rate."""

    def __init__(self, clock, rate):
        self._clock, self._rate = clock, rate

    @property
    def asked(self):
        return int(self._clock.now * self._rate)


@pytest.mark.parametrize(("rate", "rests"), [(engine.BURST * 4, True), (engine.BURST / 4, False)])
def test_the_engine_rests_while_requests_burst_in_and_never_longer_than_its_rest(monkeypatch, rate, rests):
    clock = Clock()
    monkeypatch.setattr(engine, "time", clock)
    turn, worked = engine._Turn(Asked(clock, rate), clock), 0.0
    while clock.now < 110.0:
        clock.now += 0.005  # an item
        worked += 0.005
        assert not turn.over()
    assert set(clock.rests) == ({engine.REST} if rests else set())
    assert worked >= 10.0 * engine.WORK / (engine.WORK + engine.REST)
