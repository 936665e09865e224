"""Use cases: exchange a GitHub token for a session, and find out who a bearer is."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

from sonde.server.auth import store
from sonde.server.auth.jwks import Jwks, KeysUnavailableError
from sonde.server.auth.jws import TokenRefusedError
from sonde.server.auth.model import Actor, SessionToken, SignedClaims, UnverifiedJwt
from sonde.server.auth.permissions import granted
from sonde.server.auth.sessions import LIFETIME, KeyRing, mint, session_id_of
from sonde.server.auth.verify import LEEWAY, verify
from sonde.server.kernel.db import Database, Tx
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


def exchange(trust: Trust, unverified: UnverifiedJwt, workspace_id: str, *, now: int) -> SessionToken:
    """A session for a genuine, unused token of a repository that is linked to the workspace (protocol.md §4).

    Raises RefusedError: 401 for the token, 404 for the workspace, 403 for a repository that is not linked, 503 where the
    issuer's keys cannot be had. `jti` is used up in the transaction that makes the session, so neither exists alone.
    """
    try:
        claims = verify(unverified, issuers=trust.issuers, audiences=trust.audiences, key_of=trust.jwks.key_of, now=now)
    except TokenRefusedError as error:
        raise RefusedError(401, ErrorTag.UNAUTHORIZED, f"The GitHub OIDC token was refused: {error}.") from error
    except KeysUnavailableError as error:
        raise RefusedError(
            503, ErrorTag.UNAVAILABLE, f"The issuer's keys cannot be fetched now: {error}. Try again."
        ) from error
    key = trust.ring.current(now)
    actor, session_id, opened_at = trust.db.submit(
        "exchange.session", lambda tx: _open(tx, claims, workspace_id)
    ).result()
    log.info("exchange.granted", session=session_id, repository=claims.repository, run_id=claims.text("run_id"))
    return mint(actor, session_id, key, opened_at)


def _open(tx: Tx, claims: SignedClaims, workspace_id: str) -> tuple[Actor, str, int]:
    repository = _linked(tx, claims, workspace_id)
    if not store.claim_jti(tx, claims, claims.expires_at + (LEEWAY + 60) * 1000):
        raise RefusedError(
            401, ErrorTag.REPLAYED, "The GitHub OIDC token was used before; each exchange needs a new one."
        )
    session_id = new_id("ses", tx.now)
    actor = replace(_actor(claims, repository, session_id), granted=granted(tx, repository.id, claims.raw))
    store.put_session(tx, session_id, actor, tx.now + LIFETIME)
    return actor, session_id, tx.now


def _linked(tx: Tx, claims: SignedClaims, workspace_id: str) -> Repository:
    if not workspaces.workspace(tx, workspace_id):
        raise RefusedError(
            404,
            ErrorTag.WORKSPACE_NOT_FOUND,
            f"There is no workspace {workspace_id!r} here. Check ATMOS_PRO_WORKSPACE_ID and ATMOS_PRO_BASE_URL.",
        )
    repository = workspaces.repository_by_github_id(tx, workspace_id, claims.repository_id)
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


def authenticate(trust: Trust, authorization: str) -> Actor:
    """The actor behind an `Authorization` header: a session or a static token. Raises RefusedError 401."""
    scheme, _, bearer = authorization.partition(" ")
    bearer = bearer.strip()
    if scheme.lower() != "bearer" or not bearer:
        raise RefusedError(
            401,
            ErrorTag.UNAUTHORIZED,
            "The request carries no bearer token. Set ATMOS_PRO_TOKEN, or run in GitHub Actions with id-token: write.",
        )
    session_id = session_id_of(bearer, trust.ring) if bearer.count(".") == 2 else None
    with trust.db.read() as tx:
        actor = _session_actor(tx, session_id) if session_id else _token_actor(tx, bearer)
    if actor is None:
        raise RefusedError(401, ErrorTag.UNAUTHORIZED, "The bearer token is unknown, revoked or expired.")
    return actor


def _session_actor(tx: Tx, session_id: str) -> Actor | None:
    row = store.live_session(tx, session_id)
    if row is None:
        return None
    return Actor(
        row.workspace_id,
        workspaces.repository(tx, row.repository_id),
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
    repository = workspaces.repository(tx, token.repository_id) if token.repository_id else None
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
