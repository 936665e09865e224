"""`sonde admin`: straight on the database, whether the server runs or not. One module for each group of commands."""

import click

from sonde.server.admin.audit import audit
from sonde.server.admin.frame import HELP, as_json, database, operator, say
from sonde.server.admin.key import key
from sonde.server.admin.lock import lock
from sonde.server.admin.permission import permission
from sonde.server.admin.repo import repo
from sonde.server.admin.session import session
from sonde.server.admin.token import token
from sonde.server.admin.workspace import workspace
from sonde.server.audit.model import SERVER, Change
from sonde.server.audit.service import record
from sonde.server.main import load
from sonde.server.web import signin


@click.group(context_settings=HELP)
def group() -> None:
    """Create workspaces, link repositories, say what their jobs may do, make tokens.

    \b
    Examples:
      sonde admin workspace create platform
      sonde admin repo add acme/infra --workspace ws_… --repository-id 123 --owner-id 45 --installation-id 67
      sonde admin permission add locks:delete --workspace ws_… --repo acme/infra --branch main
      sonde admin token create --workspace ws_… --repo acme/infra
    """  # noqa: D301 - \b is the control character by which click keeps these lines as they are


@group.command("sign-in-link", context_settings=HELP)
@as_json
def sign_in_link(*, as_json: bool) -> None:
    """Print a link that lets one browser into the pages. It works once, for 24 hours."""
    address = load({}).url
    with database() as db, db.write("admin.change") as tx:
        link = f"{address}/login?token={signin.offered(tx)}"
        target = ("sign-in link", "")
        record(tx, Change(SERVER, "auth.sign_in_link_created", operator(), target, "It works once, for 24 hours"))
    say({"url": link}, link, machine=as_json)


for part in (workspace, repo, permission, session, token, key, lock, audit):
    group.add_command(part)
