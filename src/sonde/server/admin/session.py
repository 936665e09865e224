"""`sonde admin session`: sessions of jobs, and how to end them."""

import json

import click

from sonde.server.admin.frame import HELP, as_json, database, linked, operator, say, standing
from sonde.server.audit.model import Change
from sonde.server.audit.service import record
from sonde.server.auth import store as auth
from sonde.wire.times import wire_time

of_workspace = click.option("--workspace", "workspace_id", required=True, metavar="ws_…", help="The workspace.")


@click.group(context_settings=HELP)
def session() -> None:
    """Sessions of jobs: each lives an hour."""


@session.command("list", context_settings=HELP)
@of_workspace
@click.option("--repo", "full_name", metavar="OWNER/NAME", help="Only those of one repository.")
@as_json
def session_list(workspace_id: str, full_name: str | None, *, as_json: bool) -> None:
    """Show the sessions that live, newest first."""
    with database() as db, db.read() as tx:
        standing(tx, workspace_id)
        repository = linked(tx, workspace_id, full_name) if full_name is not None else None
        rows = auth.sessions_of(tx, workspace_id, repository.id if repository else None)
    facts = []
    for row in rows:
        claims = json.loads(row.claims)
        job = {name: claims.get(name, "") for name in ("repository", "run_id", "event_name", "workflow_ref")}
        facts.append({"id": row.id, "actor": row.name, "expiresAt": wire_time(row.expires_at), **job})
    lines = [
        f"{one['id']}  {one['actor']}, run {one['run_id']} of {one['repository']}, until {one['expiresAt']}"
        for one in facts
    ]
    say({"sessions": facts}, "\n".join(lines) or "No session lives", machine=as_json)


@session.command("revoke", context_settings=HELP)
@click.argument("session_id", metavar="[ses_…]", required=False)
@of_workspace
@click.option("--repo", "full_name", metavar="OWNER/NAME", help="Every session of a repository.")
@click.option("--all", "everything", is_flag=True, help="Every session of the workspace.")
@as_json
def session_revoke(
    session_id: str | None, workspace_id: str, full_name: str | None, *, everything: bool, as_json: bool
) -> None:
    """End sessions at once: one, those of a repository, or all. What they have locked stays locked.

    \b
    Example:
      sonde admin session revoke --workspace ws_… --repo acme/infra
    """  # noqa: D301 - \b is the control character by which click keeps these lines as they are
    if [session_id is not None, full_name is not None, everything].count(True) != 1:
        raise click.ClickException("say which: the id of a session, --repo OWNER/NAME, or --all")
    with database() as db, db.write("admin.change") as tx:
        standing(tx, workspace_id)
        repository = linked(tx, workspace_id, full_name) if full_name is not None else None
        ended = auth.revoke_sessions(tx, workspace_id, repository.id if repository else None, session_id)
        if session_id is not None and not ended:
            raise click.ClickException(
                f"no session {session_id!r} lives in {workspace_id}; sonde admin session list shows them"
            )
        ids = sorted(row.id for row in ended)
        if ids:
            target = (
                ("session", session_id)
                if session_id
                else ("repository", repository.id)
                if repository
                else ("workspace", workspace_id)
            )
            told = f"{len(ids)} session(s) ended"
            record(tx, Change(workspace_id, "session.revoked", operator(), target, told, {"sessions": ids}))
    say({"revoked": ids}, f"{len(ids)} session(s) ended", machine=as_json)
