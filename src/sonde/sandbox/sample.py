"""The sample infrastructure repository of the demo: its files, and the change that its pull request makes.

Three stacks (dev, staging, prod) of four components; database and cluster depend on network, api on cluster. The files
lie under `sample/` as they are in the repository, so that they can be read and edited there.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable

STACKS = ("dev", "staging", "prod")
COMPONENTS = ("network", "database", "cluster", "api")


@dataclass(frozen=True)
class Change:
    """What a pull request is made of. `files` maps paths to their whole new text."""

    branch: str
    title: str
    body: str
    files: Mapping[str, str]


def files() -> dict[str, str]:
    """Path in the repository (with /) → text, sorted by path."""
    return dict(sorted(texts_below(resources.files("sonde.sandbox") / "sample", "")))


def texts_below(folder: Traversable, prefix: str) -> Iterator[tuple[str, str]]:
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from texts_below(entry, f"{prefix}{entry.name}/")
        else:
            yield f"{prefix}{entry.name}", entry.read_text(encoding="utf-8")


def edited(path: str, text: str, old: str, new: str) -> str:
    """The text with its one `old` replaced. ValueError if the file no longer says it exactly once."""
    if text.count(old) != 1:
        raise ValueError(f"{path} was expected to say {old!r} once, it does so {text.count(old)} times")
    return text.replace(old, new)


# What the demo's change does to a stack: what stands in its file, and what takes its place.
GROWTH = {
    "dev": (("storage_gb: 20", "storage_gb: 40"), ("node_count: 2", "node_count: 3")),
    "staging": (("storage_gb: 50", "storage_gb: 100"), ("node_count: 3", "node_count: 4")),
    "prod": (("storage_gb: 200", "storage_gb: 400"), ("node_count: 6", "node_count: 8")),
}


def change(stack: str = "dev", current: Mapping[str, str] | None = None) -> Change:
    """The demo's pull request: a bigger database and one more cluster node in one stack.

    It affects two components; `cluster` has a dependent (`api`), `database` has none. `current` are the repository's
    files as they are now, the sample's own if not given. KeyError for a stack that does not exist, ValueError if the
    change has already been made.
    """
    path = f"stacks/deploy/{stack}.yaml"
    text = (files() if current is None else current)[path]
    for old, new in GROWTH[stack]:
        text = edited(path, text, old, new)
    (_, storage), (_, nodes) = GROWTH[stack]
    return Change(
        branch=f"grow-{stack}",
        title=f"Grow the database and the cluster of {stack}",
        body=f"`{storage}` for `database` and `{nodes}` for `cluster`, on which `api` depends.",
        files={path: text},
    )
