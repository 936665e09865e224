"""Make a commit on a pull request's branch: once, whatever is lost on the way.

What keeps it to one commit is GitHub's own condition: `expectedHeadOid` is the head that we have just read, and what lies
between the head at the first try and that head was searched for our trailer. Of two tries that read the same head one
wins, and a try that read a later head sees the commit of the one before. So no lease is needed, and a try whose answer
was lost may follow at once.
"""

from sonde.server.audit.model import Change
from sonde.server.audit.service import record
from sonde.server.auth.model import Actor, about, who
from sonde.server.commits import comment, decide, store
from sonde.server.commits.model import CommitRow, CommitState, No, Wanted
from sonde.server.github import store as effects
from sonde.server.github.client import GitHub, HeadMovedError, RejectedError, UnansweredError
from sonde.server.github.model import Branch, Commit
from sonde.server.kernel.db import Database
from sonde.server.kernel.http import RefusedError
from sonde.server.kernel.log import log
from sonde.wire.commits import CommitRequest
from sonde.wire.envelope import ErrorTag

TAGS = {400: ErrorTag.BAD_REQUEST, 403: ErrorTag.FORBIDDEN}
TRIES = 4  # each but the last ends with a head that moved (once) or an answer that was lost (once), in either order


def authorize(actor: Actor, request: CommitRequest) -> Wanted:
    """What the actor may have committed. Raises RefusedError 400 or 403 with the reason."""
    # a caller that is no job is refused before all its base64 is read
    if actor.claims and (problem := decide.body(request)):
        raise _refused(problem)
    number = decide.session(actor.claims, request.branch)
    if isinstance(number, No):
        raise _refused(number)
    if actor.repository is None:
        raise _refused(No(403, decide.NO_SESSION))
    return decide.wanted(actor.repository, number, request, actor.claims)


def commit(db: Database, github: GitHub, actor: Actor, wanted: Wanted) -> str:
    """The SHA of the commit, made now or by an earlier try.

    Raises RefusedError 403 and 409, and GitHubError where GitHub refuses or does not answer.
    """
    with db.write("commit.plan") as tx:
        row = store.plan(tx, wanted, actor.credential_id)
    if row.state is CommitState.SENT:
        return row.sha
    _look_at_pull(github, wanted)
    sha = _made(db, github, wanted, row)
    with db.write("commit.result") as tx:
        first = store.sent(tx, wanted.key, sha)
        if wanted.comment:
            effects.want(tx, comment.effect(wanted, sha))
        if first:
            told = f"{sha} on {wanted.branch} of {wanted.repository.full_name}, pull request {wanted.number}"
            record(tx, Change(actor.workspace_id, "commit.created", who(actor), ("commit", sha), told, about(actor)))
    log.info("commit.made", sha=sha, repository=wanted.repository.full_name, number=wanted.number)
    return sha


def _look_at_pull(github: GitHub, wanted: Wanted) -> None:
    now = github.pull_head(wanted.repository, wanted.number)
    problem = decide.pull(
        state_open=now.open,
        same_repository=now.repository_id == wanted.repository.github_id,
        same_branch=now.branch == wanted.branch,
        default_branch=now.default_branch == wanted.branch,
    )
    if problem:
        raise _refused(problem)


def _made(db: Database, github: GitHub, wanted: Wanted, row: CommitRow) -> str:
    moved, lost = 0, row.state is CommitState.SENDING  # lost: an earlier try may have made it
    for _ in range(TRIES):
        branch = github.branch(wanted.repository, wanted.branch)
        if branch.protected:
            raise _refused(No(403, f"The branch {wanted.branch!r} is protected; the App commits to no such branch."))
        with db.write("commit.sending") as tx:
            row = store.sending(tx, wanted.key, branch.head.sha)
        if sha := row.sha or _standing(github, wanted, row.head, branch):
            return sha
        try:
            return _send(db, github, wanted, branch.head.sha)
        except HeadMovedError:
            moved += 1
            if moved > 1:
                break
        except UnansweredError:
            if lost:
                raise
            lost = True
    raise _moved(wanted, lost=lost)


def _standing(github: GitHub, wanted: Wanted, first_head: str, branch: Branch) -> str:
    """The commit we look for, among those since the first try and the head itself; empty where there is none."""
    commits = [branch.head]
    if first_head != branch.head.sha:
        commits += _since(github, wanted, first_head, branch.head.sha)
    bot = github.bot()
    return next((item.sha for item in commits if decide.is_it(wanted, bot, item.author, item.message)), "")


def _since(github: GitHub, wanted: Wanted, first_head: str, head: str) -> list[Commit]:
    try:
        return github.commits_between(wanted.repository, first_head, head)
    except RejectedError as error:
        if error.status == 404:  # the branch was rewritten and shares nothing with that head: ours is not in it
            return []
        raise


def _send(db: Database, github: GitHub, wanted: Wanted, head: str) -> str:
    try:
        return github.commit_on_branch(wanted.repository, wanted.branch, head, decide.mutation(wanted))
    except HeadMovedError:
        raise
    except RejectedError as error:
        with db.write("commit.result") as tx:
            store.failed(tx, wanted.key, str(error))
        raise


def _moved(wanted: Wanted, *, lost: bool) -> RefusedError:
    if lost:  # GitHub shows what it made with a delay, so nobody can say yet; a client tries again after 503
        return RefusedError(
            503,
            ErrorTag.UNAVAILABLE,
            f"GitHub's answer about {wanted.branch!r} was lost and its head moves. Try again.",
        )
    return RefusedError(
        409,
        ErrorTag.HEAD_MOVED,
        f"The branch {wanted.branch!r} moved twice while the commit was made, and nothing was committed. "
        "Whoever pushes to it starts a new run of this workflow, which will commit.",
    )


def _refused(problem: No) -> RefusedError:
    return RefusedError(problem.status, TAGS[problem.status], problem.because)
