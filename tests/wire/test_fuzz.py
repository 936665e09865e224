"""What schemathesis makes of our description finds no 5xx, nothing undescribed, and the same status on both databases."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from mirror import Mirror, door
from storm import stormy
from twins import new_database
from world import World

from sonde.server.kernel.db import Database
from sonde.server.migrate import upgrade

DESCRIPTION = Path(__file__).resolve().parents[2] / "docs" / "openapi.json"
LONG = bool(os.environ.get("SONDE_TEST_LONG"))
EXAMPLES = int(os.environ.get("SONDE_FUZZ_EXAMPLES", "200" if LONG else "3"))
TOKEN = "a-static-token-for-schemathesis"


@pytest.fixture(scope="module")
def worlds(tmp_path_factory):
    """The same place on SQLite and on PostgreSQL."""
    made = []
    for kind in ("sqlite", "postgresql"):
        folder = tmp_path_factory.mktemp(kind)
        if (url := new_database(kind, folder)) is None:
            continue
        db = Database(url)
        upgrade(db)
        db.close()
        made.append(World(folder, url))
    yield made
    for world in made:
        world.close()


@pytest.fixture(scope="module")
def mirror(worlds):
    servers = []
    for world in worlds:
        world.open_pull_request()
        world.static_token(repository=False, secret=TOKEN)
        servers.append((world.server.url, world.session(world.run_of("pull_request").run_id)))
    return Mirror(servers)


def schemathesis(address, folder, *more):
    words = [sys.executable, "-m", "schemathesis.cli", "run", str(DESCRIPTION), "--url", address, "--checks", "all"]
    words += [
        "--generation-allow-x00",
        "false",
        "--max-examples",
        str(EXAMPLES),
        "-H",
        f"Authorization: Bearer {TOKEN}",
        *more,
    ]
    hooks = {"SCHEMATHESIS_HOOKS": "fuzz_hooks", "PYTHONPATH": str(Path(__file__).parent)}
    return subprocess.run(
        words, env=os.environ | hooks, cwd=folder, capture_output=True, text=True, check=False, timeout=3000
    )


def test_schemathesis_finds_nothing(mirror, tmp_path):
    chosen = () if LONG else ("--generation-deterministic", "--phases", "examples,fuzzing,stateful")
    with door(mirror) as address:
        ran = schemathesis(address, tmp_path, *chosen)
    (tmp_path / "schemathesis.txt").write_text(ran.stdout)
    print(ran.stdout[-20000:], ran.stderr[-3000:])
    print(
        "\n".join(
            f"{method} {path} {status}: {count}" for (method, path, status), count in sorted(mirror.statuses.items())
        )
    )
    assert mirror.differences == []
    assert ran.returncode == 0
    assert re.search(r"[1-9]\d* generated", ran.stdout)


class Spoiled(Mirror):
    """Fails where the second server alone would: its answer to a lock is another one than the first server's."""

    def __init__(self, servers, spoil):
        super().__init__(servers)
        self._spoil, self._turn = spoil, 0

    def _sent(self, *asked):
        status, headers, text = super()._sent(*asked)
        self._turn += 1
        return (self._spoil(self._turn, status), headers, text)


PLANTED = {
    "a 500 on both": lambda _turn, _status: 500,
    "another status on one": lambda turn, status: status if turn % 2 else 418,
    "a status that is not described": lambda _turn, _status: 402,
}


@pytest.mark.parametrize("fault", stormy(PLANTED, {"another status on one"}))
def test_a_planted_fault_is_found(mirror, tmp_path, fault):
    with door(Spoiled(mirror.servers[:1] * 2, PLANTED[fault])) as address:
        ran = schemathesis(address, tmp_path, "--phases", "fuzzing", "--include-path", "/api/v1/locks/all")
    assert ran.returncode == 1, ran.stdout
    assert "Server error" in ran.stdout or "Undocumented status code" in ran.stdout
