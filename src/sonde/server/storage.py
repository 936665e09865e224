"""The data folder and the database at the start: this process's alone, reachable, of this version, and it can be written."""

import fcntl
import os
import pwd
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NoReturn

from sqlalchemy.exc import SQLAlchemyError

from sonde.server.kernel.db import Database
from sonde.server.kernel.log import log
from sonde.server.migrate import SchemaMismatchError, head, upgrade
from sonde.server.settings import Settings
from sonde.server.start import Exit, refuse
from sonde.server.web import signin


@contextmanager
def data_folder(settings: Settings) -> Iterator[Path]:
    """The data folder, made if need be and locked for this process as long as it runs. New files are the user's alone."""
    folder = settings.data_dir
    with private_files():
        try:
            folder.mkdir(parents=True, exist_ok=True)
            handle = (folder / "serve.lock").open("a+")
        except OSError as error:
            refuse(
                Exit.DATA_DIR,
                f"the data folder {folder} cannot be written ({error.strerror}); set SONDE_DATA_DIR to a folder that can.",
            )
        with _alone(handle, f"the data folder {folder}"):
            yield folder


@contextmanager
def private_files() -> Iterator[None]:
    """What is made meanwhile is for this user alone: the database holds the keys that sign sessions."""
    before = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(before)


@contextmanager
def alone_with(db: Database) -> Iterator[None]:
    """An SQLite file is locked too: two servers with a data folder each may have been given the same one."""
    file = db.engine.url.database
    if db.dialect != "sqlite" or not file:
        yield
        return
    with usable(db):
        db.engine.connect().close()  # where there can be no database, SQLite says so best
        number = os.open(f"{Path(file).resolve()}-serve", os.O_RDWR | os.O_CREAT, 0o600)
    with _alone(os.fdopen(number), f"the database {file}"):
        yield


@contextmanager
def _alone(handle: IO[str], what: str) -> Iterator[None]:
    with handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            refuse(
                Exit.SECOND_PROCESS,
                f"another server uses {what}; SQLite takes one process. Stop it, or use PostgreSQL and a folder for each.",
            )
        yield


def open_database(db: Database) -> None:
    """Reach the database, bring its schema up to date and see that it can be written."""
    with usable(db):
        before = upgrade(db)
        signin.forget(db)
    if before not in (None, head()):
        log.info("schema.upgraded", before=before, now=head())


@contextmanager
def usable(db: Database) -> Iterator[None]:
    """What keeps the block from using the database is one sentence with the next step."""
    try:
        yield
    except SchemaMismatchError as error:
        refuse(Exit.DATABASE, f"{error}.")
    except SQLAlchemyError as error:
        reason = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
        _unusable(db, reason)
    except OSError as error:
        _unusable(db, f"{error.filename}: {error.strerror}")


def _unusable(db: Database, reason: str) -> NoReturn:
    where = db.engine.url.render_as_string(hide_password=True)
    refuse(Exit.DATABASE, f"the database {where} cannot be used: {reason}. {next_step(db, reason)}")


def next_step(db: Database, reason: str) -> str:
    """What to do about a database that cannot be used for `reason`, in one sentence."""
    if "is full" in reason:
        return "Make room on its disk."
    file = Path(db.engine.url.database or "")
    mine = [file, *(Path(f"{file}{more}") for more in ("-wal", "-shm", "-turn", "-serve"))]
    for one in mine if db.dialect == "sqlite" else ():
        if one.exists() and not os.access(one, os.R_OK | os.W_OK):
            return (
                f"{one} belongs to {_name(one.stat().st_uid)} with mode {one.stat().st_mode & 0o777:o}, "
                f"and {_name(os.getuid())} cannot write it: "
                "run `sonde serve` and `sonde admin` as one user."
            )
    return "Check SONDE_DATABASE_URL."


def _name(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:  # a container's user may have no name
        return f"uid {number}"
