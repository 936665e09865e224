"""What a client is told of a call to GitHub that was made while it waits."""

from collections.abc import Iterator
from contextlib import contextmanager

from sonde.server.github.client import GitHub, GitHubError, RejectedError, UnansweredError
from sonde.server.kernel.http import RefusedError
from sonde.wire.envelope import ErrorTag

NOT_THERE = "requested for deletion which does not exist"  # GitHub, of a path of createCommitOnBranch
TAGS = {403: ErrorTag.FORBIDDEN, 404: ErrorTag.NOT_FOUND}


def needs_github(github: GitHub | None) -> GitHub:
    """The App's GitHub. Raises RefusedError 503 on a server that has no App."""
    if github is None:
        raise RefusedError(
            503, ErrorTag.UNAVAILABLE, "This server has no GitHub App yet; its /readyz says what is missing."
        )
    return github


@contextmanager
def refusing(done: str) -> Iterator[None]:
    """Turn GitHub's errors into envelopes: 503 where a new try may help, else GitHub's own status or 422.

    `done` says what was not: "committed".
    """
    try:
        yield
    except RejectedError as error:
        status = 404 if error.status == 0 else error.status if error.status in TAGS else 422
        if NOT_THERE in str(error):  # of 404 a client would say that workspace or repository are not set up
            status = 422
        tag = TAGS.get(status, ErrorTag.BAD_REQUEST)
        raise RefusedError(status, tag, f"Nothing was {done}: {error}.{_next_step(status, str(error))}") from error
    except UnansweredError as error:
        raise RefusedError(
            503, ErrorTag.UNAVAILABLE, f"{error}. Try again: what GitHub may have {done} is looked for first."
        ) from error
    except GitHubError as error:
        raise RefusedError(503, ErrorTag.UNAVAILABLE, f"Nothing was {done}: {error}. Try again.") from error


def _next_step(status: int, because: str) -> str:
    if NOT_THERE in because:
        return " The branch has no such file any more: leave it out of the commit, or fetch the branch first."
    if status in TAGS:
        return " Check that the GitHub App is installed on the repository, with the permissions that README.md lists."
    return ""
