"""What every `sonde admin` command shares: the database, its options, and how it says what it did."""

import json
import os
import pwd
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import click
from sqlalchemy.exc import SQLAlchemyError

from sonde.server.audit.model import Actor
from sonde.server.kernel.db import Database, DatabaseUrlError
from sonde.server.main import load
from sonde.server.migrate import SchemaMismatchError, require_current
from sonde.server.storage import next_step, private_files
from sonde.server.workspaces import store as workspaces
from sonde.server.workspaces.model import Repository, Workspace

HELP = {"help_option_names": ["-h", "--help"]}
as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")


@contextmanager
def database() -> Iterator[Database]:
    """The database of the settings, at this version's schema; a failure is one sentence and exit 1."""
    settings = load({})
    with private_files():
        if not settings.database_url:
            try:
                settings.data_dir.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise click.ClickException(
                    f"the data folder {settings.data_dir} cannot be made ({error.strerror}); set SONDE_DATA_DIR"
                ) from error
        try:
            db = Database(settings.url_of_database)
        except DatabaseUrlError as error:
            raise click.ClickException(f"SONDE_DATABASE_URL cannot be used: {error}") from error
        with closing(db), _told(db):
            if require_current(db):
                where = db.engine.url.render_as_string(hide_password=True)
                click.echo(f"Made a new database, {where}: the server must run with the same settings.", err=True)
            yield db


@contextmanager
def _told(db: Database) -> Iterator[None]:
    try:
        yield
    except SchemaMismatchError as error:
        raise click.ClickException(str(error)) from error
    except SQLAlchemyError as error:
        reason = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
        raise click.ClickException(f"the database cannot be used: {reason}. {next_step(db, reason)}") from error
    except PermissionError as error:
        if not str(error.filename).startswith(f"{db.engine.url.database}-"):
            raise
        reason = f"{error.filename}: {error.strerror}"
        raise click.ClickException(f"the database cannot be used: {reason}. {next_step(db, reason)}") from error


def printable(ctx: click.Context, param: click.Parameter, value: str) -> str:
    """A value that a page can show on one line."""
    del ctx, param
    if not value.strip() or not value.isprintable() or len(value) > 200:
        raise click.ClickException(f"{value!r} is no name; one has up to 200 printable characters")
    return value


def say(facts: dict[str, Any], sentence: str, *, machine: bool) -> None:
    """Print what was done: a sentence, or the facts as one line of JSON."""
    click.echo(json.dumps(facts) if machine else sentence)


def standing(tx: Any, workspace_id: str) -> Workspace:
    """The workspace; a refusal that says its id, or how to make one."""
    found = workspaces.workspace(tx, workspace_id)
    if found is None and (named := workspaces.workspace_named(tx, workspace_id)):
        raise click.ClickException(f"{workspace_id} is the name of a workspace; its id is wanted: {named.id}")
    if found is None:
        raise click.ClickException(
            f"there is no workspace {workspace_id}; sonde admin workspace list shows them, "
            "sonde admin workspace create NAME makes one"
        )
    return found


def linked(tx: Any, workspace_id: str, full_name: str) -> Repository:
    """The repository of a workspace; a refusal that says how to link it."""
    standing(tx, workspace_id)
    owner, _, name = full_name.partition("/")
    found = workspaces.repository_by_name(tx, workspace_id, owner, name)
    if found is None:
        raise click.ClickException(
            f"{full_name!r} is not linked to {workspace_id}; sonde admin repo list shows what is, "
            "sonde admin repo add OWNER/NAME … links it"
        )
    return found


def operator() -> Actor:
    """Who runs the command, for the audit log: the user of this machine."""
    number = os.getuid()
    try:
        name = pwd.getpwuid(number).pw_name
    except KeyError:  # a container's user may have no name
        name = f"uid {number}"
    return Actor("admin", str(number), name)
