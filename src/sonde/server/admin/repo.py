"""`sonde admin repo`: which repositories belong to a workspace, and what each demands."""

import re
from collections.abc import Mapping
from dataclasses import replace

import click

from sonde.server.admin.frame import HELP, as_json, database, linked, operator, say, standing
from sonde.server.audit.model import Change
from sonde.server.audit.service import record
from sonde.server.auth.model import DEFAULTS
from sonde.server.auth.permissions import link
from sonde.server.kernel.db import Tx
from sonde.server.kernel.ids import new_id
from sonde.server.workspaces import store as workspaces
from sonde.server.workspaces.model import MAX_LOCK_TTL, Repository, UnlockBy

FULL_NAME = re.compile(r"[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+")
GITHUB_ID = click.IntRange(1, 2**63 - 1)


@click.group(context_settings=HELP)
def repo() -> None:
    """Link repositories to a workspace."""


@repo.command("add", context_settings=HELP)
@click.argument("full_name", metavar="OWNER/NAME")
@click.option("--workspace", "workspace_id", required=True, metavar="ws_…", help="The workspace it belongs to.")
@click.option(
    "--repository-id",
    required=True,
    type=GITHUB_ID,
    help="GitHub's id of the repository: it carries the authority.",
)
@click.option("--owner-id", required=True, type=GITHUB_ID, help="GitHub's id of its owner.")
@click.option("--installation-id", type=GITHUB_ID, help="The App installation; a webhook tells it too.")
@as_json
def repo_add(
    full_name: str, workspace_id: str, repository_id: int, owner_id: int, installation_id: int | None, *, as_json: bool
) -> None:
    """Link a repository, or bring the names of a linked one up to date."""
    if not FULL_NAME.fullmatch(full_name):
        raise click.ClickException(f"{full_name!r} is not OWNER/NAME")
    owner, _, name = full_name.partition("/")
    with database() as db, db.write("admin.change") as tx:
        standing(tx, workspace_id)
        known = workspaces.repository_by_github_id(tx, workspace_id, repository_id)
        installation = installation_id or (known.installation_id if known else None)
        made = Repository(new_id("repo", tx.now), workspace_id, repository_id, owner_id, owner, name, installation)
        if known:
            made = replace(known, owner_id=owner_id, owner=owner, name=name, installation_id=installation)
        link(tx, made)
        if made != known:
            told = f"{full_name} (GitHub's number {repository_id})"
            gives: dict[str, object] = {} if known else {"permissions": [str(one) for one in DEFAULTS]}
            _record(tx, made, "updated" if known else "imported", told, gives)
    say(_facts(made), f"Repository {full_name} is linked to {workspace_id} as {made.id}", machine=as_json)


@repo.command("list", context_settings=HELP)
@click.option("--workspace", "workspace_id", default="", metavar="ws_…", help="Only those of one workspace.")
@as_json
def repo_list(workspace_id: str, *, as_json: bool) -> None:
    """Show the linked repositories by name, with GitHub's numbers of them."""
    with database() as db, db.read() as tx:
        if workspace_id:
            standing(tx, workspace_id)
        every = [one for one in workspaces.all_repositories(tx) if workspace_id in ("", one.workspace_id)]
    facts = [_facts(one) for one in every]
    lines = [
        f"{one.full_name}  in {one.workspace_id}, repository {one.github_id}, owner {one.owner_id}, "
        f"installation {one.installation_id or 'not known yet'}"
        for one in every
    ]
    nothing = "No repository is linked: sonde admin repo add OWNER/NAME …"
    say({"repositories": facts}, "\n".join(lines) or nothing, machine=as_json)


def _facts(of: Repository) -> dict[str, object]:
    return {
        "id": of.id,
        "workspaceId": of.workspace_id,
        "repository": of.full_name,
        "repositoryId": of.github_id,
        "ownerId": of.owner_id,
        "installationId": of.installation_id,
    }


def _record(
    tx: Tx, repository: Repository, verb: str, description: str, facts: Mapping[str, object] | None = None
) -> None:
    change = ("repository", repository.id), description, facts or {}
    record(tx, Change(repository.workspace_id, f"github.repository_{verb}", operator(), *change))


@repo.command("set", context_settings=HELP)
@click.argument("full_name", metavar="OWNER/NAME")
@click.option("--workspace", "workspace_id", required=True, metavar="ws_…", help="The workspace it belongs to.")
@click.option(
    "--min-lock-ttl",
    type=click.IntRange(0, MAX_LOCK_TTL),
    metavar="SECONDS",
    help="How long each lock lives at least, whatever its job asked for; 0 leaves it to the job.",
)
@click.option(
    "--unlock-by",
    type=click.Choice([str(one) for one in UnlockBy]),
    help="Who may release a lock: any job of the repository, or its holder alone.",
)
@click.option(
    "--locks-end-with-run/--locks-outlive-run",
    default=None,
    help="Release what a job has locked when GitHub says that its run has ended, or leave it until its time is over.",
)
@as_json
def repo_set(
    full_name: str,
    workspace_id: str,
    min_lock_ttl: int | None,
    unlock_by: str | None,
    *,
    locks_end_with_run: bool | None,
    as_json: bool,
) -> None:
    """Change what a repository demands of locks. Those that are held stay as they are.

    \b
    Examples:
      sonde admin repo set acme/infra --workspace ws_… --min-lock-ttl 1800
      sonde admin repo set acme/infra --workspace ws_… --unlock-by holder --locks-end-with-run
    """  # noqa: D301 - \b is the control character by which click keeps these lines as they are
    given = {"min_lock_ttl": min_lock_ttl, "unlock_by": unlock_by, "locks_end_with_run": locks_end_with_run}
    wanted = {name: value for name, value in given.items() if value is not None}
    if not wanted:
        raise click.UsageError("Say what to change: --min-lock-ttl, --unlock-by or --locks-end-with-run.")
    with database() as db, db.write("admin.change") as tx:
        found = linked(tx, workspace_id, full_name)
        workspaces.demand(tx, found.id, **wanted)
        for name, value in wanted.items():
            if getattr(found, name) != value:
                _record(tx, found, "settings_changed", f"{name} of {found.full_name} is {_told(value)} now")
        now = linked(tx, workspace_id, full_name)
    facts = {
        "id": found.id,
        "repository": found.full_name,
        "minLockTtl": now.min_lock_ttl,
        "unlockBy": str(now.unlock_by),
        "locksEndWithRun": now.locks_end_with_run,
    }
    say(facts, _demands(now), machine=as_json)


def _told(value: object) -> str:
    return f"{value} seconds" if type(value) is int else str(value).lower()


def _demands(of: Repository) -> str:
    who = "any of its jobs" if of.unlock_by is UnlockBy.REPOSITORY else "its holder alone"
    until = "and end with their run" if of.locks_end_with_run else "and may outlive their run"
    return f"Locks of {of.full_name} live at least {of.min_lock_ttl} seconds {until}; each is released by {who}"
