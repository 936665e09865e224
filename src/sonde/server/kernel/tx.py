"""One transaction, as stores see it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Executable, Row, literal
from sqlalchemy.engine import CursorResult

from sonde.server.kernel import statements
from sonde.server.kernel.statements import Build


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

    def added(self, statement: Any) -> bool:
        """Whether an `INSERT … ON CONFLICT DO NOTHING` inserted; drivers disagree about the row count of an insert."""
        return self.connection.execute(statement.returning(literal(1))).first() is not None

    def insert(self, table: Any) -> Any:
        """`INSERT` of this dialect, with `on_conflict_do_update`; both dialects share the syntax we use."""
        return statements.insert(self.connection.dialect.name, table)
