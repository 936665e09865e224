"""What is written down about a change, and what a look through the chain finds."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

SERVER = ""  # the chain of what belongs to no workspace


@dataclass(frozen=True)
class Actor:
    """Who did it. `type` is admin (a command on the server's machine), visitor (a page), job or token."""

    type: str
    id: str
    name: str


@dataclass(frozen=True)
class Change:
    """One change. `action` is CATEGORY.VERB (product.md §1.6), `target` the kind and id of what was changed."""

    workspace_id: str
    action: str
    actor: Actor
    target: tuple[str, str]
    description: str
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Row:
    """A change as it stands in its workspace's chain: `number` counts from 1, `previous` is the seal of the row before."""

    id: str
    workspace_id: str
    number: int
    at: int
    action: str
    actor_type: str
    actor_id: str
    actor_name: str
    target_type: str
    target_id: str
    description: str
    metadata: str
    previous: str
    seal: str


@dataclass(frozen=True)
class Mark:
    """A place in a chain: the number of a row and its seal. Nothing stands at 0."""

    number: int = 0
    seal: str = ""

    def __str__(self) -> str:
        return f"{self.number}:{self.seal}"


@dataclass(frozen=True)
class Ends:
    """What is kept beside a chain: its newest row, and the newest that was exported and cut, behind which it begins."""

    head: Mark = Mark()
    cut: Mark = Mark()


@dataclass(frozen=True)
class Sound:
    """Every row from behind `begin` to `end` is as it was written. `end` is to be kept elsewhere."""

    begin: Mark
    end: Mark


@dataclass(frozen=True)
class Broken:
    """The first row that is not as it was written, or is not there, and what is wrong with it."""

    number: int
    because: str
