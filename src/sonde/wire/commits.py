"""`POST /api/v1/git/commit`: changes that the control plane commits as its GitHub App (protocol.md §7.1)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

PATH = "git/commit"
MAX_MESSAGE = 500  # bytes
MAX_COMMENT = 2000  # bytes
MAX_BRANCH = 256  # bytes
MAX_CHANGES = 200
MAX_FILE = 2 * 1024 * 1024  # bytes
BOT = "atmos-pro[bot]"  # whose own runs must not commit again


@dataclass(frozen=True)
class FileAddition:
    """`contents` is base64 of the file's bytes."""

    path: str
    contents: str

    JSON: ClassVar[Mapping[str, str]] = {}
    NULLABLE: ClassVar[frozenset[str]] = frozenset()


@dataclass(frozen=True)
class FileDeletion:
    """A path that goes."""

    path: str

    JSON: ClassVar[Mapping[str, str]] = {}
    NULLABLE: ClassVar[frozenset[str]] = frozenset()


@dataclass(frozen=True)
class FileChanges:
    """Both lists are always sent, possibly empty."""

    additions: tuple[FileAddition, ...] = ()
    deletions: tuple[FileDeletion, ...] = ()

    JSON: ClassVar[Mapping[str, str]] = {}
    NULLABLE: ClassVar[frozenset[str]] = frozenset()


@dataclass(frozen=True)
class CommitRequest:
    """The request names no repository: the session does."""

    branch: str
    changes: FileChanges
    message: str
    comment: str | None = None

    JSON: ClassVar[Mapping[str, str]] = {"message": "commitMessage"}
    NULLABLE: ClassVar[frozenset[str]] = frozenset()


@dataclass(frozen=True)
class CommitAnswer:
    """The commit that was made."""

    sha: str

    JSON: ClassVar[Mapping[str, str]] = {}
    NULLABLE: ClassVar[frozenset[str]] = frozenset()
