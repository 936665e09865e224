"""One schema, two databases: SQLite embedded, PostgreSQL for replicas. Two ways to write and no third.

`with db.write("point") as tx` is one visible transaction. The other way commits for many: `db.grouped(write, item)` for the hot
writes, whose statements take all items at once (inbox, exchange, locks) and which `sonde serve` hands to processes of their own
(`kernel/writer_process.py`); `db.submit("point", fn)` for other short ones, by one thread (`kernel/writer.py`). On PostgreSQL such
a closure has a transaction of its own.
Time inside a transaction is the database's (`tx.now`), so that replicas agree whatever their own clocks say (reliability.md
§4 rule 3).
"""

import asyncio
import fcntl
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from copy import copy
from typing import Any, TypeVar

from sqlalchemy import URL, Connection, Engine, MetaData, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError

from sonde.server.kernel.grouped import Grouped, unless_collided
from sonde.server.kernel.points import reached
from sonde.server.kernel.tx import Tx, plain
from sonde.server.kernel.wall import BIND, standing
from sonde.server.kernel.writer import Writer
from sonde.server.kernel.writer_process import Start, WriterProcess, Writers

__all__ = ["Database", "DatabaseUrlError", "Grouped", "Tx", "metadata"]
T = TypeVar("T")
A = TypeVar("A")
R = TypeVar("R")
metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    }
)

_CLOCK = {
    "sqlite": "SELECT CAST((julianday('now') - 2440587.5) * 86400000.0 AS INTEGER)",
    "postgresql": "SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000 AS bigint)",
}


WRITERS = 2  # processes beside a server that is pressed: one prepares and answers while the other commits
WAL_PAGES = 8000  # 32 MB: a page that many webhooks touch is copied into the database once for all of them
DRIVERS = {
    "sqlite": "sqlite",
    "sqlite+pysqlite": "sqlite",
    "postgres": "postgresql+psycopg",
    "postgresql": "postgresql+psycopg",
    "postgresql+psycopg": "postgresql+psycopg",
}


class DatabaseUrlError(ValueError):
    """An address that names no database we can use. The text does not repeat it, since it may hold a password."""


def _parsed(url: str) -> URL:
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError) as error:
        raise DatabaseUrlError("it is no database URL") from error
    if parsed.drivername not in DRIVERS:
        raise DatabaseUrlError(f"{parsed.drivername} is neither sqlite nor postgresql")
    if parsed.drivername.startswith("sqlite") and parsed.database in (None, "", ":memory:"):
        raise DatabaseUrlError("SQLite needs a file")
    return parsed.set(drivername=DRIVERS[parsed.drivername])


class Database:
    """Connections to one database. `clock_offset` (milliseconds) lets tests move time; it is 0 in production.

    Raises DatabaseUrlError.
    """

    def __init__(self, url: str) -> None:
        parsed = _parsed(url)
        self.dialect = parsed.get_backend_name()
        self.clock_offset = 0
        self.wall = (
            ""  # PostgreSQL: the role of who acts in the name of one workspace (`kernel/wall.py`), once it was found
        )
        self.acting_for = ""  # that workspace; empty: for any
        self._read_at = 0.0, 0  # by our monotonic clock, and what the database's clock said then
        self._writer_lock = threading.Lock()
        self._writing = 0  # the thread that holds the lock
        self._turn: int | None = None  # SQLite: the file on which our processes wait for their turn to write
        self._writer = Writer(self.write)
        self._hot: Writer | Writers = self._writer
        self._closures: dict[str, Grouped[Any, Any]] = {}
        self._pool = ThreadPoolExecutor(16, thread_name_prefix="db") if self.dialect != "sqlite" else None
        self.engine = (
            self._sqlite(parsed)
            if self.dialect == "sqlite"
            else create_engine(parsed, pool_size=16, pool_pre_ping=True, hide_parameters=True)
        )

    @staticmethod
    def _sqlite(url: Any) -> Engine:
        connecting = {"timeout": 10, "check_same_thread": False}
        engine = create_engine(url, connect_args=connecting, pool_size=16, hide_parameters=True)

        @event.listens_for(engine, "connect")
        def _pragmas(connection: Any, record: Any) -> None:
            del record
            connection.isolation_level = None  # we say BEGIN ourselves; pysqlite would delay it
            for pragma in (
                "journal_mode=WAL",
                "synchronous=FULL",
                "foreign_keys=ON",
                "busy_timeout=10000",
                "temp_store=MEMORY",  # else each statement that may fail in the middle makes a file
                "cache_size=-4000",
                f"wal_autocheckpoint={WAL_PAGES}",
            ):
                connection.execute(f"PRAGMA {pragma}")

        @event.listens_for(engine, "begin")
        def _begin(connection: Connection) -> None:
            write = connection.get_execution_options().get("sonde_write", False)
            connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")

        return engine

    def _tx(self, connection: Connection) -> Tx:
        if self.dialect == "sqlite":
            with plain(connection) as cursor:
                now = cursor.execute(_CLOCK["sqlite"]).fetchone()[0]
        else:
            now = self._clock_of_postgresql(connection)
        self._read_at = time.monotonic(), int(now)
        return Tx(connection, int(now) + self.clock_offset)

    def within(self, workspace_id: str) -> "Database":
        """The same for what is done in the name of one workspace: where there is a wall its transactions see no other's rows.

        What is grouped is done for many workspaces at once, and is not bound.
        """
        if not self.wall:
            return self
        bound = copy(self)
        bound.acting_for = workspace_id
        return bound

    def _clock_of_postgresql(self, connection: Connection) -> Any:
        if not self.acting_for:
            return connection.exec_driver_sql(_CLOCK[self.dialect]).scalar_one()
        return connection.exec_driver_sql(f"{_CLOCK[self.dialect]}, {BIND}", (self.acting_for, self.wall)).scalar_one()

    def find_wall(self) -> None:
        """Look whether there is a wall between workspaces, which `within` then uses."""
        if self.dialect == "postgresql":
            self.wall = standing(self.engine)

    def clock(self) -> int:
        """The database's clock, in epoch milliseconds UTC."""
        with self.read() as tx:
            return tx.now

    def recently(self) -> int | None:
        """The database's clock as a transaction of the last second read it, carried on; None where there was none.

        For the event loop, which must not wait for the database. What this time lets in, a transaction decides again.
        """
        at, now = self._read_at
        since = time.monotonic() - at
        return now + int(since * 1000) + self.clock_offset if now and since < 1 else None

    @contextmanager
    def read(self) -> Iterator[Tx]:
        """A transaction that only reads: one snapshot on SQLite, READ COMMITTED on PostgreSQL."""
        with self.engine.connect() as connection, connection.begin():
            yield self._tx(connection)

    @contextmanager
    def write(self, point: str) -> Iterator[Tx]:
        """One write transaction, committed when the block ends without an exception."""
        with self.engine.connect() as connection:
            writing = connection.execution_options(sonde_write=True)
            with self._exclusive(), writing.begin():
                yield self._tx(writing)
                reached(point, "before")
            reached(point, "after")

    @contextmanager
    def _exclusive(self) -> Iterator[None]:
        # SQLite has one writer, and would poll for its turn; our threads wait on the lock, our processes on the file
        if self.dialect != "sqlite":
            yield
            return
        if self._writing == threading.get_ident():
            raise RuntimeError(
                "a write transaction inside a write transaction of the same thread would wait for itself"
            )
        with self._writer_lock:
            turn = self._turn_file()
            self._writing = threading.get_ident()
            fcntl.flock(turn, fcntl.LOCK_EX)
            try:
                yield
            finally:
                fcntl.flock(turn, fcntl.LOCK_UN)
                self._writing = 0

    def _turn_file(self) -> int:
        """A file beside the database, which none of SQLite's own locks lie on. A process that dies gives it up."""
        if self._turn is None:
            self.engine.connect().close()  # where there can be no database, SQLite says so best
            self._turn = os.open(f"{self.engine.url.database}-turn", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        return self._turn

    def submit(self, point: str, run: Callable[[Tx], T]) -> "Future[T]":
        """Run `run(tx)` in a write transaction soon; the future resolves after the commit, never before.

        On SQLite closures of one point share a commit, each in a savepoint of its own.
        """
        if self._pool:
            return self._pool.submit(unless_collided, self.write, point, run)
        return self._writer.ask(self._closures.setdefault(point, Grouped(point, _each)), run)

    def group(self, write: Grouped[A, R], item: A) -> "Future[R]":
        """Ask for a hot write from a thread. It shares its transaction with all who ask for the same at the time."""
        return self._writer.ask(write, item)

    def grouped(self, write: Grouped[A, R], item: A) -> "asyncio.Future[R]":
        """Ask for a hot write from the event loop; the future resolves after the commit."""
        return self._hot.asked(write, item)

    def write_elsewhere(self, start: Start) -> None:
        """From now on hot writes are run by processes that `start` makes (`kernel/writer_process.py`)."""
        self._hot = Writers([WriterProcess(start, self.heard) for _ in range(WRITERS)])

    def open_writers(self) -> None:
        """From the event loop: start the first of those processes, so that the first request does not wait for it."""
        if isinstance(self._hot, Writers):
            self._hot.open()

    def heard(self, now: int) -> None:
        """Another process of ours read the database's clock just now."""
        self._read_at = time.monotonic(), now

    def last_read(self) -> int:
        """What the database's clock said when it was last read here."""
        return self._read_at[1]

    @property
    def asked(self) -> int:
        """How many hot writes were asked for since the start."""
        return self._hot.count

    def close(self) -> None:
        """Finish what was submitted, then close every connection."""
        self._hot.close()
        self._writer.close()
        if self._pool:
            self._pool.shutdown(wait=True)
        self.engine.dispose()
        if self._turn is not None:
            os.close(self._turn)
            self._turn = None


def _each(tx: Tx, closures: Sequence[Callable[[Tx], Any]]) -> list[Any]:
    """Run closures one after the other; what one of them raises is its own answer, and undoes what it wrote."""
    answers: list[Any] = []
    for run in closures:
        savepoint = tx.connection.begin_nested()
        try:
            answers.append(run(tx))
            savepoint.commit()
        except Exception as error:
            with suppress(DBAPIError):
                savepoint.rollback()
                answers.append(error)
                continue
            raise error from None  # some full disks end the whole transaction, savepoint and all
    return answers
