"""`/security`: how far this server may be trusted as it is set up, and the keys that sign sessions."""

from sonde.server.auth import store
from sonde.server.auth.posture import wall
from sonde.server.kernel.db import Database
from sonde.server.kernel.http import Call
from sonde.server.web.model import View, Visitor


def security(db: Database, visitor: Visitor, call: Call) -> View:
    """What the settings leave open (`auth/posture.py`, in the frame of every page), and each session key's age."""
    del visitor, call
    with db.read() as tx:
        keys = [(row.kid, row.created_at) for row in store.keys(tx)]
        data = {"keys": keys, "of_database": wall(db.dialect, db.wall)}
        return View("auth/security.html", {**data, "now": tx.now, "nav": "/security"})
