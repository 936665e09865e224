"""`sonde admin token`: static bearer tokens."""

import click
from sqlalchemy.exc import IntegrityError

from sonde.server.admin.frame import HELP, as_json, database, linked, operator, printable, say, standing
from sonde.server.audit.model import Change
from sonde.server.audit.service import record
from sonde.server.auth import store as auth
from sonde.server.auth.model import UNFORCED, Permission
from sonde.server.auth.store import StaticToken
from sonde.server.kernel.ids import new_id, new_secret
from sonde.wire.times import wire_time


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
    help="A permission; repeatable. Without it: all that need no job.",
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
        made = StaticToken(new_id("tok", tx.now), workspace_id, *limits, frozenset(permissions) or UNFORCED)
        try:
            auth.put_token(tx, made, secret)
        except IntegrityError as error:
            raise click.ClickException("the token could not be stored; try again") from error
        of = {"repository": full_name, "permissions": sorted(made.granted), "expiresAt": made.expires_at}
        record(tx, Change(workspace_id, "token.created", operator(), ("token", made.id), f"Static token {name}", of))
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


@token.command("list", context_settings=HELP)
@click.option("--workspace", "workspace_id", required=True, metavar="ws_…", help="The workspace.")
@as_json
def token_list(workspace_id: str, *, as_json: bool) -> None:
    """Show the tokens of a workspace, newest first. Their secrets are stored nowhere."""
    with database() as db, db.read() as tx:
        standing(tx, workspace_id)
        rows, now = auth.tokens_of(tx, workspace_id), tx.now
    facts = [
        {
            "id": row.id,
            "name": row.name,
            "state": "revoked" if row.revoked_at is not None else "expired" if row.expires_at <= now else "live",
            "expiresAt": wire_time(row.expires_at),
            "permissions": row.granted.split(),
        }
        for row in rows
    ]
    lines = [f"{one['id']}  {one['state']}  {one['name']}, until {one['expiresAt']}" for one in facts]
    say({"tokens": facts}, "\n".join(lines) or "There is no token", machine=as_json)


@token.command("revoke", context_settings=HELP)
@click.argument("token_id", metavar="tok_…")
@click.option("--workspace", "workspace_id", required=True, metavar="ws_…", help="The workspace.")
@as_json
def token_revoke(token_id: str, workspace_id: str, *, as_json: bool) -> None:
    """End a token at once. What it has locked stays locked."""
    with database() as db, db.write("admin.change") as tx:
        standing(tx, workspace_id)
        ended = auth.revoke_token(tx, workspace_id, token_id)
        if ended is None:
            raise click.ClickException(
                f"no token {token_id!r} lives in {workspace_id}; sonde admin token list shows them"
            )
        record(tx, Change(workspace_id, "token.revoked", operator(), ("token", token_id), f"Static token {ended.name}"))
    say({"revoked": token_id}, f"{token_id} ({ended.name}) works no longer", machine=as_json)
