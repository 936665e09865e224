"""`sonde admin token`: static bearer tokens."""

import click
from sqlalchemy.exc import IntegrityError

from sonde.server.admin.frame import HELP, as_json, database, linked, printable, say, standing
from sonde.server.auth import store as auth
from sonde.server.auth.model import EVERY, Permission
from sonde.server.auth.store import StaticToken
from sonde.server.kernel.ids import new_id, new_secret


@click.group(context_settings=HELP)
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
    callback=printable,
    show_default=True,
    help="Whose it is: shown where it holds a lock.",
)
@click.option(
    "--permission",
    "permissions",
    multiple=True,
    type=click.Choice([str(one) for one in Permission]),
    help="What it may do, once for each; everything that needs no job where none is named.",
)
@click.option("--days", default=90, show_default=True, type=click.IntRange(1, 366), help="How long it lives.")
@as_json
def token_create(
    workspace_id: str, full_name: str | None, name: str, permissions: tuple[str, ...], days: int, *, as_json: bool
) -> None:
    """Make a token for ATMOS_PRO_TOKEN. It is shown once; only its digest is stored."""
    secret = f"sonde_{new_secret()}"
    with database() as db, db.write("admin.change") as tx:
        standing(tx, workspace_id)
        repository = linked(tx, workspace_id, full_name) if full_name is not None else None
        limits = (repository.id if repository else None, name, tx.now + days * 86_400_000)
        made = StaticToken(new_id("tok", tx.now), workspace_id, *limits, frozenset(permissions) or EVERY)
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
        "permissions": sorted(made.granted),
        "expiresAt": made.expires_at,
    }
    say(
        facts,
        f"{secret}\nIt works for {full_name or workspace_id} for {days} days. It is not shown again.",
        machine=as_json,
    )
