"""Fixtures of the server's tests."""

import pytest
from commands import own_environment, runner
from twins import Twins
from world import World


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
    return own_environment(monkeypatch, tmp_path)


@pytest.fixture
def admin(capsys, environment, database_url):
    """`sonde admin …` on the test's database, with or without a server beside it."""
    environment.setenv("SONDE_DATABASE_URL", database_url)
    return runner(capsys)
