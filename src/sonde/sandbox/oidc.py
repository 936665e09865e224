"""The OIDC issuer of Actions: claims as GitHub makes them, signed with real keys.

Sources: GitHub docs, "OpenID Connect reference"; protocol.md §4 and the recording `lock-ok-oidc`.
"""

import base64
from datetime import datetime
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

from sonde.sandbox.keys import key_id, new_rsa_key, read_rsa_key, write_private
from sonde.sandbox.model import Job, Repository, Run
from sonde.sandbox.state import State

LIFE = 300  # seconds
NOT_BEFORE = 600  # seconds before `iat`

Claims = dict[str, Any]


def subject(world: State, of: Repository, run: Run, environment: str | None) -> str:
    """`sub`. Repositories made since 2026-07-15 carry ids in it; a colon in a value is written %3A."""
    owner = world.account(of.owner)
    name = f"{owner.login}@{owner.id}/{of.name}@{of.id}" if of.immutable_subject else of.full_name
    if environment:
        return f"repo:{name}:environment:{environment.replace(':', '%3A')}"
    if run.event == "pull_request":
        return f"repo:{name}:pull_request"
    return f"repo:{name}:ref:{run.ref.replace(':', '%3A')}"


def claims(world: State, run: Run, job: Job, audience: str) -> Claims:
    """All claims of a job's token but those of the issuer and of time. Every value is text, ids included."""
    of = world.repository(run.repository_id)
    workflow_ref = f"{of.full_name}/{run.workflow_path}@{run.ref}"
    branch = run.ref.removeprefix("refs/heads/")
    answer = {
        "sub": subject(world, of, run, job.environment),
        "aud": audience,
        "ref": run.ref,
        "sha": run.sha,
        "repository": of.full_name,
        "repository_owner": of.owner,
        "repository_owner_id": str(world.account(of.owner).id),
        "run_id": str(run.id),
        "run_number": str(run.number),
        "run_attempt": str(run.attempt),
        "repository_visibility": "private" if of.private else "public",
        "repository_id": str(of.id),
        "actor_id": str(world.account(run.actor).id),
        "actor": run.actor,
        "workflow": run.workflow_name,
        "head_ref": run.head_ref,
        "base_ref": run.base_ref,
        "event_name": run.event,
        "ref_protected": "true" if branch in of.protected_branches else "false",
        "ref_type": "tag" if run.ref.startswith("refs/tags/") else "branch",
        "workflow_ref": workflow_ref,
        "workflow_sha": run.sha,
        "job_workflow_ref": workflow_ref,
        "job_workflow_sha": run.sha,
        "runner_environment": "github-hosted",
        "check_run_id": str(job.id),
    }
    return answer | ({"environment": job.environment} if job.environment else {})


def _number(value: int) -> str:
    data = value.to_bytes((value.bit_length() + 7) // 8, "big")
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def jwk(key: rsa.RSAPrivateKey) -> dict[str, str]:
    numbers = key.public_key().public_numbers()
    return {
        "kty": "RSA",
        "alg": "RS256",
        "use": "sig",
        "kid": key_id(key),
        "n": _number(numbers.n),
        "e": _number(numbers.e),
    }


class Issuer:
    """Keys and documents of one issuer. Keys lie in its folder: the newest signs, all are published."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._keys = [read_rsa_key(path) for path in sorted(folder.glob("*.pem"))]
        self._made = len(self._keys)
        if not self._keys:
            self.rotate()

    def rotate(self, *, keep_old: bool = True) -> None:
        """Sign with a new key from now on; the old ones stay published, unless told otherwise."""
        key = new_rsa_key()
        self._made += 1
        if not keep_old:
            self._keys.clear()
            for path in self._folder.glob("*.pem"):
                path.unlink()
        write_private(self._folder / f"{self._made:04}.pem", key)
        self._keys.append(key)

    def mint(self, issuer: str, facts: Claims, *, token_id: str, now: datetime) -> str:
        seconds = int(now.timestamp())
        key = self._keys[-1]
        times = {"iss": issuer, "nbf": seconds - NOT_BEFORE, "iat": seconds, "exp": seconds + LIFE}
        return jwt.encode({"jti": token_id} | facts | times, key, algorithm="RS256", headers={"kid": key_id(key)})

    def jwks(self) -> dict[str, Any]:
        return {"keys": [jwk(key) for key in self._keys]}


def discovery(issuer: str) -> dict[str, Any]:
    """`/.well-known/openid-configuration`."""
    return {
        "issuer": issuer,
        "jwks_uri": f"{issuer}/.well-known/jwks",
        "subject_types_supported": ["public", "pairwise"],
        "response_types_supported": ["id_token"],
        "claims_supported": ["sub", "aud", "exp", "iat", "iss", "jti", "nbf", "ref", "sha", "repository", "run_id"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "scopes_supported": ["openid"],
    }
