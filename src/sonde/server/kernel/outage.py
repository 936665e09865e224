"""Whether an error of the database is one that passes: what another try may find mended."""

import sqlite3

from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

PROGRAM_LIMIT = "54"  # PostgreSQL's class of errors of things that are too large
READ_ONLY = "25006"  # a standby, or an old primary after a failover


def unavailable(error: BaseException) -> bool:
    """Whether the database cannot be reached or written now: disk full, read-only, connection lost, all in use.

    SQLite calls a statement that it does not understand, such as one about a column that is not there, operational too;
    PostgreSQL one with a value that no index can hold. Another try would end the same way.
    """
    if isinstance(error, PoolTimeoutError):
        return True
    if not isinstance(error, DBAPIError):
        return False
    state = getattr(error.orig, "sqlstate", None) or ""
    if getattr(error.orig, "sqlite_errorcode", None) == sqlite3.SQLITE_ERROR or state.startswith(PROGRAM_LIMIT):
        return False
    return isinstance(error, OperationalError) or error.connection_invalidated or state == READ_ONLY
