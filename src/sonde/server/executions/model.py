"""An execution: one command of a client, with its exit code and result."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

KEPT = 30 * 86_400_000  # milliseconds that an execution and its result are kept
MAX_ID = 200  # characters


@dataclass(frozen=True)
class Stored:
    """An execution as it is stored; `data` is its result as compressed JSON, `data_id` where it was uploaded before.

    `author` is the run or the static token that sent it: nobody else changes it.
    """

    workspace_id: str
    execution_id: str
    repository_id: str | None
    author: str
    run_id: int | None
    facts: Mapping[str, Any]
    data: bytes | None
    data_id: str | None


@dataclass(frozen=True)
class Result:
    """A result that was uploaded by itself; `body` is compressed JSON."""

    id: str
    workspace_id: str
    execution_id: str
    author: str
    digest: str
    body: bytes
