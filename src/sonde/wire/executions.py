"""What a command of a client did (product.md §2.8)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

DATA_PATH = "atmos/exec/data"
COMPONENT = ("component", "stack", "exit_code", "has_changes", "has_errors", "resource_counts", "changes")
OUTPUT = ("outputs", "warnings", "errors", "logs")
AFFECTED = ("component_type", "affected", "affected_all", "included_in_dependents", "deleted", "deletion_type")
LISTS = ("components", "stacks", "instances")
RESULT = ("version", *LISTS, *COMPONENT, *OUTPUT, *AFFECTED, "dependents", "settings", "pro")  # what `data` is made of


@dataclass(frozen=True)
class Execution:
    """One command. `data` is its structured result, or the URL under which that was uploaded before."""

    execution_id: str
    atmos_pro_run_id: str = ""
    atmos_version: str = ""
    atmos_os: str = ""
    atmos_arch: str = ""
    command: str = ""
    args: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    exit_code: int = 0
    git_sha: str = ""
    repo_url: str = ""
    repo_name: str = ""
    repo_owner: str = ""
    repo_host: str = ""
    metrics: Mapping[str, Any] | None = None
    data: Any = None

    JSON: ClassVar[Mapping[str, str]] = {}
    NULLABLE: ClassVar[frozenset[str]] = frozenset()


@dataclass(frozen=True)
class ExecutionData:
    """The structured result of a command that is too large to travel inside its record."""

    execution_id: str
    data: Any

    JSON: ClassVar[Mapping[str, str]] = {}
    NULLABLE: ClassVar[frozenset[str]] = frozenset()


@dataclass(frozen=True)
class ExecutionResult:
    """A result that was uploaded by itself, as it was kept."""

    execution_id: str
    data: Any

    JSON: ClassVar[Mapping[str, str]] = {}
    NULLABLE: ClassVar[frozenset[str]] = frozenset({"data"})


@dataclass(frozen=True)
class ExecutionAnswer:
    """The id of the record, or of the result that was uploaded by itself."""

    id: str

    JSON: ClassVar[Mapping[str, str]] = {}
    NULLABLE: ClassVar[frozenset[str]] = frozenset()
