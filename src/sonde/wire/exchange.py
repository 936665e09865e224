"""`POST /api/v1/auth/github-oidc`: a GitHub Actions OIDC token for a session token (protocol.md §4)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

PATH = "auth/github-oidc"
AUDIENCE = "atmos-pro.com"  # what every unmodified client asks GitHub for (decisions.md, ruling 3)


@dataclass(frozen=True)
class ExchangeRequest:
    """`token` is unverified until the server has checked it."""

    token: str
    workspace_id: str = ""

    JSON: ClassVar[Mapping[str, str]] = {"workspace_id": "workspaceId"}
    NULLABLE: ClassVar[frozenset[str]] = frozenset()


@dataclass(frozen=True)
class ExchangeAnswer:
    """`token` is the session token, sent back as `Authorization: Bearer`."""

    token: str

    JSON: ClassVar[Mapping[str, str]] = {}
    NULLABLE: ClassVar[frozenset[str]] = frozenset()
