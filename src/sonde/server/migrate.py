"""The schema's version: bring a database up to date, or say that it is not."""

from functools import cache
from importlib import resources
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text

from sonde.server.kernel.db import Database
from sonde.server.kernel.wall import hidden, raise_wall

PG_MIGRATION_LOCK = 0x50DE  # any number that is ours: replicas that start together migrate one after another


class SchemaMismatchError(Exception):
    """The database was made by another version of Sonde."""


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(resources.files("sonde.server") / "migrations"))
    return config


@cache
def _scripts() -> ScriptDirectory:
    """The migrations of this code, each a module that is loaded anew where one asks alembic anew."""
    return ScriptDirectory.from_config(_config())


def head() -> str:
    """The revision this code needs."""
    revision = _scripts().get_current_head()
    assert revision is not None  # noqa: S101 - the package ships its first migration
    return revision


def current(db: Database) -> str | None:
    """The revision of the database; None for an empty one."""
    with db.engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def upgrade(db: Database) -> str | None:
    """Bring the schema up to `head`; replicas wait for each other. Returns the revision before; None for an empty database.

    Raises SchemaMismatchError for a newer database, and for one whose tables are another role's.
    """
    before = current(db)
    if before != head():
        _migrate(db)
    _require_owner(db)
    if db.dialect == "postgresql":
        raise_wall(db.engine)
    return before


def _require_owner(db: Database) -> None:
    if db.dialect == "postgresql" and hidden(db.engine):
        raise SchemaMismatchError(
            "the tables of the database belong to another role, and row-level security hides their rows from this one; "
            "sign in as that role, or give them to this one (REASSIGN OWNED)"
        )


def _migrate(db: Database) -> None:
    with db.engine.connect() as connection:
        if db.dialect == "postgresql":
            connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": PG_MIGRATION_LOCK})
        config = _config()
        config.attributes["connection"] = connection
        _refuse_newer(connection)
        command.upgrade(config, "head")
        connection.commit()
        if db.dialect == "postgresql":
            connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": PG_MIGRATION_LOCK})
            connection.commit()


def _refuse_newer(connection: Any) -> None:
    revision = MigrationContext.configure(connection).get_current_revision()
    connection.rollback()
    known = {script.revision for script in _scripts().walk_revisions()}
    if revision is not None and revision not in known:
        raise SchemaMismatchError(
            f"the database has schema {revision}, which this version of Sonde does not know; run a newer one"
        )


def require_current(db: Database) -> bool:
    """For commands that open the database beside a server: make an empty one, refuse any other version.

    Returns whether it made one. Raises SchemaMismatchError.
    """
    revision = current(db)
    if revision is None and not inspect(db.engine).get_table_names():
        upgrade(db)
        return True
    if revision != head():
        raise SchemaMismatchError(
            f"the database has schema {revision}, this command needs {head()}; start the server of this version once"
        )
    _require_owner(db)
    return False
