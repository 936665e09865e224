"""One schema, two databases: SQLite embedded, PostgreSQL for replicas. Two ways to write and no third.

`with db.write("point") as tx` is one visible transaction. `db.submit("point", fn)` is for the short hot writes (inbox,
exchange, locks): on SQLite one writer thread runs each closure in its own savepoint and acknowledges all of them after
one shared commit (one fsync); on PostgreSQL it is a transaction of its own. Time inside a transaction is the database's
(`tx.now`), so that replicas agree whatever their own clocks say (reliability.md §4 rule 3).
"""

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import URL, Connection, Engine, Executable, MetaData, Row, create_engine, event, literal, make_url, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import CursorResult
from sqlalchemy.exc import ArgumentError, DBAPIError

from sonde.server.kernel.points import reached

T = TypeVar("T")
metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    }
)
BATCH = 256  # closures that may share one commit
TRIES = 5  # of a closure that PostgreSQL chose as the victim of a collision (reliability.md F7)
COLLIDED = frozenset({"40001", "40P01"})  # serialization failure, deadlock: nothing of the transaction stands

_CLOCK = {
    "sqlite": text("SELECT CAST((julianday('now') - 2440587.5) * 86400000.0 AS INTEGER)"),
    "postgresql": text("SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000 AS bigint)"),
}


@dataclass(frozen=True)
class Tx:
    """One transaction: a connection and the database's clock, read once, in epoch milliseconds UTC."""

    connection: Connection
    now: int

    def run(self, statement: Executable, parameters: Any = None) -> CursorResult[Any]:
        """Execute one statement."""
        return self.connection.execute(statement, parameters)

    def one(self, statement: Executable, parameters: Any = None) -> Row[Any] | None:
        """The first row, or None."""
        return self.connection.execute(statement, parameters).first()

    def all(self, statement: Executable, parameters: Any = None) -> Sequence[Row[Any]]:
        """Every row."""
        return self.connection.execute(statement, parameters).all()

    def added(self, statement: Any) -> bool:
        """Whether an `INSERT … ON CONFLICT DO NOTHING` inserted; drivers disagree about the row count of an insert."""
        return self.connection.execute(statement.returning(literal(1))).first() is not None

    def insert(self, table: Any) -> Any:
        """`INSERT` of this dialect, with `on_conflict_do_update`; both dialects share the syntax we use."""
        if self.connection.dialect.name == "sqlite":
            return sqlite.insert(table)
        return postgresql.insert(table)


@dataclass(frozen=True)
class _Job:
    point: str
    run: Callable[[Tx], Any]
    future: "Future[Any]"


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
        self._writer_lock = threading.Lock()
        self._writing = 0  # the thread that holds the lock
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._writer: threading.Thread | None = None
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
            for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=10000"):
                connection.execute(f"PRAGMA {pragma}")

        @event.listens_for(engine, "begin")
        def _begin(connection: Connection) -> None:
            write = connection.get_execution_options().get("sonde_write", False)
            connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")

        return engine

    def _tx(self, connection: Connection) -> Tx:
        now = connection.execute(_CLOCK[self.dialect]).scalar_one()
        return Tx(connection, int(now) + self.clock_offset)

    @contextmanager
    def read(self) -> Iterator[Tx]:
        """A transaction that only reads: one snapshot on SQLite, READ COMMITTED on PostgreSQL."""
        with self.engine.connect() as connection, connection.begin():
            yield self._tx(connection)

    @contextmanager
    def write(self, point: str) -> Iterator[Tx]:
        """One write transaction, committed when the block ends without an exception."""
        with self._exclusive(), self.engine.connect() as connection:
            writing = connection.execution_options(sonde_write=True)
            with writing.begin():
                yield self._tx(writing)
                reached(point, "before")
            reached(point, "after")

    @contextmanager
    def _exclusive(self) -> Iterator[None]:
        # SQLite has one writer; waiting on our own lock is fair and costs no polling, other processes wait on the file
        if self.dialect != "sqlite":
            yield
            return
        if self._writing == threading.get_ident():
            raise RuntimeError(
                "a write transaction inside a write transaction of the same thread would wait for itself"
            )
        with self._writer_lock:
            self._writing = threading.get_ident()
            try:
                yield
            finally:
                self._writing = 0

    def submit(self, point: str, run: Callable[[Tx], T]) -> "Future[T]":
        """Run `run(tx)` in a write transaction soon; the future resolves after the commit, never before."""
        if self._pool:
            return self._pool.submit(self._alone, point, run)
        if self._writer is None:
            with self._writer_lock:
                if self._writer is None:
                    self._writer = threading.Thread(target=self._drain, name="db-writer", daemon=True)
                    self._writer.start()
        future: Future[T] = Future()
        self._jobs.put(_Job(point, run, future))
        return future

    def _alone(self, point: str, run: Callable[[Tx], T]) -> T:
        for _ in range(TRIES - 1):
            try:
                with self.write(point) as tx:
                    return run(tx)
            except DBAPIError as error:
                if getattr(error.orig, "sqlstate", None) not in COLLIDED:
                    raise
        with self.write(point) as tx:
            return run(tx)

    def _drain(self) -> None:
        while True:
            job = self._jobs.get()
            if job is None:
                return
            batch = [job]
            while len(batch) < BATCH and not self._jobs.empty():
                following = self._jobs.get()
                if following is None:
                    self._jobs.put(None)
                    break
                batch.append(following)
            self._commit(batch)

    def _commit(self, batch: list[_Job]) -> None:
        answers: list[tuple[_Job, Any]] = []
        try:
            with self._exclusive(), self.engine.connect() as connection:
                writing = connection.execution_options(sonde_write=True)
                with writing.begin():
                    for job in batch:
                        self._savepoint(writing, job, answers)
                for job, _ in answers:
                    reached(job.point, "after")
        except BaseException as error:  # noqa: BLE001 - whoever waits for a future must hear why nothing was committed
            for job in batch:
                if not job.future.done():
                    job.future.set_exception(error)
            return
        for job, answer in answers:
            job.future.set_result(answer)

    def _savepoint(self, connection: Connection, job: _Job, answers: list[tuple[_Job, Any]]) -> None:
        savepoint = connection.begin_nested()
        try:
            answer = job.run(self._tx(connection))
            reached(job.point, "before")
            savepoint.commit()
        except Exception as error:  # noqa: BLE001 - one closure's failure is its own; the others of the batch go on
            try:
                savepoint.rollback()
            except (
                DBAPIError
            ):  # a full disk may end the whole transaction, savepoint and all: then it is everybody's failure
                raise error from None
            job.future.set_exception(error)
            return
        answers.append((job, answer))

    def close(self) -> None:
        """Finish what was submitted, then close every connection."""
        if self._writer is not None:
            self._jobs.put(None)
            self._writer.join()
            self._writer = None
        if self._pool:
            self._pool.shutdown(wait=True)
        self.engine.dispose()
