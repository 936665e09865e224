"""Fixtures of the server's tests."""

import signal
import sys

import pytest
from commands import own_environment, runner
from twins import Twins
from world import World, forget_logs

from sonde.cli import errors
from sonde.main import cli


@pytest.fixture(scope="module")
def twins(tmp_path_factory):
    """The same bare server on SQLite and on PostgreSQL, for questions that both must answer alike."""
    made = Twins.start(tmp_path_factory.mktemp("twins"))
    yield made
    made.stop()


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def shared_world(request, fresh_database, tmp_path_factory):
    """One world on each kind of database for all questions of a module that change nothing."""
    folder = tmp_path_factory.mktemp("shared")
    with fresh_database(request.param, folder) as url:
        made = World(folder, url)
        yield made
        made.close()


@pytest.fixture
def world(tmp_path, database_url):
    """A server on each kind of database, beside the offline GitHub."""
    made = World(tmp_path, database_url)
    yield made
    made.close()


@pytest.fixture
def environment(monkeypatch, tmp_path):
    own_environment(monkeypatch, tmp_path)
    kept = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    yield monkeypatch
    for number, handler in kept.items():
        signal.signal(number, handler)
    forget_logs()  # `serve` writes to the stderr of its test, which is closed now


@pytest.fixture
def refusal(capsys, environment):
    """Run `sonde serve`, which must refuse; its exit code and its one sentence."""

    def run(*argv, **variables):
        for name, value in variables.items():
            environment.setenv(f"SONDE_{name}", str(value))
        with pytest.raises(SystemExit) as stopped:
            errors.run(cli, ["serve", "--listen", "127.0.0.1:0", *argv], prog="sonde", env={}, stderr=sys.stderr)
        out, err = capsys.readouterr()
        assert out == ""
        assert err.startswith("sonde serve: ")
        assert err.count("\n") == 1, err
        assert err.endswith(".\n")
        return stopped.value.code, err

    return run


@pytest.fixture
def admin(capsys, environment, database_url):
    """`sonde admin …` on the test's database, with or without a server beside it."""
    environment.setenv("SONDE_DATABASE_URL", database_url)
    return runner(capsys)
