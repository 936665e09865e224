"""Fixtures of the server's tests."""

import pytest
from twins import Twins
from world import World


@pytest.fixture(scope="module")
def twins(tmp_path_factory):
    """The same bare server on SQLite and on PostgreSQL, for questions that both must answer alike."""
    made = Twins.start(tmp_path_factory.mktemp("twins"))
    yield made
    made.stop()


@pytest.fixture
def world(tmp_path, database_url):
    """A server on each kind of database, beside the offline GitHub."""
    made = World(tmp_path, database_url)
    yield made
    made.close()
