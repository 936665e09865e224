"""One transaction, as stores see it."""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Executable, Row, literal
from sqlalchemy.engine import CursorResult
from sqlalchemy.exc import DBAPIError

from sonde.server.kernel import statements
from sonde.server.kernel.statements import Build


@contextmanager
def plain(connection: Connection) -> Iterator[Any]:
    """SQLite's own cursor, as quick as can be; what it raises comes as SQLAlchemy's error all the same."""
    cursor = connection.connection.cursor()
    try:
        yield cursor
    except sqlite3.Error as error:
        raise DBAPIError.instance(None, None, error, sqlite3.Error, hide_parameters=True) from error
    finally:
        cursor.close()


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

    def hot(self, build: Build, **given: Any) -> CursorResult[Any]:
        """Execute a statement that is compiled once (`statements`). Values come back as the driver gives them: SQLite has no booleans."""
        made = statements.compiled(build, self.connection.dialect.name)
        return self.connection.exec_driver_sql(made.sql, made.bound({"now": self.now, **given}))

    def each(self, build: Build, rows: Sequence[Mapping[str, Any]]) -> list[int]:
        """Execute a hot statement for one row after the other; how many rows each changed. SQLite: there is no way to go."""
        made = statements.compiled(build, self.connection.dialect.name)
        with plain(self.connection) as cursor:
            return [cursor.execute(made.sql, made.bound({"now": self.now, **row})).rowcount for row in rows]

    def added(self, statement: Any) -> bool:
        """Whether an `INSERT … ON CONFLICT DO NOTHING` inserted; drivers disagree about the row count of an insert."""
        return self.connection.execute(statement.returning(literal(1))).first() is not None

    def insert(self, table: Any) -> Any:
        """`INSERT` of this dialect, with `on_conflict_do_update`; both dialects share the syntax we use."""
        return statements.insert(self.connection.dialect.name, table)
