"""Use cases: exchange a GitHub token for a session, and find out who a bearer is."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sonde.server.auth import store
from sonde.server.auth.jwks import Jwks, KeysUnavailableError
from sonde.server.auth.jws import TokenRefusedError
from sonde.server.auth.model import Actor, Claimant, Permission, SessionToken, SignedClaims, UnverifiedJwt
from sonde.server.auth.permissions import granted_each, refusal
from sonde.server.auth.runs import LiveRuns
from sonde.server.auth.sessions import LIFETIME, KeyRing, SecretOf, mint, session_id_of
from sonde.server.auth.verify import LEEWAY, KeyOf, verify
from sonde.server.kernel.db import Database, Grouped, Tx
from sonde.server.kernel.http import RefusedError
from sonde.server.kernel.ids import new_id
from sonde.server.kernel.log import log
from sonde.server.workspaces import store as workspaces
from sonde.server.workspaces.model import Repository
from sonde.wire.envelope import ErrorTag


@dataclass(frozen=True)
class Trust:
    """What the exchange trusts: issuers, audiences, their keys, and our own session keys."""

    db: Database
    issuers: Sequence[str]
    audiences: Sequence[str]
    jwks: Jwks
    ring: KeyRing
    live_runs: LiveRuns | None = None


def verified(trust: Trust, unverified: UnverifiedJwt, key_of: KeyOf, now: int) -> SignedClaims:
    """The claims of a genuine token. Raises RefusedError 401, and 503 where the issuer's keys cannot be had."""
    try:
        return verify(unverified, issuers=trust.issuers, audiences=trust.audiences, key_of=key_of, now=now)
    except TokenRefusedError as error:
        raise RefusedError(401, ErrorTag.UNAUTHORIZED, f"The GitHub OIDC token was refused: {error}.") from error
    except KeysUnavailableError as error:
        raise RefusedError(
            503, ErrorTag.UNAVAILABLE, f"The issuer's keys cannot be fetched now: {error}. Try again."
        ) from error


def granted(claims: SignedClaims, opened: "Opened", key: tuple[str, str]) -> SessionToken:
    """The token of a session that stands (protocol.md §4)."""
    log.info("exchange.granted", session=opened.id, repository=claims.repository, run_id=claims.text("run_id"))
    return mint(opened.actor, opened.id, key, opened.at)


@dataclass(frozen=True)
class Opened:
    """A session that stands since `at` (epoch milliseconds)."""

    id: str
    actor: Actor
    at: int


def _open_each(tx: Tx, asked: Sequence[tuple[SignedClaims, str]]) -> list[Opened | RefusedError]:
    """Sessions for genuine, unused tokens of repositories that are linked to the workspace that is named.

    The `jti` is used up in the transaction that makes the session, so neither exists alone. Refused are 401 a token that was
    used, 404 a workspace, 403 a repository that is not linked.
    """
    links = workspaces.linked(tx, {(workspace_id, claims.repository_id) for claims, workspace_id in asked})
    answers: list[Opened | RefusedError] = []
    fresh: dict[tuple[str, str], int] = {}  # the first with each (issuer, jti)
    for at, (claims, workspace_id) in enumerate(asked):
        try:
            _check_expiry(claims, tx.now)
            repository = _linked(tx, claims, workspace_id, links.get((workspace_id, claims.repository_id)))
        except RefusedError as refused:
            answers.append(refused)
            continue
        fresh.setdefault((claims.issuer, claims.jti), at)
        session_id = new_id("ses", tx.now)
        answers.append(Opened(session_id, _actor(claims, repository, session_id), tx.now))
    unused = store.claim_jtis(tx, [asked[at][0] for at in fresh.values()], (LEEWAY + 60) * 1000) if fresh else set()
    for at, (claims, _) in enumerate(asked):
        name = claims.issuer, claims.jti
        if isinstance(answers[at], Opened) and (name not in unused or fresh[name] != at):
            answers[at] = RefusedError(
                401, ErrorTag.REPLAYED, "The GitHub OIDC token was used before; each exchange needs a new one."
            )
    _put(tx, [one for one in answers if isinstance(one, Opened)])
    return answers


def _put(tx: Tx, opened: Sequence[Opened]) -> None:
    """Store sessions with what they may do, which is decided here, by the rows as they are now."""
    if not opened:
        return
    asked = [(one.actor.repository.id, one.actor.claims) for one in opened if one.actor.repository]
    actors = [replace(one.actor, granted=may) for one, may in zip(opened, granted_each(tx, asked), strict=True)]
    store.put_sessions(tx, {actor.credential_id: actor for actor in actors}, tx.now + LIFETIME)


OPEN = Grouped("exchange.session", _open_each)


def _check_expiry(claims: SignedClaims, now: int) -> None:
    """Once more, by the clock of the transaction: the door verified by a reading of up to a second before."""
    if now >= claims.expires_at + LEEWAY * 1000:
        raise RefusedError(401, ErrorTag.UNAUTHORIZED, "The GitHub OIDC token was refused: it has expired.")


def _linked(tx: Tx, claims: SignedClaims, workspace_id: str, repository: Repository | None) -> Repository:
    if repository is None and not workspaces.workspace(tx, workspace_id):
        raise RefusedError(
            404,
            ErrorTag.WORKSPACE_NOT_FOUND,
            f"There is no workspace {workspace_id!r} here. Check ATMOS_PRO_WORKSPACE_ID and ATMOS_PRO_BASE_URL.",
        )
    if repository is None or repository.owner_id != claims.owner_id:
        raise RefusedError(
            403,
            ErrorTag.REPOSITORY_NOT_LINKED,
            f"Repository {claims.repository} (id {claims.repository_id}, owner id {claims.owner_id}) is not linked to workspace {workspace_id}. "
            f"Link it: sonde admin repo add {claims.repository} --workspace {workspace_id} "
            f"--repository-id {claims.repository_id} --owner-id {claims.owner_id}",
        )
    owner, _, name = claims.repository.partition("/")
    if name and (owner, name) != (repository.owner, repository.name):  # renamed on GitHub: the ids are the same
        workspaces.rename(tx, repository, owner, name)
        return replace(repository, owner=owner, name=name)
    return repository


def _actor(claims: SignedClaims, repository: Repository, session_id: str) -> Actor:
    job = claims.text("check_run_id")
    run = f"{claims.repository_id}:{claims.text('run_id')}:{claims.text('run_attempt')}"
    holder = f"job:{run}:{job}" if job else f"session:{claims.jti}"
    name = claims.text("actor") or "a GitHub job"
    return Actor(repository.workspace_id, repository, session_id, holder, name, claims.raw)


def claimant(authorization: str, permission: Permission, secret_of: SecretOf) -> Claimant:
    """What an `Authorization` header shows by itself. Raises RefusedError 401, and what `secret_of` raises."""
    bearer = _bearer(authorization)
    session_id = session_id_of(bearer, secret_of) if bearer.count(".") == 2 else None
    return Claimant(session_id or "", "" if session_id else store.sha256(bearer), permission)


def admitted(tx: Tx, claimants: Sequence[Claimant]) -> list[Actor | RefusedError]:
    """The actor behind each claimant, if its credential lives now and may do what is asked."""
    sessions = store.live_sessions(tx, sorted({one.session_id for one in claimants if one.session_id}))
    tokens = store.live_tokens(tx, sorted({one.token_sha256 for one in claimants if one.token_sha256}))
    owned = [*(row.repository_id for row in sessions.values()), *(one.repository_id for one in tokens.values())]
    repositories = workspaces.by_ids(tx, sorted({one for one in owned if one}))

    def actor(one: Claimant) -> Actor | RefusedError:
        row, token = sessions.get(one.session_id), tokens.get(one.token_sha256)
        if row is not None:
            found = _actor_of_row(row, repositories.get(row.repository_id))
        elif token is not None:
            found = _actor_of_token(token, repositories.get(token.repository_id or ""))
        else:
            return RefusedError(401, ErrorTag.UNAUTHORIZED, DEAD)
        return found if one.permission in found.granted else refusal(tx, found, one.permission)

    known = {one: actor(one) for one in set(claimants)}
    return [known[one] for one in claimants]


DEAD = (
    "The bearer token is unknown, revoked or expired. Set ATMOS_PRO_TOKEN to a new one (sonde admin token create), or unset it "
    "in a job of GitHub Actions with id-token: write."
)


def _bearer(authorization: str) -> str:
    scheme, _, bearer = authorization.partition(" ")
    bearer = bearer.strip()
    if scheme.lower() != "bearer" or not bearer:
        raise RefusedError(
            401,
            ErrorTag.UNAUTHORIZED,
            "The request carries no bearer token. Set ATMOS_PRO_TOKEN, or run in GitHub Actions with id-token: write.",
        )
    return bearer


def authenticate(trust: Trust, authorization: str) -> Actor:
    """The actor behind an `Authorization` header: a session or a static token. Raises RefusedError 401."""
    bearer = _bearer(authorization)
    session_id = session_id_of(bearer, trust.ring.secret) if bearer.count(".") == 2 else None
    with trust.db.read() as tx:
        actor = _session_actor(tx, session_id) if session_id else _token_actor(tx, bearer)
    if actor is None:
        raise RefusedError(401, ErrorTag.UNAUTHORIZED, DEAD)
    return actor


def _session_actor(tx: Tx, session_id: str) -> Actor | None:
    row = store.live_session(tx, session_id)
    if row is None:
        return None
    return _actor_of_row(row, workspaces.repository(tx, row.repository_id))


def _actor_of_row(row: Any, repository: Repository | None) -> Actor:
    return Actor(
        row.workspace_id,
        repository,
        row.id,
        row.holder,
        row.name,
        json.loads(row.claims),
        frozenset(row.granted.split()),
    )


def _token_actor(tx: Tx, secret: str) -> Actor | None:
    token = store.live_token(tx, secret)
    if token is None:
        return None
    return _actor_of_token(token, workspaces.repository(tx, token.repository_id) if token.repository_id else None)


def _actor_of_token(token: store.StaticToken, repository: Repository | None) -> Actor:
    return Actor(token.workspace_id, repository, token.id, f"token:{token.id}", token.name, {}, token.granted)


def repository_for(tx: Tx, actor: Actor, owner: str, name: str) -> Repository:
    """The repository a request speaks of, if the actor may act for it. Raises RefusedError 403.

    Authority comes from the credential; the name in a request only selects within it (product.md §4 #2, #27).
    """
    own = actor.repository
    if own is None:
        found = workspaces.repository_by_name(tx, actor.workspace_id, owner, name)
        if found:
            return found
        raise RefusedError(
            403,
            ErrorTag.REPOSITORY_NOT_LINKED,
            f"Repository {owner or '(no owner)'}/{name or '(no repository)'} is not linked to workspace {actor.workspace_id}. "
            "Check the git remote, or link it: sonde admin repo add",
        )
    if (own.owner.lower(), own.name.lower()) != (owner.lower(), name.lower()):
        raise RefusedError(
            403,
            ErrorTag.FORBIDDEN,
            f"This credential is for {own.full_name}, not for {owner or '(no owner)'}/{name or '(no repository)'}. Check the git remote.",
        )
    return own
