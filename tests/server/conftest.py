"""Fixtures of the server's tests."""

import pytest
from world import World


@pytest.fixture
def world(tmp_path, database_url):
    """A server on each kind of database, beside the offline GitHub."""
    made = World(tmp_path, database_url)
    yield made
    made.close()
