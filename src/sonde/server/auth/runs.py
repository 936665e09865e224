"""Whether the run behind a token is alive: a demand that an operator may switch on (reliability.md T3).

Every client of this protocol asks GitHub for the same audience, so a token that a job shows to another server can be relayed
here. With the demand it works only while its run lives. What webhooks and dispatches told is asked first; GitHub only about a
run of which nothing is known, and the answer is kept.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sonde.server.auth import decide, run_store
from sonde.server.auth.model import RunSeen, SignedClaims
from sonde.server.kernel.db import Database
from sonde.server.kernel.http import RefusedError
from sonde.server.kernel.log import log
from sonde.server.workspaces import store as workspaces
from sonde.server.workspaces.model import Repository
from sonde.wire.envelope import ErrorTag


class UnansweredError(Exception):
    """GitHub could not be asked about a run. The text says why."""


Asked = Callable[
    [Repository, int], tuple[int, bool] | None
]  # (attempt, completed) of a run; None for one GitHub has not


@dataclass(frozen=True)
class LiveRuns:
    """The demand, and how GitHub is asked. `ask` raises UnansweredError."""

    db: Database
    ask: Asked

    def check(self, claims: SignedClaims, workspace_id: str) -> None:
        """Raises RefusedError: 401 for a run that does not live, 503 where nobody can tell now."""
        run_id, attempt = _number(claims.raw, "run_id"), _number(claims.raw, "run_attempt")
        with self.db.read() as tx:
            repository = workspaces.repository_by_github_id(tx, workspace_id, claims.repository_id)
            seen = run_store.get(tx, repository.id, run_id) if repository else None
            now = tx.now
        if repository is None:
            return  # the exchange says so in its own words
        answer = decide.liveness(seen, attempt, now)
        if answer is None:
            answer = decide.liveness(self._told(repository, run_id), attempt, now)
        if answer is None:
            answer = "GitHub knows no such attempt of it"
        if answer:
            log.info("exchange.dead_run", repository=repository.full_name, run_id=run_id, because=answer)
            raise RefusedError(
                401,
                ErrorTag.UNAUTHORIZED,
                f"The GitHub OIDC token was refused: run {run_id}, attempt {attempt}: {answer}. This server takes tokens of "
                "runs that live (SONDE_OIDC_LIVE_RUNS).",
            )

    def _told(self, repository: Repository, run_id: int) -> RunSeen | None:
        try:
            told = self.ask(repository, run_id)
        except UnansweredError as error:
            raise RefusedError(
                503, ErrorTag.UNAVAILABLE, f"GitHub cannot be asked now whether run {run_id} lives: {error}. Try again."
            ) from error
        if told is None:
            return None
        with self.db.write("run.seen") as tx:
            run_store.note(tx, repository.id, run_id, told[0], completed=told[1])
            return run_store.get(tx, repository.id, run_id)


def _number(claims: Mapping[str, Any], name: str) -> int:
    """A number of a run; 0, which no run has, for anything else."""
    value = claims.get(name)
    return int(value) if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 18 else 0
