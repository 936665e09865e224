"""What the control plane says stands: locks, instances, a pull request (`wire.reads`)."""

from typing import TypeVar
from urllib.parse import quote

from sonde.cli import answers, client
from sonde.cli.errors import DecodeError
from sonde.cli.git import Repository
from sonde.wire import codec, instances, reads

T = TypeVar("T", bound=codec.WireObject)


def locks_of(session: client.Session, repository: Repository) -> tuple[reads.LockSeen, ...]:
    """Every key of the repository that was ever locked. Raises ApiError."""
    return _ask(session, reads.locks_path(*_quoted(repository)), answers.LOCKS, reads.LocksSeen).locks


def instances_of(session: client.Session, repository: Repository) -> tuple[reads.InstanceSeen, ...]:
    """Every instance of the repository. Raises ApiError."""
    path = instances.status_path(*_quoted(repository))
    return _ask(session, path, answers.INSTANCES, reads.InstancesSeen).instances


def pull_of(session: client.Session, repository: Repository, number: int) -> reads.PullSeen:
    """How far a pull request is. Raises ApiError."""
    owner, name = _quoted(repository)
    return _ask(session, reads.pull_path(owner, name, number), answers.PULL, reads.PullSeen)


def _quoted(repository: Repository) -> tuple[str, str]:
    return quote(repository.owner, safe=""), quote(repository.name, safe="")


def _ask(session: client.Session, path: str, shape: answers.Shape, kind: type[T]) -> T:
    try:
        return codec.from_json(kind, client.ask(session, path, shape), "data")
    except codec.WireError as error:
        raise DecodeError(f"the answer to GET {path} cannot be read: {error}") from error
