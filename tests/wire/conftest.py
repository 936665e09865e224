"""The recordings, and a server on each kind of database to replay them to."""

import json
import os
from pathlib import Path

import pytest
from replay import Place
from twins import new_database

from sonde.server.kernel.db import Database
from sonde.server.migrate import upgrade

ROOT = Path(__file__).resolve().parents[2]
CORPUS = Path(os.environ.get("SONDE_CONFORMANCE_DIR") or ROOT.parent / "shared" / "conformance") / "wire"


@pytest.fixture(scope="session")
def recordings():
    """Every recorded conversation, by name."""
    files = sorted((CORPUS / "recordings").glob("*.json"))
    if not files:
        pytest.skip("no recordings: set SONDE_CONFORMANCE_DIR to the conformance corpus")
    return [json.loads(path.read_text()) for path in files]


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def place(request, tmp_path_factory, recordings):
    """A live server beside the offline GitHub, with what the recordings speak of."""
    folder = tmp_path_factory.mktemp("place")
    url = new_database(request.param, folder)
    if url is None:
        pytest.skip("no PostgreSQL binaries were found (SONDE_TEST_PG_BIN, PATH, /usr/lib/postgresql)")
    db = Database(url)
    upgrade(db)
    db.close()
    made = Place(folder, url, deleted=sorted(set(deletions(recordings))))
    yield made
    made.close()


def deletions(recordings):
    for recording in recordings:
        for request in recording["requests"]:
            if "git/commit" in request.get("path", ""):
                yield from (change["path"] for change in request["body"]["changes"]["deletions"])


@pytest.fixture(scope="session")
def claims(recordings):
    """The claims of a job of a pull request, as they were recorded."""
    (found,) = (one for one in recordings if one["name"] == "lock-ok-oidc")
    return next(request["decoded_jwt"]["claims"] for request in found["requests"] if "decoded_jwt" in request)
