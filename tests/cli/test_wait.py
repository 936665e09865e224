"""`sonde pro locks` and `sonde pro lock --wait` against a real control plane; no test waits by the clock."""

import io
import itertools
import json
import signal
import time

import pytest

from sonde.cli import client, hold
from sonde.cli.errors import NoAnswerError, RefusedError
from sonde.cli.hold import Waiting, held, next_look, worth_waiting
from sonde.cli.log import Log
from sonde.cli.process import Process
from sonde.cli.settings import ProSettings
from sonde.wire import locks

NOW = 1_800_000_000.0  # 2027-01-15T08:00:00Z
keys = (f"dev/wait-{number}" for number in itertools.count())


class Terminal(io.StringIO):
    def isatty(self):
        return True


class Patient:
    """A client whose sleep moves its own clock and the control plane's, and does what a test plans meanwhile."""

    def __init__(self, control, token, stderr=None):
        self.control, self.clock, self.naps, self.meanwhile = control, 0.0, [], []
        self.stderr = stderr or io.StringIO()
        process = Process(
            env={}, cwd=control.home, stdout=io.StringIO(), stderr=self.stderr, now=self.now, sleep=self.sleep
        )
        settings = ProSettings(base_url=control.world.server.url, token=token)
        self.session = client.Session(settings, process, Log(self.stderr))

    def now(self):
        return time.time() + self.control.world.db.clock_offset / 1000

    def sleep(self, seconds):
        self.naps.append(seconds)
        self.clock += seconds
        self.control.world.advance_clock(seconds)
        if self.meanwhile:
            self.meanwhile.pop(0)()

    def waiting(self, timeout):
        return Waiting(self.session.process, timeout, lambda: self.clock)

    def take(self, instance, timeout=100.0, ttl=30):
        request = locks.LockRequest(key=f"acme/infra/{instance}", ttl=ttl)
        with held(self.session, request, self.waiting(timeout)) as taken:
            taken.kept = True
        return taken


@pytest.fixture
def instance():
    return next(keys)


@pytest.fixture
def other(control):
    return control.world.static_token()


def test_the_lock_is_had_when_the_holders_time_is_over(control, other, instance):
    control.take(instance, ttl=12, message="rotating keys")
    patient = Patient(control, other)
    assert patient.take(instance).granted["fence"] == 2
    assert 10 <= patient.clock <= 18
    assert patient.stderr.getvalue().count("Waiting: ") == 1
    assert "is locked by test until" in patient.stderr.getvalue()
    assert "rotating keys" in patient.stderr.getvalue()


def test_the_lock_is_had_soon_after_its_holder_released_it(control, other, instance):
    control.take(instance, ttl=3600)
    patient = Patient(control, other)
    patient.meanwhile = [lambda: None, lambda: control.give(instance)]
    patient.take(instance)
    assert patient.clock == 2 * hold.SOONEST


def test_who_came_first_is_served_first_although_another_asks_when_the_lock_is_free(control, other, instance):
    control.take(instance, ttl=3600)
    first, second = Patient(control, other), Patient(control, control.world.static_token())

    def second_asks():
        with pytest.raises(hold.TimedOutError, match="You are number 2 of those who wait"):
            second.take(instance, timeout=0)

    def tempted():
        control.give(instance)
        second_asks()

    first.meanwhile = [second_asks, tempted]
    assert first.take(instance).granted["fence"] == 2
    assert "number 1" in first.stderr.getvalue()


def test_a_new_holder_is_said_once_too_and_a_long_wait_shows_that_it_lives(control, other, instance):
    control.take(instance, ttl=3600, message="first")

    def handed_over():
        control.give(instance)
        control.take(instance, ttl=3600, message="second")

    patient = Patient(control, other)
    patient.meanwhile = [handed_over, *[lambda: None] * 17, lambda: control.give(instance)]
    patient.take(instance)
    said = patient.stderr.getvalue()
    assert [said.count(word) for word in ("Waiting: ", "first", "second", "Still waiting")] == [2, 1, 1, 1]


def test_a_terminal_sees_one_line_that_changes_and_nothing_of_it_in_the_end(control, other, instance):
    control.take(instance, ttl=3600)
    patient = Patient(control, other, Terminal())
    patient.meanwhile = [lambda: None, lambda: control.give(instance)]
    patient.take(instance)
    lines = patient.stderr.getvalue().split("\n")
    assert lines[1].count("\r\033[K… ") == 2
    assert lines[1].endswith("\r\033[K")


def test_a_holders_message_cannot_command_the_terminal(control, other, instance):
    control.take(instance, ttl=3, message="\033[2J\033]0;owned\007")
    patient = Patient(control, other)
    patient.take(instance)
    assert "\033" not in patient.stderr.getvalue()


def test_waiting_ends_in_time_with_an_exit_code_of_its_own(control, other, instance):
    control.take(instance, ttl=3600)
    patient = Patient(control, other)
    with pytest.raises(hold.TimedOutError) as caught:
        patient.take(instance, timeout=12)
    assert caught.value.exit_code == 124
    assert patient.naps == [1, 1, 2, 4, 4]
    assert "is locked by test" in caught.value.message


def test_who_gives_up_leaves_the_queue_at_once(control, other, instance):
    control.take(instance, ttl=3600)
    with pytest.raises(hold.TimedOutError):
        Patient(control, other).take(instance, timeout=5)
    with pytest.raises(hold.TimedOutError, match="You are number 1 of"):
        Patient(control, other).take(instance, timeout=0)


def test_an_interrupt_while_waiting_takes_nothing_and_releases_nothing(control, other, instance):
    control.take(instance, ttl=3600)
    patient = Patient(control, other)
    patient.meanwhile = [lambda: signal.raise_signal(signal.SIGINT)]
    with pytest.raises(KeyboardInterrupt):
        patient.take(instance)
    assert (control.locks()[instance]["live"], control.locks()[instance]["fence"]) == (True, 1)


def test_an_interrupt_during_the_request_gives_back_what_was_granted(control, other, instance):
    patient = Patient(control, other)
    sent = patient.session.send

    def interrupted(method, path, body):
        if method == "POST":
            signal.raise_signal(signal.SIGINT)
        return sent(method, path, body)

    patient.session.send = interrupted
    with pytest.raises(KeyboardInterrupt):
        patient.take(instance)
    assert not control.locks()[instance]["live"]
    assert "successfully unlocked" in patient.stderr.getvalue()


@pytest.mark.parametrize(
    ("error", "static", "waits"),
    [
        (RefusedError("held", status=409), True, True),
        (RefusedError("busy", status=503), True, True),
        (RefusedError("who?", status=401), False, True),
        (RefusedError("who?", status=401), True, False),
        (RefusedError("no", status=403), False, False),
        (RefusedError("ttl", status=400), False, False),
        (NoAnswerError("lost"), False, True),  # the same job renews what it may have taken
        (NoAnswerError("lost"), True, False),  # a static token would wait for itself
    ],
)
def test_only_what_may_pass_is_waited_for(error, static, waits):
    assert worth_waiting(error, static=static) is waits


@pytest.mark.parametrize(
    ("expires", "passed", "seconds"),
    [
        ("2027-01-15T08:00:03Z", 60, 3.2),
        ("2027-01-15T09:00:00Z", 0, hold.SOONEST),
        ("2027-01-15T09:00:00Z", 3, 3),
        ("2027-01-15T09:00:00Z", 60, hold.POLL),
        ("2027-01-15T07:00:00Z", 60, hold.SOONEST),
        ("", 60, hold.POLL),
        ("soon", 60, hold.POLL),
    ],
)
def test_the_next_look_is_at_the_holders_end_but_never_too_soon_or_too_late(expires, passed, seconds):
    assert next_look(expires, NOW, passed) == pytest.approx(seconds)


def test_the_program_waits_for_a_lock_and_then_holds_it(control, start, instance, other):
    stack, component = instance.split("/")
    control.take(instance, ttl=3600)
    child = start("pro", "lock", component, "-s", stack, "--wait", env=control.static() | {"ATMOS_PRO_TOKEN": other})
    assert "Waiting: " in child.stderr.readline()
    control.give(instance)
    _, err = child.communicate(timeout=30)
    assert (child.returncode, "successfully locked" in err) == (0, True)
    assert control.locks()[instance]["live"]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_the_waiting_program_and_the_holders_lock_stays(control, start, instance, number, code):
    stack, component = instance.split("/")
    control.take(instance, ttl=3600)
    child = start("pro", "lock", component, "-s", stack, "--wait", env=control.static())
    child.stderr.readline()
    child.send_signal(number)
    child.communicate(timeout=30)
    assert (child.returncode, control.locks()[instance]["live"]) == (code, True)


def test_a_held_lock_without_waiting_ends_at_once_and_names_the_flag(control, run, instance, other):
    stack, component = instance.split("/")
    control.take(instance)
    code, _, err = run("pro", "lock", component, "-s", stack, env=control.static() | {"ATMOS_PRO_TOKEN": other})
    assert code == 1
    assert "--wait" in err
    assert "--timeout says how long" in run("pro", "lock", "x", "-s", "y", "--timeout", "3", env=control.static())[2]


@pytest.mark.parametrize("status", [404, 405])
def test_a_server_without_a_queue_is_asked_for_the_lock_itself(sonde, plane, status):
    refused = (409, {"success": False, "errorTag": "LockConflict", "errorMessage": "held by bob"})
    granted = (200, {"success": True, "data": {"key": "k"}})
    plane.says((status, b"<html>"), refused, granted)
    done = sonde("pro", "lock", "vpc", "-s", "dev", "--wait")
    assert (done.returncode, [seen.path for seen in plane.seen]) == (
        0,
        ["/api/v1/locks/wait", "/api/v1/locks", "/api/v1/locks"],
    )
    assert "Waiting: held by bob" in done.stderr


def test_locks_shows_who_holds_what_until_when_and_why(control, run, instance):
    taken = control.take(instance, message="rotating\nkeys")
    code, out, _ = run("pro", "locks", env=control.static())
    line = next(line for line in out.splitlines() if line.startswith(instance))
    assert code == 0
    assert out.splitlines()[0].split() == ["LOCKED", "HOLDER", "UNTIL", "FENCE", "MESSAGE", "RUN"]
    assert line.split() == [instance, "test", taken["expiresAt"], "1", "rotating", "keys"]


def test_locks_as_json_are_what_the_server_says_and_ended_ones_only_if_asked(control, run, instance):
    control.take(instance)
    live = json.loads(run("pro", "locks", "--format", "json", env=control.static())[1])
    assert control.locks()[instance] in live
    control.give(instance)
    live = json.loads(run("pro", "locks", "--format=json", env=control.static())[1])
    every = json.loads(run("pro", "locks", "--format=json", "--all", env=control.static())[1])
    assert f"acme/infra/{instance}" not in {item["key"] for item in live}
    assert f"acme/infra/{instance}" in {item["key"] for item in every}


def test_a_server_without_the_list_of_locks_is_told_apart(sonde, plane):
    plane.says((404, {"success": False, "errorMessage": "Route not found"}))
    done = sonde("pro", "locks")
    assert done.returncode == 1
    assert "Only a Sonde server answers this" in done.stderr
    assert (plane.seen[0].method, plane.seen[0].path) == ("GET", "/api/v1/repos/acme/infra/locks")
