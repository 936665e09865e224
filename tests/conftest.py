"""One PostgreSQL for the whole run, started by the controlling process; each test gets a database of its own on both kinds."""

import functools
import gc
import itertools
import os
import shutil
import signal

import postgres
import pytest
from hypothesis import settings

# the gate judges a change, not the luck of a draw: examples are the same each run, unless SONDE_TEST_RANDOM asks for others
settings.register_profile("suite", derandomize=not os.environ.get("SONDE_TEST_RANDOM"), deadline=None)
settings.load_profile("suite")

URL = "SONDE_TEST_PG_URL_OF_RUN"  # how the controller tells its workers where the cluster is
_cluster = pytest.StashKey[postgres.Cluster | None]()
_ran: dict[str, int] = {"sqlite": 0, "postgresql": 0}


def pytest_configure(config):
    # a shell that starts us in the background has SIGINT ignored, and what we start would inherit that
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if hasattr(config, "workerinput"):
        return
    config.stash[_cluster] = None
    if _wants_databases(config):
        config.stash[_cluster] = cluster = postgres.start()
        os.environ[URL] = cluster.url("") if cluster else ""
        if cluster is None and os.environ.get("SONDE_TEST_REQUIRE_PG"):
            raise pytest.UsageError(
                "SONDE_TEST_REQUIRE_PG is set, but no PostgreSQL was found (SONDE_TEST_PG_BIN, PATH, /usr/lib/postgresql)"
            )


def pytest_collection_finish():
    gc.collect()
    gc.freeze()  # modules and test items stay for good: the collector need not walk them again and again


def _wants_databases(config):
    chosen = [str(arg) for arg in config.args]
    return not chosen or any("server" in arg or "wire" in arg or arg.rstrip("/").endswith("tests") for arg in chosen)


def pytest_unconfigure(config):
    if cluster := config.stash.get(_cluster, None):
        postgres.stop(cluster)


def pytest_runtest_logreport(report):
    if report.when == "call" and report.outcome == "passed":
        for kind in _ran:
            _ran[kind] += f"[{kind}" in report.nodeid or f"-{kind}" in report.nodeid


def pytest_terminal_summary(terminalreporter, config):
    if not sum(_ran.values()):
        return
    cluster = config.stash.get(_cluster, None)
    where = (
        f"PostgreSQL {cluster.version}: {_ran['postgresql']}"
        if cluster
        else "PostgreSQL: none, no binaries were found (set SONDE_TEST_PG_BIN)"
    )
    terminalreporter.write_line(
        f"databases: SQLite: {_ran['sqlite']} tests passed; {where}" + (" tests passed" if cluster else "")
    )


@pytest.fixture(scope="session", autouse=True)
def _keys_made_once():
    """Real RSA keys, made once per worker and dealt in turn, and read once: either takes longer than most tests."""
    from jwt import algorithms

    from sonde.sandbox import keys, oidc, world

    new = functools.cache(lambda _: keys.new_rsa_key())
    turn = itertools.cycle(range(4))
    with pytest.MonkeyPatch.context() as patch:
        for module in (world, oidc):
            patch.setattr(module, "new_rsa_key", lambda: new(next(turn)))
        patch.setattr(algorithms, "load_pem_private_key", functools.cache(algorithms.load_pem_private_key))
        yield


@pytest.fixture(scope="session")
def templates(tmp_path_factory):
    """Migrated, empty databases, made once per worker and copied for each test."""
    return {"folder": tmp_path_factory.mktemp("templates"), "made": {}}


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request, templates, tmp_path):
    """The URL of an empty database at the current schema, on each kind."""
    if request.param == "sqlite":
        source = templates["made"].get("sqlite") or _sqlite_template(templates)
        copy = tmp_path / "sonde.sqlite"
        shutil.copy(source, copy)
        return f"sqlite:///{copy}"
    base = os.environ.get(URL, "")
    if not base:
        pytest.skip("no PostgreSQL binaries were found (SONDE_TEST_PG_BIN, PATH, /usr/lib/postgresql)")
    return _pg_database(base, templates)


def _sqlite_template(templates):
    from sonde.server.kernel.db import Database
    from sonde.server.migrate import upgrade

    path = templates["folder"] / "template.sqlite"
    db = Database(f"sqlite:///{path}")
    upgrade(db)
    db.close()
    templates["made"]["sqlite"] = path
    return path


def _pg_database(base, templates):
    import psycopg

    from sonde.server.kernel.db import Database
    from sonde.server.migrate import upgrade

    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    with psycopg.connect(base + "postgres", autocommit=True) as connection:
        if "postgresql" not in templates["made"]:
            connection.execute(f"CREATE DATABASE template_{worker}")
            db = Database(base + f"template_{worker}")
            upgrade(db)
            db.close()
            templates["made"]["postgresql"] = 0
        templates["made"]["postgresql"] += 1
        name = f"test_{worker}_{templates['made']['postgresql']}"
        connection.execute(f"CREATE DATABASE {name} TEMPLATE template_{worker}")
    return base + name
