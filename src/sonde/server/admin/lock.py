"""`sonde admin lock`: what only an administrator may end."""

import click

from sonde.server.admin.frame import HELP, as_json, database, linked, operator, printable, say
from sonde.server.audit.model import Change
from sonde.server.audit.service import record
from sonde.server.locks import ending


@click.group(context_settings=HELP)
def lock() -> None:
    """Locks that somebody holds."""


@lock.command("release", context_settings=HELP)
@click.argument("key", metavar="OWNER/NAME/STACK/COMPONENT")
@click.option("--workspace", "workspace_id", required=True, metavar="ws_…", help="The workspace of the repository.")
@click.option("--reason", required=True, callback=printable, help="Why; it is kept in the history of the key.")
@as_json
def lock_release(key: str, workspace_id: str, reason: str, *, as_json: bool) -> None:
    """End a lock whoever holds it, also a dispatch's. The job that holds it is not stopped: look at its run first."""
    owner, name, instance = [*key.split("/", 2), "", ""][:3]
    if "/" not in instance:
        raise click.ClickException(f"{key!r} is not OWNER/NAME/STACK/COMPONENT")
    with database() as db, db.write("admin.change") as tx:
        ended = ending.release_by_admin(tx, linked(tx, workspace_id, f"{owner}/{name}"), instance, reason)
        if ended is not None:
            facts = {"fence": ended.fence, "holder": ended.holder.name, "reason": reason}
            record(
                tx,
                Change(
                    workspace_id, "lock.deleted", operator(), ("lock", ended.id), f"{ended.key} was released", facts
                ),
            )
    if ended is None:
        raise click.ClickException(f"{key!r} is not locked; the page /locks lists what is")
    facts = {
        "key": ended.key,
        "fence": ended.fence,
        "holder": ended.holder.name,
        "runUrl": ended.holder.run_url or None,
    }
    run = f", run {ended.holder.run_url}" if ended.holder.run_url else ""
    say(facts, f"The lock of {ended.holder.name}{run} on {ended.key} (fence {ended.fence}) is ended", machine=as_json)
