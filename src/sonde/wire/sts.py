"""`POST /api/v1/sts`: GitHub tokens for private sources (protocol.md §7.2, product.md §2.9)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

PATH = "sts"
DEFAULT_POLICY = "default"


@dataclass(frozen=True)
class StsRequest:
    """`sources` as `owner/repository`; None asks for all that the policies allow."""

    sources: tuple[str, ...] | None = None
    policy_name: str | None = DEFAULT_POLICY

    JSON: ClassVar[Mapping[str, str]] = {"policy_name": "policyName"}
    NULLABLE: ClassVar[frozenset[str]] = frozenset()


@dataclass(frozen=True)
class GitHubToken:
    """A token for the repositories of one owner; `expires_at` is RFC 3339."""

    host: str = ""
    owner: str = ""
    token: str = ""
    expires_at: str = ""
    repositories: tuple[str, ...] | None = None
    permissions: Mapping[str, str] | None = None

    JSON: ClassVar[Mapping[str, str]] = {"expires_at": "expiresAt"}
    NULLABLE: ClassVar[frozenset[str]] = frozenset()


@dataclass(frozen=True)
class Excluded:
    """A source for which there is no token, and why."""

    repo: str = ""
    reason: str = ""

    JSON: ClassVar[Mapping[str, str]] = {}
    NULLABLE: ClassVar[frozenset[str]] = frozenset()


@dataclass(frozen=True)
class StsAnswer:
    """No tokens at all is an answer like any other."""

    tokens: tuple[GitHubToken, ...] = ()
    excluded: tuple[Excluded, ...] = ()

    JSON: ClassVar[Mapping[str, str]] = {}
    NULLABLE: ClassVar[frozenset[str]] = frozenset()
