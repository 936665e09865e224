"""`POST /api/v1/affected-stacks`: what a change touches (protocol.md §6.1, product.md §2.2)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

PATH = "affected-stacks"


@dataclass(frozen=True)
class AffectedItem:
    """One affected instance; `dependents` nest the same shape. Fields the client strips are sent blank."""

    component: str
    stack: str
    component_type: str = ""
    component_path: str = ""
    stack_slug: str = ""
    affected: str = ""
    affected_all: tuple[str, ...] | None = None
    dependents: "tuple[AffectedItem, ...]" = ()
    included_in_dependents: bool = False
    settings: Mapping[str, Any] | None = None
    deleted: bool | None = None
    deletion_type: str | None = None

    JSON: ClassVar[Mapping[str, str]] = {}
    NULLABLE: ClassVar[frozenset[str]] = frozenset({"affected_all", "settings"})


@dataclass(frozen=True)
class AffectedUpload:
    """`stacks` may be empty: the check needs that answer too. `batch_*` only when chunked (protocol.md §6.4)."""

    head_sha: str
    base_sha: str = ""
    repo_url: str = ""
    repo_name: str = ""
    repo_owner: str = ""
    repo_host: str = ""
    stacks: tuple[AffectedItem, ...] = ()
    batch_id: str | None = None
    batch_index: int | None = None
    batch_total: int | None = None

    JSON: ClassVar[Mapping[str, str]] = {}
    NULLABLE: ClassVar[frozenset[str]] = frozenset()


@dataclass(frozen=True)
class UploadAnswer:
    """`id` is null until the upload is whole; `missing` counts the parts of an upload that comes in parts."""

    id: str | None = None
    missing: int | None = None

    JSON: ClassVar[Mapping[str, str]] = {}
    NULLABLE: ClassVar[frozenset[str]] = frozenset({"id"})
