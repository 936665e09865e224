"""Inventory uploads and instance status (protocol.md §6.2, §6.3)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

PATH = "instances"
RUN_ID_HEADER = "X-Atmos-Pro-Run-Id"  # of a status, additive: our client names the dispatch, the Go client does not


def status_path(owner: str, name: str) -> str:
    """Path of the status PATCH; both parts must already be percent-encoded."""
    return f"repos/{owner}/{name}/instances"


@dataclass(frozen=True)
class InstanceItem:
    """One instance of the inventory; `settings` is left out where the component has no `settings.pro`."""

    component: str
    stack: str
    component_type: str = ""
    settings: Mapping[str, Any] | None = None

    JSON: ClassVar[Mapping[str, str]] = {}
    NULLABLE: ClassVar[frozenset[str]] = frozenset()


@dataclass(frozen=True)
class InstancesUpload:
    """The repository's inventory. `batch_*` only when chunked (protocol.md §6.4)."""

    repo_url: str = ""
    repo_name: str = ""
    repo_owner: str = ""
    repo_host: str = ""
    instances: tuple[InstanceItem, ...] = ()
    batch_id: str | None = None
    batch_index: int | None = None
    batch_total: int | None = None

    JSON: ClassVar[Mapping[str, str]] = {}
    NULLABLE: ClassVar[frozenset[str]] = frozenset()


@dataclass(frozen=True)
class InventoryAnswer:
    """`id` is null and `missing` counts until every part is there; `misconfigured` names some instances and why."""

    id: str | None = None
    missing: int = 0
    misconfigured: tuple[str, ...] = ()

    JSON: ClassVar[Mapping[str, str]] = {}
    NULLABLE: ClassVar[frozenset[str]] = frozenset({"id"})


@dataclass(frozen=True)
class StatusAnswer:
    """The instance's status after the report, and why."""

    status: str
    because: str

    JSON: ClassVar[Mapping[str, str]] = {}
    NULLABLE: ClassVar[frozenset[str]] = frozenset()


@dataclass(frozen=True)
class InstanceStatus:
    """Result of one terraform command. Old clients send `status` instead of `command` and `exit_code` (product.md §2.5)."""

    command: str | None = None
    exit_code: int | None = None
    last_run: str | None = None
    status: str | None = None

    JSON: ClassVar[Mapping[str, str]] = {}
    NULLABLE: ClassVar[frozenset[str]] = frozenset()
