"""`sonde admin key`: the keys that sign the sessions of jobs, and how to replace them now."""

import click

from sonde.server.admin.frame import HELP, as_json, database, operator, say
from sonde.server.audit.model import SERVER, Change
from sonde.server.audit.service import record
from sonde.server.auth import sessions
from sonde.server.auth import store as auth
from sonde.wire.times import wire_time


@click.group(context_settings=HELP)
def key() -> None:
    """Keys that sign the sessions of jobs: a new one each month, or now."""


@key.command("list", context_settings=HELP)
@as_json
def key_list(*, as_json: bool) -> None:
    """Show the keys, newest first. The newest signs, the others only verify; their secrets are not shown."""
    with database() as db, db.read() as tx:
        rows = auth.keys(tx)
    facts = [{"id": row.kid, "createdAt": wire_time(row.created_at), "signs": at == 0} for at, row in enumerate(rows)]
    lines = [f"{one['id']}  {one['createdAt']}  {'signs' if one['signs'] else 'verifies'}" for one in facts]
    say({"keys": facts}, "\n".join(lines) or "There is no key yet: the first exchange makes one", machine=as_json)


@key.command("rotate", context_settings=HELP)
@click.option("--revoke-old", is_flag=True, help="A key leaked: remove the old ones and end every session, at once.")
@as_json
def key_rotate(*, revoke_old: bool, as_json: bool) -> None:
    """Sign with a new key from now on. Every server on this database uses it within five seconds, without a restart.

    The old keys verify until their last session has ended, so that no job notices.

    \b
    Examples:
      sonde admin key rotate
      sonde admin key rotate --revoke-old    # also ends every session: jobs at work are refused with 401
    """  # noqa: D301 - \b is the control character by which click keeps these lines as they are
    with database() as db, db.write("admin.change") as tx:
        done = sessions.rotate(tx, revoke_old=revoke_old)
        many = sum(done.sessions.values())
        told = f"Sessions are signed with {done.kid} now"
        if revoke_old:
            told += f"; {len(done.keys)} old key(s) were removed and {many} session(s) ended"
        facts = {"revoked": list(done.keys), "sessions": dict(done.sessions)}
        record(tx, Change(SERVER, "key.rotated", operator(), ("key", done.kid), told, facts))
    say({"id": done.kid, **facts}, told, machine=as_json)
