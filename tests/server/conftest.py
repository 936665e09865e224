"""Fixtures of the server's tests."""

import itertools

import pytest
from twins import Twins
from world import World

from sonde.sandbox import keys


@pytest.fixture(scope="session", autouse=True)
def _keys_made_once():
    """Real RSA keys, made once per worker and dealt in turn: making one takes longer than most tests."""
    made = itertools.cycle([keys.new_rsa_key() for _ in range(4)])
    with pytest.MonkeyPatch.context() as patch:
        for module in ("world", "oidc"):
            patch.setattr(f"sonde.sandbox.{module}.new_rsa_key", lambda: next(made))
        yield


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
