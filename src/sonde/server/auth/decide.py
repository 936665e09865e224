"""Whether a job has a permission: the claims of its token against the rows of its repository. Pure, and total.

Sources: product.md §1.1 and §4 #3, reliability.md T5. A claim that is absent never fits anything that it would have had to
fit, so taking one away never gives a job more.
"""

import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sonde.server.auth.model import Grant, Permission, RunSeen
from sonde.server.auth.patterns import ANYTHING, exactly, fits

# events in which a stranger's change may run with the repository's rights
STRANGERS = frozenset({"pull_request_target"})
MERGED_INTO = frozenset({"pull_request"})  # events whose `ref` is GitHub's own refs/pull/N/merge


@dataclass(frozen=True)
class Facts:
    """What the claims say about a job; empty where they say nothing. `workflows`: the names that a row may call it by."""

    event: str
    workflows: tuple[str, ...]
    branch: str
    environment: str


@dataclass(frozen=True)
class Allowed:
    """The row that gives it."""

    grant: Grant


@dataclass(frozen=True)
class Missing:
    """No row gives it: a sentence that says what the rows want, and the options of a row that would."""

    because: str
    options: tuple[str, ...]


def facts_of(claims: Mapping[str, Any]) -> Facts:
    """What matters for permissions in the claims of a GitHub token."""
    event, ref = _text(claims, "event_name"), _text(claims, "ref")
    path, at, _ = _text(claims, "workflow_ref").partition("@")
    own = (path.rpartition("/")[2], _text(claims, "workflow_ref")) if at else ()
    called = _text(claims, "job_workflow_ref")
    branch = _text(claims, "head_ref") if event in MERGED_INTO else _branch(ref)
    return Facts(event, tuple(name for name in (*own, called) if name), branch, _text(claims, "environment"))


def _branch(ref: str) -> str:
    """A branch by its name; any other ref in full, so that a tag `main` is not taken for the branch."""
    return ref.removeprefix("refs/heads/")


def _text(claims: Mapping[str, Any], name: str) -> str:
    value = claims.get(name)
    return value if isinstance(value, str) else ""


def decide(permission: Permission, grants: Iterable[Grant], facts: Facts) -> Allowed | Missing:
    """Whether one of the repository's rows gives the permission to a job of these facts."""
    absent = [
        name
        for name, value in (("event_name", facts.event), ("workflow_ref", facts.workflows), ("branch", facts.branch))
        if not value
    ]
    if absent:
        return Missing(f"the job's token does not say its {' and '.join(absent)}, so no row fits it", ())
    mine = [grant for grant in grants if grant.permission == permission]
    fitting = [grant for grant in mine if _fits(grant, facts)]
    if facts.event in STRANGERS and permission is not Permission.STATUS_READ:
        fitting = [grant for grant in fitting if grant.strangers]
        if not fitting:
            return Missing(
                f"jobs of {facts.event} run a stranger's change with the repository's rights. Use on: pull_request",
                (*_options(facts), "--strangers"),
            )
    if fitting:
        return Allowed(fitting[0])
    wanted = "; ".join(described(grant) for grant in mine[:3])
    because = f"its rows for it want {wanted}" if mine else "it has no row for it"
    return Missing(because, _options(facts))


def granted(grants: Iterable[Grant], claims: Mapping[str, Any]) -> frozenset[str]:
    """Every permission that the rows give to a job with these claims."""
    rows, facts = tuple(grants), facts_of(claims)
    return frozenset(str(one) for one in Permission if isinstance(decide(one, rows, facts), Allowed))


def _fits(grant: Grant, facts: Facts) -> bool:
    return (
        any(fits(grant.workflow, name) for name in facts.workflows)
        and fits(grant.branch, facts.branch)
        and fits(grant.environment, facts.environment)
    )


def described(grant: Grant) -> str:
    """The patterns of a row, as people read them."""
    names = ("workflow", "branch", "environment")
    parts = [f"{name} {value}" for name in names if (value := getattr(grant, name)) != ANYTHING]
    return ", ".join(parts or ["any job"]) + (", strangers too" if grant.strangers else "")


def who(facts: Facts) -> str:
    """A job as a refusal names it."""
    workflow = facts.workflows[0] if facts.workflows else "(no workflow)"
    where = f", environment {facts.environment}" if facts.environment else ""
    return f"workflow {workflow}, branch {facts.branch or '(none)'}{where}, event {facts.event or '(none)'}"


def _options(facts: Facts) -> tuple[str, ...]:
    """The options of `sonde admin permission add` for a row that fits this job: its workflow, on any branch."""
    given = (("--workflow", facts.workflows[0]), ("--environment", facts.environment))
    return tuple(f"{option} {shlex.quote(exactly(value))}" for option, value in given if value)


# milliseconds that a run is believed to live without news: its last webhook may have been lost
NEWS_LASTS = 60 * 60 * 1000


def liveness(seen: RunSeen | None, attempt: int, now: int) -> str | None:
    """Why the attempt of a run does not live; empty where it does, None where it is not known and GitHub must be asked."""
    if seen is None or attempt > seen.attempt:
        return None
    if attempt < seen.attempt:
        return f"attempt {seen.attempt} of it has begun since"
    if seen.completed:
        return "it has finished"
    return "" if now - seen.seen_at <= NEWS_LASTS else None
