"""The envelope around every answer under `/api/v1` (protocol.md §3), and its error tags."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar


class ErrorTag(StrEnum):
    """Stable names of refusals; `wire.refusals` says of each when it is said and what to do."""

    BAD_REQUEST = "BadRequest"
    UNAUTHORIZED = "Unauthorized"
    FORBIDDEN = "Forbidden"
    NOT_FOUND = "NotFound"
    METHOD_NOT_ALLOWED = "MethodNotAllowed"
    DRIFT_DETECTION = "DriftDetectionValidationError"
    BATCH_CONFLICT = "BatchConflict"
    LOCK_CONFLICT = "LockConflict"
    EXECUTION_CONFLICT = "ExecutionConflict"
    HEAD_MOVED = "HeadMoved"
    LOCK_NOT_FOUND = "LockNotFound"
    PAYLOAD_TOO_LARGE = "PayloadTooLarge"
    REPLAYED = "TokenReplayed"
    WORKSPACE_NOT_FOUND = "WorkspaceNotFound"
    REPOSITORY_NOT_LINKED = "RepositoryNotLinked"
    UNAVAILABLE = "Unavailable"
    INTERNAL = "Internal"


@dataclass(frozen=True)
class Envelope:
    """`data` is an object or absent, never a list or text: real clients fail to decode those.

    `url` stands beside `data` in the answer of `atmos/exec/data` alone (product.md §2.8).
    """

    success: bool
    status: int
    data: Mapping[str, Any] | None = None
    request: str | None = None
    error_tag: str | None = None
    error_message: str | None = None
    trace_id: str | None = None
    context: Mapping[str, Any] | None = None
    url: str | None = None

    JSON: ClassVar[Mapping[str, str]] = {
        "error_tag": "errorTag",
        "error_message": "errorMessage",
        "trace_id": "traceId",
    }
    NULLABLE: ClassVar[frozenset[str]] = frozenset()
