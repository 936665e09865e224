"""`sonde pro with-lock` as a process, by a static token and as a job of GitHub Actions, against a real control plane."""

import io
import itertools
import signal
import sys
import threading
import time

import pytest

from sonde.cli import client, hold
from sonde.cli.errors import RefusedError
from sonde.cli.git import Repository
from sonde.cli.log import Log
from sonde.cli.process import Process
from sonde.cli.settings import ProSettings
from sonde.cli.transport import Transport
from sonde.cli.with_lock import Watch, renew
from sonde.server.kernel import db
from sonde.wire import locks

names = (f"with-{number}" for number in itertools.count())
WITH = ("pro", "with-lock")
# Says that it runs, then lives until it is told to end, and says by what.
WAITS = """
import os, signal, sys, time
def end(number, frame):
    os.write(1, f"told {signal.Signals(number).name}\\n".encode())
    sys.exit(7)
for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, end)
os.write(1, b"running\\n")
time.sleep(60)
"""


@pytest.fixture
def name():
    return next(names)


@pytest.fixture
def job(control, name):
    return control.job(f"branch-{name}")


ACQUIRED = "lock.acquire after"


def waits():
    return ("--", sys.executable, "-c", WAITS)


def test_the_lock_is_held_while_the_command_runs_and_given_back_after_it(control, start, name):
    child = start(*WITH, name, "-s", "dev", *waits(), env=control.static())
    assert child.stdout.readline() == "running\n"
    assert control.locks()[f"dev/{name}"]["live"]
    child.send_signal(signal.SIGTERM)
    out, err = child.communicate(timeout=30)
    assert (child.returncode, out) == (7, "told SIGTERM\n")
    assert f"✓ Stack 'acme/infra/dev/{name}' successfully unlocked" in err
    assert not control.locks()[f"dev/{name}"]["live"]


@pytest.mark.parametrize("code", [0, 3])
def test_the_commands_exit_code_is_ours(control, run, name, code):
    got, _, _ = run(*WITH, name, "-s", "dev", "--", "sh", "-c", f"exit {code}", env=control.static())
    assert got == code
    assert not control.locks()[f"dev/{name}"]["live"]


def test_the_commands_own_flags_stay_its_own(control, run, name):
    code, out, _ = run(*WITH, name, "-s", "dev", "--", "echo", "-s", "x", "--ttl", "--", env=control.static())
    assert (code, out) == (0, "-s x --ttl --\n")


def test_without_the_lock_nothing_runs(control, run, name):
    control.take(f"dev/{name}")
    other = control.static() | {"ATMOS_PRO_TOKEN": control.world.static_token()}
    code, out, err = run(*WITH, name, "-s", "dev", "--", "echo", "ran", env=other)
    assert (code, out) == (1, "")
    assert "is locked by test until" in err
    assert control.locks()[f"dev/{name}"]["live"]


def test_a_command_that_does_not_exist_locks_nothing(control, run, name):
    code, _, err = run(*WITH, name, "-s", "dev", "--", "no-such-tool", env=control.static())
    assert code == 127
    assert "command not found: no-such-tool" in err
    assert f"dev/{name}" not in control.locks()


def test_a_static_token_locks_for_long_and_says_that_it_cannot_renew(control, start, name):
    child = start(*WITH, name, "-s", "dev", *waits(), env=control.static())
    child.stdout.readline()
    until = control.locks()[f"dev/{name}"]["expiresAt"]
    left = time.mktime(time.strptime(until, "%Y-%m-%dT%H:%M:%SZ")) - time.mktime(time.gmtime())
    child.terminate()
    _, err = child.communicate(timeout=30)
    assert 4 * 3600 - 60 < left <= 4 * 3600 + 60
    assert f"A static token cannot renew it: it ends at {until}" in err


def test_a_job_renews_its_lock_for_as_long_as_the_command_runs(control, start, job, name, monkeypatch):
    child = start(*WITH, name, "-s", "dev", "--ttl", "3", *waits(), env=job)
    assert child.stdout.readline() == "running\n"
    first = control.locks()[f"dev/{name}"]
    again = threading.Semaphore(0)
    monkeypatch.setattr(db, "reached", lambda point, side: again.release() if f"{point} {side}" == ACQUIRED else None)
    while control.locks()[f"dev/{name}"]["expiresAt"] == first["expiresAt"]:
        assert again.acquire(timeout=20)
    renewed = control.locks()[f"dev/{name}"]
    child.terminate()
    _, err = child.communicate(timeout=30)
    assert renewed["expiresAt"] > first["expiresAt"]
    assert (renewed["fence"], renewed["live"]) == (first["fence"], True)
    assert "It is renewed every 1 s" in err
    assert not control.locks()[f"dev/{name}"]["live"]


def taken_away(control, name):
    """An administrator releases the lock and another takes it."""
    other = control.world.static_token()
    control.give(f"dev/{name}", token=other)
    control.take(f"dev/{name}", token=other, message="mine now")


def test_a_lost_lock_is_said_loudly_and_the_new_holders_lock_stays(control, start, job, name):
    child = start(*WITH, name, "-s", "dev", "--ttl", "3", "--stop-if-lost", *waits(), env=job)
    child.stdout.readline()
    taken_away(control, name)
    out, err = child.communicate(timeout=30)
    assert (child.returncode, out) == (7, "told SIGTERM\n")
    assert f"THE LOCK OF 'acme/infra/dev/{name}' IS LOST" in err
    assert "mine now" in err
    assert "is not released, since it is not ours any more" in err
    assert control.locks()[f"dev/{name}"]["live"]


def test_without_stop_if_lost_the_command_goes_on(control, start, job, name):
    child = start(*WITH, name, "-s", "dev", "--ttl", "3", *waits(), env=job)
    child.stdout.readline()
    taken_away(control, name)
    assert any("IS LOST" in line and "goes on" in line for line in child.stderr)
    assert child.poll() is None
    child.terminate()
    child.wait(30)


def test_a_static_token_does_not_end_the_lock_of_who_came_after(control, start, name):
    child = start(*WITH, name, "-s", "dev", *waits(), env=control.static())
    child.stdout.readline()
    taken_away(control, name)
    child.terminate()
    _, err = child.communicate(timeout=30)
    assert child.returncode == 7
    assert "is not released, since it is not ours any more: test holds it now" in err
    assert control.locks()[f"dev/{name}"]["live"]


def test_ctrl_c_reaches_the_command_once_and_the_lock_is_given_back(control, start, name):
    child = start(*WITH, name, "-s", "dev", *waits(), env=control.static())
    child.stdout.readline()
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=30)
    assert (child.returncode, out) == (7, "told SIGINT\n"), err
    assert not control.locks()[f"dev/{name}"]["live"]


@pytest.fixture
def watch(plane, tls_plane, pki, tmp_path):
    """A job that holds lock `a` with fence 1, signed in by OIDC, whose time is over in a minute."""
    process = Process({}, tmp_path, io.StringIO(), io.StringIO(), now=time.time, sleep=time.sleep)
    where = {"oidc_request_url": f"{tls_plane.url}/token", "oidc_request_token": "ask", "workspace_id": "ws_1"}
    settings = ProSettings(base_url=plane.url, **where)
    tls_plane.says((200, {"value": "jwt"}))
    wire = Transport({"SSL_CERT_FILE": str(pki / "ca.pem")})
    session = client.Session(settings, process, Log(process.stderr, "off"), wire)
    waiting = hold.Waiting(process, None, lambda: 40.0)
    taken = hold.Hold("k", {"id": "a", "fence": 1}, 60.0)
    return Watch(session, Repository(owner="acme", name="infra"), locks.LockRequest("k", ttl=60), taken, waiting, False)


def again(lock_id, fence):
    return 200, {"success": True, "data": {"id": lock_id, "fence": fence}}


@pytest.mark.parametrize(
    ("answer", "lost", "until"),
    [
        (again("a", 1), "", 100.0),
        (again("b", 3), "another may have held it since", 100.0),
        ((409, {"success": False, "errorMessage": "k is locked by octo-dev"}), "k is locked by octo-dev", 60.0),
    ],
)
def test_a_renewed_lock_is_the_same_one_or_it_was_lost(watch, plane, answer, lost, until):
    plane.says(answer)
    said = renew(watch)
    assert (said == "") if not lost else (lost in said)
    assert watch.taken.until == until


def test_a_session_that_is_over_is_replaced_and_the_lock_renewed(watch, plane):
    refused = (401, {"success": False, "errorMessage": "expired"})
    plane.says(refused, (200, {"success": True, "data": {"token": "fresh"}}), again("a", 1))
    assert renew(watch) == ""
    assert [seen.path for seen in plane.seen] == ["/api/v1/locks", "/api/v1/auth/github-oidc", "/api/v1/locks"]
    assert plane.seen[2].headers["authorization"] == "Bearer fresh"


def test_waiting_signs_in_again_once_and_a_second_refusal_is_final(watch, plane):
    refused = (401, {"success": False, "errorMessage": "not you"})
    plane.says(refused, (200, {"success": True, "data": {"token": "fresh"}}), refused)
    naps = []
    process = watch.session.process._replace(sleep=naps.append)
    waiting = hold.Waiting(process, 100.0, lambda: 0.0)
    with pytest.raises(RefusedError, match="not you"), hold.held(watch.session, watch.request, waiting):
        pass
    assert (len(plane.seen), len(naps)) == (3, 1)


def test_a_server_that_does_not_unlock_does_not_hide_how_the_command_ended(sonde, plane):
    granted = {"key": "acme/infra/dev/vpc", "expiresAt": "2030-01-01T00:00:00Z"}
    plane.says((200, {"success": True, "data": granted}), (500, {"success": False, "errorMessage": "disk full"}))
    done = sonde(*WITH, "vpc", "-s", "dev", "--", "sh", "-c", "exit 5")
    assert done.returncode == 5
    assert "could not be released" in done.stderr
    assert "disk full" in done.stderr
    assert "ends by itself at 2030-01-01T00:00:00Z" in done.stderr
    assert [seen.method for seen in plane.seen] == ["POST", "DELETE"]
    assert plane.seen[0].body["ttl"] > locks.DEFAULT_TTL


def test_a_lock_whose_time_was_over_is_not_said_to_be_released_by_another(control, run, name):
    wait = "import time; time.sleep(2.5)"
    _, _, err = run(*WITH, name, "-s", "dev", "--ttl", "1", "--", "python3", "-c", wait, env=control.static())
    assert "IS LOST: its time was over before it could be renewed." in err
    assert "released by another" not in err
