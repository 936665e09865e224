"""Two servers on one PostgreSQL pump the same rows, and one of them is killed now and then: nothing happens twice."""

from contextlib import suppress
from dataclasses import replace
from signal import SIGKILL

import pytest
from crash import Story
from ports import kept_port
from storm import stormy
from test_crash import assert_once
from test_pull_requests import upload
from world import item

from sonde.server.github import store as effects
from sonde.server.github.client import NotSentError
from sonde.server.github.deliver import Nowhere, deliver
from sonde.server.github.model import EffectState

pytestmark = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


class Replicas(Story):
    """The story with two servers: GitHub knows one address, the client asks whichever answers."""

    def __init__(self, folder, database_url, *, crash_at):
        super().__init__(folder, database_url)
        self.arms = [list(points) for points in crash_at]  # for each server: one point per life
        self.ports = [self.port, kept_port()]
        self.servers = [None, None]
        self.turn = 0

    def keep_alive(self):
        for number, server in enumerate(self.servers):
            folder = self.folder / f"replica-{number}"
            folder.mkdir(exist_ok=True)
            given = {**self.given, "data_dir": folder}
            self.servers[number] = self.living(server, given, self.ports[number], self.arms[number])
        self.run_out()

    def call(self, method, path, body, token=None):
        for _ in self.ports:
            self.turn += 1
            self.port = self.ports[self.turn % 2]
            if (answer := super().call(method, path, body, token)) is not None:
                return answer
        return None

    def log(self):
        return "".join((self.folder / f"replica-{number}" / "serve.log").read_text() for number in (0, 1))

    def close(self):
        for server in self.servers:
            with suppress(AttributeError):
                server.terminate()
                server.join()
        super().close()


KILLS = {  # points in each server's lives; whichever server does the first of them dies there
    "while both send": (("github.dispatch:after",), ("github.dispatch:before",)),
    "between check and comment": (
        ("github.check.create:after", "github.comment.create:after"),
        ("github.check.create:after", "github.comment.create:after"),
    ),
    "while they plan": (
        ("upload.match:after", "trigger.advance:before"),
        ("upload.match:before", "effect.sending:after"),
    ),
    "again while they look": (
        ("effect.sending:after", "effect.found:before"),
        ("effect.sending:before", "github.run.find:after"),
    ),
}


@pytest.mark.parametrize("kills", stormy(KILLS, {"while both send"}))
def test_two_servers_on_one_database_dispatch_comment_and_check_once(tmp_path, database_url, kills):
    told = Replicas(tmp_path, database_url, crash_at=KILLS[kills])
    try:
        told.run()
        assert set(told.exits) == {-SIGKILL}
        assert_once(told)
    finally:
        told.close()


class SlowLook:
    """A sender whose look at GitHub takes so long that another replica settles the effect and sends it meanwhile."""

    def __init__(self, sender, meanwhile):
        self.sender, self.meanwhile, self.looked = sender, meanwhile, 0

    def send(self, github, repository, effect):
        return self.sender.send(github, repository, effect)

    def find(self, github, repository, effect):
        found = self.sender.find(github, repository, effect)
        self.looked += 1
        if self.looked == 1:
            self.meanwhile()
        return found


def dead_claim(world):
    """A dispatch whose sender died before GitHub heard of it, looked for long enough to be sent again."""
    pull = world.open_pull_request()
    world.sandbox.faults.limit_next("POST", "*/dispatches")
    upload(world, pull, [item("network")])
    with world.db.read() as tx:
        slot = next(one.slot for one in effects.troubled(tx, 10) if one.kind == "dispatch")
    with world.db.write("admin.change") as tx:
        effects.set_planned(tx, effects.get(tx, slot), "", tx.now)
        effects.claim(tx, effects.get(tx, slot), tx.now)
    world.advance_clock(60)
    return slot


def effect(world, slot):
    with world.db.read() as tx:
        return effects.get(tx, slot)


def test_a_replica_that_looks_slowly_does_not_give_up_the_claim_of_one_that_sends_again(world):
    slot = dead_claim(world)
    delivery = world.server.site.loop.delivery
    states = []

    def other():
        deliver(delivery, effect(world, slot))  # finds nothing, plans it again
        with world.db.write("effect.sending") as tx:  # and is about to send it
            effects.claim(tx, effects.get(tx, slot), tx.now + 120_000)
        states.append(effect(world, slot).state)

    slow = SlowLook(delivery.senders["dispatch"], other)
    settled = deliver(replace(delivery, senders={**delivery.senders, "dispatch": slow}), effect(world, slot))
    assert states == [EffectState.SENDING]
    assert not settled
    assert effect(world, slot).state is EffectState.SENDING


def test_a_replica_that_wakes_after_its_lease_does_not_undo_what_another_did(world):
    slot = dead_claim(world)
    delivery = world.server.site.loop.delivery
    deliver(delivery, effect(world, slot))
    planned = effect(world, slot)

    class Paused:
        """The claim is taken over while this sender sleeps; its own request never left."""

        def send(self, github, repository, mine):
            world.advance_clock(300)
            world.settle()
            raise NotSentError("connection refused")

        def find(self, github, repository, mine):
            return Nowhere()

    deliver(replace(delivery, senders={**delivery.senders, "dispatch": Paused()}), planned)
    world.advance_clock(300)
    world.settle()
    assert effect(world, slot).state is EffectState.SENT
    assert world.dispatched() == [("network", "dev")]
