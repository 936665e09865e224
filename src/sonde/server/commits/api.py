"""`POST /api/v1/git/commit`."""

from sonde.server.auth.model import Actor
from sonde.server.commits import service
from sonde.server.github.client import GitHub
from sonde.server.github.refusals import needs_github, refusing
from sonde.server.kernel.db import Database
from sonde.server.kernel.decode import decode
from sonde.server.kernel.http import Call, Reply
from sonde.wire.codec import to_json
from sonde.wire.commits import CommitAnswer, CommitRequest


def commit(github: GitHub | None, db: Database, actor: Actor, call: Call) -> Reply:
    """Commit what a job of a pull request asks for, as the App: the SHA, the same one for each retry."""
    wanted = service.authorize(actor, decode(CommitRequest, call.body))
    with refusing("committed"):
        sha = service.commit(db, needs_github(github), actor, wanted)
    return Reply(to_json(CommitAnswer(sha)))
