"""Find out which sources trust the job, then mint one token for each installation and set of permissions."""

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from sonde.server.audit.model import Change
from sonde.server.audit.service import record
from sonde.server.auth.model import Actor, about, who
from sonde.server.github.client import GitHub, RejectedError
from sonde.server.github.model import Installation
from sonde.server.kernel.db import Database
from sonde.server.kernel.http import RefusedError
from sonde.server.kernel.log import log
from sonde.server.sts import decide
from sonde.server.sts.model import Invalid, Policy, Reason
from sonde.server.workspaces import store as workspaces
from sonde.server.workspaces.model import Repository
from sonde.wire.envelope import ErrorTag
from sonde.wire.sts import DEFAULT_POLICY, Excluded, GitHubToken, StsAnswer, StsRequest

MAX_SOURCES = 100
AT_ONCE = 8  # calls to GitHub
Installations = dict[int, Installation | None]


@dataclass(frozen=True)
class Source:
    """A repository that is asked for; `repository` is None where the workspace has none of that name."""

    name: str
    repository: Repository | None


def checked(actor: Actor, request: StsRequest) -> str:
    """The policy's name. Raises RefusedError 400 for a caller that is no job (as clients expect) or a request out of bounds."""
    if not actor.claims:
        raise _bad("This is not a GitHub Actions session: tokens are given to jobs with permissions: id-token: write.")
    name = DEFAULT_POLICY if request.policy_name is None else request.policy_name
    if not decide.POLICY_NAME.fullmatch(name):
        raise _bad("policyName may hold a-z, 0-9 and -, at most 64 of them.")
    sources = request.sources or ()
    if len(sources) > MAX_SOURCES:
        raise _bad(f"sources names {len(sources)} repositories; at most {MAX_SOURCES} are taken.")
    if wrong := [one for one in sources if not decide.REPOSITORY.fullmatch(one)]:
        raise _bad(f"sources: {wrong[0][:200]!r} is not OWNER/REPOSITORY.")
    return name


def _bad(message: str) -> RefusedError:
    return RefusedError(400, ErrorTag.BAD_REQUEST, message)


def tokens(db: Database, github: GitHub, actor: Actor, request: StsRequest, policy_name: str) -> StsAnswer:
    """Tokens for the sources that trust the job, and why there is none for each other. Raises GitHubError.

    Without sources every repository of the workspace is asked, and one without a policy is not worth a word.
    """
    sources = _sources(db, actor, request.sources)
    installations = _installations(github, sources)
    path = decide.policy_path(policy_name)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = list(pool.map(lambda source: _judge(github, actor, source, installations, path), sources))
    answers = list(zip(sources, found, strict=True))
    excluded = tuple(
        Excluded(source.name, reason)
        for source, reason in answers
        if isinstance(reason, Reason) and (request.sources or reason is not Reason.NO_POLICY)
    )
    trusted = [
        (source.repository, policy)
        for source, policy in answers
        if source.repository is not None and isinstance(policy, Policy)
    ]
    minted = tuple(_minted(github, actor, trusted, installations))
    log.info("sts.answered", tokens=len(minted), excluded={one.repo: one.reason for one in excluded})
    if minted:
        _record(db, actor, minted, policy_name)
    return StsAnswer(minted, excluded)


def _record(db: Database, actor: Actor, minted: Sequence[GitHubToken], policy_name: str) -> None:
    """Write an audit row of who may read what, before the job gets the tokens; the tokens themselves are not recorded."""
    sources = sorted(name for token in minted for name in token.repositories or ())
    facts = {"policy": policy_name, "sources": sources, "expiresAt": [token.expires_at for token in minted]}
    told = f"{len(minted)} read-only token(s) for {', '.join(sources)[:1000]}"
    with db.write("sts.minted") as tx:
        target = ("repository", actor.repository.id if actor.repository else "")
        record(tx, Change(actor.workspace_id, "sts.minted", who(actor), target, told, facts | about(actor)))


def _sources(db: Database, actor: Actor, names: Sequence[str] | None) -> list[Source]:
    with db.read() as tx:
        if not names:
            mine = [one for one in workspaces.all_repositories(tx) if one.workspace_id == actor.workspace_id]
            return [Source(one.full_name, one) for one in mine if one.installation_id is not None]
        once = {name.lower(): name for name in reversed(names)}
        return [
            Source(name, workspaces.repository_by_name(tx, actor.workspace_id, *name.split("/")))
            for name in sorted(once.values())
        ]


def _installations(github: GitHub, sources: Iterable[Source]) -> Installations:
    numbers = {one.repository.installation_id for one in sources if one.repository is not None}
    return {number: _installation(github, number) for number in numbers if number is not None}


def _installation(github: GitHub, number: int) -> Installation | None:
    try:
        return github.installation(number)
    except RejectedError as error:
        if error.status == 404:
            return None
        raise


def _judge(github: GitHub, actor: Actor, source: Source, installations: Installations, path: str) -> Policy | Reason:
    repository = source.repository
    installation = installations.get(repository.installation_id or 0) if repository else None
    if repository is None or installation is None or installation.account_id != repository.owner_id:
        return Reason.NOT_INSTALLED
    if installation.suspended:
        return Reason.SUSPENDED
    try:
        if github.repository_id(repository) != repository.github_id:  # another one has taken the name
            return Reason.NOT_INSTALLED
    except RejectedError as error:
        if error.status == 404:
            return Reason.NOT_INSTALLED
        raise
    try:
        policy = decide.parse(github.policy_file(repository, path))
    except RejectedError as error:
        if error.status == 404:
            return Reason.NO_POLICY
        raise
    return _trusting(actor, repository, policy, path)


def _trusting(actor: Actor, repository: Repository, policy: Policy | Invalid, path: str) -> Policy | Reason:
    if isinstance(policy, Invalid):
        log.warning("sts.invalid", source=repository.full_name, policy=path, because=policy.because)
        return Reason.INVALID
    if rule := decide.denied(policy, actor.claims):
        log.info("sts.denied", source=repository.full_name, policy=path, rule=rule)
        return Reason.DENIED
    return policy


def _minted(
    github: GitHub, actor: Actor, trusted: Sequence[tuple[Repository, Policy]], installations: Installations
) -> Iterable[GitHubToken]:
    groups: dict[tuple[int, tuple[tuple[str, str], ...]], list[Repository]] = {}
    for repository, policy in trusted:
        key = (repository.installation_id or 0, tuple(sorted(policy.permissions.items())))
        groups.setdefault(key, []).append(repository)
    for (number, permissions), repositories in sorted(groups.items()):
        installation = installations[number]
        assert installation is not None  # noqa: S101 - _judge trusts no source without one
        names = sorted(one.full_name for one in repositories)
        minted = github.restricted_token(number, [one.github_id for one in repositories], dict(permissions))
        log.info(
            "sts.minted", owner=installation.login, repositories=names, permissions=dict(permissions), by=actor.name
        )
        yield GitHubToken(
            host=github.host(),
            owner=installation.login,
            token=minted.token,
            expires_at=minted.expires_at,
            repositories=tuple(names),
            permissions=minted.permissions,
        )
