"""`sonde admin`: workspaces, repositories and tokens, straight on the database, whether the server runs or not."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from sonde.server.auth import store as auth
from sonde.server.auth.store import StaticToken
from sonde.server.kernel.db import Database, DatabaseUrlError
from sonde.server.kernel.ids import new_id, new_secret
from sonde.server.locks import service as locks
from sonde.server.main import load
from sonde.server.migrate import SchemaMismatchError, require_current
from sonde.server.web import signin
from sonde.server.workspaces import store as workspaces
from sonde.server.workspaces.model import Repository, Workspace

WORKSPACE_ID = re.compile(r"ws_[A-Za-z0-9_-]{1,60}")
FULL_NAME = re.compile(r"[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+")
as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
GITHUB_ID = click.IntRange(1, 2**63 - 1)
HELP = {"help_option_names": ["-h", "--help"]}


@contextmanager
def _database() -> Iterator[Database]:
    """The database of the settings, at this version's schema; a failure is one sentence and exit 1."""
    settings = load({})
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
    try:
        require_current(db)
        yield db
    except SchemaMismatchError as error:
        raise click.ClickException(str(error)) from error
    except SQLAlchemyError as error:
        reason = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
        raise click.ClickException(f"the database cannot be used: {reason}") from error
    finally:
        db.close()


def _name(ctx: click.Context, param: click.Parameter, value: str) -> str:
    del ctx, param
    if not value.strip() or not value.isprintable() or len(value) > 200:
        raise click.ClickException(f"{value!r} is no name; one has up to 200 printable characters")
    return value


def _print(facts: dict[str, Any], sentence: str, *, machine: bool) -> None:
    click.echo(json.dumps(facts) if machine else sentence)


@click.group(context_settings=HELP)
def group() -> None:
    """Create workspaces, link repositories, make tokens.

    \b
    Examples:
      sonde admin workspace create platform
      sonde admin repo add acme/infra --workspace ws_… --repository-id 123 --owner-id 45 --installation-id 67
      sonde admin token create --workspace ws_… --repo acme/infra
    """  # noqa: D301 - \b is the control character by which click keeps these lines as they are


@group.command("sign-in-link", context_settings=HELP)
@as_json
def sign_in_link(*, as_json: bool) -> None:
    """Print a link that lets one browser into the pages. It works once, for 24 hours."""
    address = load({}).url
    with _database() as db:
        link = f"{address}/login?token={signin.offer(db)}"
    _print({"url": link}, link, machine=as_json)


@group.group(context_settings=HELP)
def workspace() -> None:
    """A workspace is a tenant: repositories, locks and instances belong to one."""


@workspace.command("create", context_settings=HELP)
@click.argument("name", callback=_name)
@click.option("--id", "workspace_id", metavar="ws_…", help="The id to give it; one is made by default.")
@as_json
def workspace_create(name: str, workspace_id: str | None, *, as_json: bool) -> None:
    """Create a workspace; prints its id, which jobs get as ATMOS_PRO_WORKSPACE_ID. The same again changes nothing."""
    if workspace_id and not WORKSPACE_ID.fullmatch(workspace_id):
        raise click.ClickException(
            f"{workspace_id!r} is no workspace id; one looks like ws_ and up to 60 letters, digits, _ or -"
        )
    with _database() as db, db.write("admin.change") as tx:
        made = Workspace(workspace_id or new_id("ws", tx.now), name)
        standing = workspaces.workspace_named(tx, name) or (
            workspaces.workspace(tx, workspace_id) if workspace_id else None
        )
        if standing is None:
            workspaces.put_workspace(tx, made)
        elif standing.name != name or (workspace_id and standing.id != workspace_id):
            raise click.ClickException(
                f"workspace {standing.id} is named {standing.name!r} already; ids and names are given once"
            )
    found = standing or made
    _print({"id": found.id, "name": found.name}, f"Workspace {found.name}: {found.id}", machine=as_json)


@group.group(context_settings=HELP)
def repo() -> None:
    """Link repositories to a workspace."""


@repo.command("add", context_settings=HELP)
@click.argument("full_name", metavar="OWNER/NAME")
@click.option("--workspace", "workspace_id", required=True, metavar="ws_…", help="The workspace it belongs to.")
@click.option(
    "--repository-id",
    required=True,
    type=GITHUB_ID,
    help="GitHub's id of the repository: it carries the authority.",
)
@click.option("--owner-id", required=True, type=GITHUB_ID, help="GitHub's id of its owner.")
@click.option("--installation-id", type=GITHUB_ID, help="The App installation; a webhook teaches it too.")
@as_json
def repo_add(
    full_name: str, workspace_id: str, repository_id: int, owner_id: int, installation_id: int | None, *, as_json: bool
) -> None:
    """Link a repository, or bring the names of a linked one up to date."""
    if not FULL_NAME.fullmatch(full_name):
        raise click.ClickException(f"{full_name!r} is not OWNER/NAME")
    owner, _, name = full_name.partition("/")
    with _database() as db, db.write("admin.change") as tx:
        if not workspaces.workspace(tx, workspace_id):
            raise click.ClickException(
                f"there is no workspace {workspace_id}; create it: sonde admin workspace create NAME"
            )
        known = workspaces.repository_by_github_id(tx, workspace_id, repository_id)
        installation = installation_id or (known.installation_id if known else None)
        linked = Repository(
            known.id if known else new_id("repo", tx.now),
            workspace_id,
            repository_id,
            owner_id,
            owner,
            name,
            installation,
        )
        workspaces.put_repository(tx, linked)
    facts = {
        "id": linked.id,
        "workspaceId": workspace_id,
        "repository": full_name,
        "repositoryId": repository_id,
        "ownerId": owner_id,
        "installationId": installation,
    }
    _print(facts, f"Repository {full_name} is linked to {workspace_id} as {linked.id}", machine=as_json)


@group.group(context_settings=HELP)
def token() -> None:
    """Static bearer tokens for CI outside GitHub Actions."""


@token.command("create", context_settings=HELP)
@click.option("--workspace", "workspace_id", required=True, metavar="ws_…", help="The workspace it works for.")
@click.option(
    "--repo", "full_name", metavar="OWNER/NAME", help="Limit it to one repository of the workspace (advised)."
)
@click.option(
    "--name",
    default="a static token",
    callback=_name,
    show_default=True,
    help="Whose it is: shown where it holds a lock.",
)
@click.option("--days", default=90, show_default=True, type=click.IntRange(1, 366), help="How long it lives.")
@as_json
def token_create(workspace_id: str, full_name: str | None, name: str, days: int, *, as_json: bool) -> None:
    """Make a token for ATMOS_PRO_TOKEN. It is shown once; only its digest is stored."""
    secret = f"sonde_{new_secret()}"
    with _database() as db, db.write("admin.change") as tx:
        if not workspaces.workspace(tx, workspace_id):
            raise click.ClickException(
                f"there is no workspace {workspace_id}; create it: sonde admin workspace create NAME"
            )
        repository = _repository(tx, workspace_id, full_name) if full_name is not None else None
        made = StaticToken(
            new_id("tok", tx.now), workspace_id, repository.id if repository else None, name, tx.now + days * 86_400_000
        )
        try:
            auth.put_token(tx, made, secret)
        except IntegrityError as error:
            raise click.ClickException("the token could not be stored; try again") from error
    facts = {
        "id": made.id,
        "token": secret,
        "workspaceId": workspace_id,
        "repository": full_name,
        "name": name,
        "expiresAt": made.expires_at,
    }
    _print(
        facts,
        f"{secret}\nIt works for {full_name or workspace_id} for {days} days. It is not shown again.",
        machine=as_json,
    )


def _repository(tx: Any, workspace_id: str, full_name: str) -> Repository:
    owner, _, name = full_name.partition("/")
    found = workspaces.repository_by_name(tx, workspace_id, owner, name)
    if found is None:
        raise click.ClickException(
            f"{full_name!r} is not linked to {workspace_id}; link it: sonde admin repo add OWNER/NAME …"
        )
    return found


@group.group(context_settings=HELP)
def lock() -> None:
    """Locks that somebody holds."""


@lock.command("release", context_settings=HELP)
@click.argument("key", metavar="OWNER/NAME/STACK/COMPONENT")
@click.option("--workspace", "workspace_id", required=True, metavar="ws_…", help="The workspace of the repository.")
@click.option("--reason", required=True, callback=_name, help="Why; it is kept in the history of the key.")
@as_json
def lock_release(key: str, workspace_id: str, reason: str, *, as_json: bool) -> None:
    """End a lock whoever holds it, also a dispatch's. The job that holds it is not stopped: look at its run first."""
    owner, name, instance = [*key.split("/", 2), "", ""][:3]
    with _database() as db, db.write("admin.change") as tx:
        ended = locks.release_by_admin(tx, _repository(tx, workspace_id, f"{owner}/{name}"), instance, reason)
    if ended is None:
        raise click.ClickException(f"{key!r} is not locked; the page /locks lists what is")
    facts = {
        "key": ended.key,
        "fence": ended.fence,
        "holder": ended.holder.name,
        "runUrl": ended.holder.run_url or None,
    }
    run = f", run {ended.holder.run_url}" if ended.holder.run_url else ""
    _print(
        facts, f"The lock of {ended.holder.name}{run} on {ended.key} (fence {ended.fence}) is ended", machine=as_json
    )
