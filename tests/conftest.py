"""One PostgreSQL for the whole run, started by the controlling process; each test gets a database of its own on both kinds."""

import functools
import gc
import itertools
import os
import shutil
import signal
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import postgres
import pytest
from hypothesis import settings
from program import shared

# the gate judges a change, not the luck of a draw: examples are the same each run, unless SONDE_TEST_RANDOM asks for others
settings.register_profile("suite", derandomize=not os.environ.get("SONDE_TEST_RANDOM"), deadline=None)
settings.load_profile("suite")

URL = "SONDE_TEST_PG_URL_OF_RUN"  # how the controller tells its workers where the cluster is
# what tests write is gone at their end; git, SQLite and PostgreSQL would wait for a disk, minutes for one that others keep busy
MEMORY, ROOM = Path("/dev/shm"), 2 << 30
_cluster = pytest.StashKey[postgres.Cluster | None]()
_ran: dict[str, int] = {"sqlite": 0, "postgresql": 0}


def pytest_configure(config):
    # a shell that starts us in the background has SIGINT ignored, and what we start would inherit that
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ROOM:
        tempfile.tempdir = str(MEMORY)
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))
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
    gc.set_threshold(20_000, 20, 20)  # garbage in cycles may wait; the default looks for it every 700 objects


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


class _Compiled(dict[Any, Any]):
    """A cache of compiled statements by the kind of the dialect, where SQLAlchemy's asks for the same dialect object."""

    def get(self, key, default=None):
        return super().get((type(key[0]), *key[1:]), default)

    def __setitem__(self, key, made):
        super().__setitem__((type(key[0]), *key[1:]), made)


@pytest.fixture(scope="session", autouse=True)
def _statements_compiled_once():
    """A server compiles each statement once in its life; here each test has a server, whose engine would begin anew."""
    from sqlalchemy import create_engine

    from sonde.server.kernel import db

    with pytest.MonkeyPatch.context() as patch:
        options = {"compiled_cache": _Compiled()}
        patch.setattr(db, "create_engine", functools.partial(create_engine, execution_options=options))
        yield


@pytest.fixture(scope="session", autouse=True)
def _plain_tracebacks():
    """As in production: structlog paints those of tests if `rich` is there, a tenth of a second for each."""
    from structlog import dev

    dev.ConsoleRenderer.get_active().exception_formatter = dev.plain_traceback


@pytest.fixture(scope="session")
def program():
    """The `sonde` program, imported once per worker."""
    return shared()


@pytest.fixture(scope="session", autouse=True)
def _program_ends():
    yield
    if shared.cache_info().currsize:
        shared().close()


@pytest.fixture(scope="session")
def fresh_database(tmp_path_factory):
    """A context manager: the URL of an empty database of a kind at the current schema, a copy of one made per worker."""
    template = functools.cache(lambda: _sqlite_template(tmp_path_factory.mktemp("template") / "template.sqlite"))
    copies = functools.cache(_pg_template)

    @contextmanager
    def fresh(kind, folder):
        if kind == "sqlite":
            yield f"sqlite:///{shutil.copy(template(), folder / 'sonde.sqlite')}"
            return
        base = os.environ.get(URL, "")
        if not base:
            pytest.skip("no PostgreSQL binaries were found (SONDE_TEST_PG_BIN, PATH, /usr/lib/postgresql)")
        name = copies(base).take()
        yield base + name
        copies(base).give_back(name)

    yield fresh
    if copies.cache_info().currsize:
        copies(os.environ[URL]).close()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request, fresh_database, tmp_path):
    """The URL of an empty database at the current schema, on each kind."""
    with fresh_database(request.param, tmp_path) as url:
        yield url


def _sqlite_template(path):
    _migrate(f"sqlite:///{path}")
    return path


def _pg_template(base):
    import psycopg

    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    with psycopg.connect(base + "postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE template_{worker}")
    _migrate(base + f"template_{worker}")
    return postgres.Copies(base, worker)


def _migrate(url):
    from sonde.server.kernel.db import Database
    from sonde.server.migrate import upgrade

    db = Database(url)
    upgrade(db)
    db.close()
