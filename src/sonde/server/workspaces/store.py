"""All SQL of workspaces and repositories."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Integer,
    Row,
    Table,
    Text,
    UniqueConstraint,
    false,
    func,
    select,
    update,
)

from sonde.server.kernel.db import Tx, metadata
from sonde.server.kernel.statements import NUMBER, TEXT, given, rows
from sonde.server.workspaces.model import MAX_LOCK_TTL, Repository, UnlockBy, Workspace

workspaces = Table(
    "workspaces",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("created_at", BigInteger, nullable=False),
    Column("strict_drift", Boolean, nullable=False, server_default=false()),
    Column("max_lock_ttl", Integer, nullable=False, server_default=str(MAX_LOCK_TTL)),
)
repositories = Table(
    "repositories",
    metadata,
    Column("id", Text, primary_key=True),
    Column("workspace_id", Text, ForeignKey("workspaces.id"), nullable=False),
    Column("github_id", BigInteger, nullable=False),
    Column("owner_id", BigInteger, nullable=False),
    Column("owner", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("installation_id", BigInteger),
    Column("created_at", BigInteger, nullable=False),
    Column("default_branch", Text, nullable=False, server_default=""),  # empty until a webhook tells
    Column("min_lock_ttl", Integer, nullable=False, server_default="0"),
    Column("unlock_by", Text, nullable=False, server_default=UnlockBy.REPOSITORY.value),
    Column("locks_end_with_run", Boolean, nullable=False, server_default=false()),
    UniqueConstraint("workspace_id", "github_id"),
)


def put_workspace(tx: Tx, workspace: Workspace) -> None:
    """Insert a workspace; a name or id that exists raises IntegrityError."""
    tx.run(workspaces.insert().values(id=workspace.id, name=workspace.name, created_at=tx.now))


def workspace(tx: Tx, workspace_id: str) -> Workspace | None:
    """One workspace by its id."""
    return _workspace(tx.one(select(workspaces).where(workspaces.c.id == workspace_id)))


def every(tx: Tx) -> Sequence[Workspace]:
    """Every workspace, by name."""
    return [found for row in tx.all(select(workspaces).order_by(workspaces.c.name)) if (found := _workspace(row))]


def workspace_named(tx: Tx, name: str) -> Workspace | None:
    """One workspace by its name."""
    return _workspace(tx.one(select(workspaces).where(workspaces.c.name == name)))


def demand_of_workspace(tx: Tx, workspace_id: str, **demands: object) -> None:
    """Change what a workspace demands: `strict_drift`, `max_lock_ttl`."""
    tx.run(update(workspaces).where(workspaces.c.id == workspace_id).values(**demands))


def demand(tx: Tx, repository_id: str, **demands: object) -> None:
    """Change what a repository demands of locks: `min_lock_ttl`, `unlock_by`, `locks_end_with_run`."""
    tx.run(update(repositories).where(repositories.c.id == repository_id).values(**demands))


def _workspace(row: Row[Any] | None) -> Workspace | None:
    return Workspace(row.id, row.name, row.strict_drift, row.max_lock_ttl) if row else None


def put_repository(tx: Tx, repository: Repository) -> None:
    """Link a repository, or bring names and installation of a linked one up to date."""
    values = {
        "owner_id": repository.owner_id,
        "owner": repository.owner,
        "name": repository.name,
        "installation_id": repository.installation_id,
    }
    row = {
        "id": repository.id,
        "workspace_id": repository.workspace_id,
        "github_id": repository.github_id,
        "created_at": tx.now,
        **values,
    }
    tx.run(
        tx.insert(repositories)
        .values(**row)
        .on_conflict_do_update(index_elements=["workspace_id", "github_id"], set_=values)
    )


def rename(tx: Tx, repository: Repository, owner: str, name: str) -> None:
    """Note the name a repository has now; its id stays."""
    tx.run(update(repositories).where(repositories.c.id == repository.id).values(owner=owner, name=name))


def set_installation(tx: Tx, repository_id: str, installation_id: int) -> None:
    """Note which App installation reaches a repository; a signed webhook said so."""
    tx.run(update(repositories).where(repositories.c.id == repository_id).values(installation_id=installation_id))


def set_default_branch(tx: Tx, github_id: int, branch: str) -> None:
    """Note the default branch that a signed webhook named, in every workspace the repository is linked to."""
    other = (repositories.c.github_id == github_id, repositories.c.default_branch != branch)
    tx.run(update(repositories).where(*other).values(default_branch=branch))


def default_branch(tx: Tx, repository_id: str) -> str:
    """The default branch as the last webhook named it; empty before the first one."""
    row = tx.one(select(repositories.c.default_branch).where(repositories.c.id == repository_id))
    return row.default_branch if row else ""


def hold(tx: Tx, repository_id: str) -> None:
    """Keep other transactions that hold the repository waiting until this one ends (PostgreSQL; SQLite has one writer)."""
    tx.run(select(repositories.c.id).where(repositories.c.id == repository_id).with_for_update(key_share=True))


def _repository(row: Row[Any] | None) -> Repository | None:
    if row is None:
        return None
    return Repository(
        id=row.id,
        workspace_id=row.workspace_id,
        github_id=row.github_id,
        owner_id=row.owner_id,
        owner=row.owner,
        name=row.name,
        installation_id=row.installation_id,
        min_lock_ttl=row.min_lock_ttl,
        unlock_by=UnlockBy(row.unlock_by),
        locks_end_with_run=bool(row.locks_end_with_run),
        max_lock_ttl=row.max_lock_ttl,
    )


# what makes a Repository, and what ties its two tables together
_LINK = select(repositories, workspaces.c.max_lock_ttl).where(workspaces.c.id == repositories.c.workspace_id)


def repository(tx: Tx, repository_id: str) -> Repository | None:
    """One repository by our id."""
    return _repository(tx.one(_LINK.where(repositories.c.id == repository_id)))


def _by_ids(dialect: str) -> Any:
    return _LINK.where(repositories.c.id == given(dialect, "items", {"id": TEXT})["id"])


def by_ids(tx: Tx, ids: Iterable[str]) -> dict[str, Repository]:
    """Repositories by our ids."""
    found = tx.hot(_by_ids, items=rows([{"id": one} for one in ids]))
    return {row.id: linked for row in found if (linked := _repository(row))}


def _linked(dialect: str) -> Any:
    items = given(dialect, "items", {"workspace_id": TEXT, "github_id": NUMBER})
    same = (repositories.c.workspace_id == items["workspace_id"], repositories.c.github_id == items["github_id"])
    return _LINK.where(*same)


def linked(tx: Tx, pairs: Iterable[tuple[str, int]]) -> dict[tuple[str, int], Repository]:
    """Repositories by the workspace they are linked to and GitHub's number."""
    found = tx.hot(_linked, items=rows([{"workspace_id": one, "github_id": number} for one, number in pairs]))
    return {(row.workspace_id, row.github_id): link for row in found if (link := _repository(row))}


def repository_by_github_id(tx: Tx, workspace_id: str, github_id: int) -> Repository | None:
    """The repository that GitHub knows by `github_id`, if it is linked to the workspace."""
    query = _LINK.where(repositories.c.workspace_id == workspace_id, repositories.c.github_id == github_id)
    return _repository(tx.one(query))


def repositories_by_github_id(tx: Tx, github_id: int) -> list[Repository]:
    """Every link of one GitHub repository: it may be in several workspaces."""
    rows = tx.all(_LINK.where(repositories.c.github_id == github_id).order_by(repositories.c.id))
    return [found for row in rows if (found := _repository(row))]


def repository_by_name(tx: Tx, workspace_id: str, owner: str, name: str) -> Repository | None:
    """The repository with this name, whatever the case of its letters (GitHub's own rule)."""
    query = _LINK.where(
        repositories.c.workspace_id == workspace_id,
        func.lower(repositories.c.owner) == owner.lower(),
        func.lower(repositories.c.name) == name.lower(),
    )
    return _repository(tx.one(query))


def repositories_named(tx: Tx, owner: str, name: str) -> list[Repository]:
    """Every link of the repository with this name, in any workspace, whatever the case of its letters."""
    query = _LINK.where(
        func.lower(repositories.c.owner) == owner.lower(), func.lower(repositories.c.name) == name.lower()
    )
    return [found for row in tx.all(query.order_by(repositories.c.id)) if (found := _repository(row))]


def all_repositories(tx: Tx) -> Sequence[Repository]:
    """Every linked repository, by name."""
    rows = tx.all(_LINK.order_by(repositories.c.owner, repositories.c.name, repositories.c.id))
    return [found for row in rows if (found := _repository(row))]
