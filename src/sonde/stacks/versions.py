"""Locked versions of external things: `!version name` and `{{ .version.name }}`, from `versions.lock.yaml`."""

import posixpath
from typing import TYPE_CHECKING, Any

from sonde.stacks import goyaml
from sonde.stacks.errors import StacksError

if TYPE_CHECKING:
    from sonde.stacks.engine import Engine

LOCK_FILE = "versions.lock.yaml"
DEFAULT_TRACK = "default"


def track_of(section: Any, configured: str) -> str:
    """The track that a stack's `version.track` names, else the configured one, else the default."""
    named = section.get("track") if isinstance(section, dict) else None
    return named if isinstance(named, str) and named else configured or DEFAULT_TRACK


def locked(engine: "Engine", track: str) -> dict[str, str]:
    """Names and versions of a track; empty without a lock file. Dashes in names may be written as underscores."""
    if engine.locked_versions is None:
        engine.locked_versions = _read(engine)
    entries = engine.locked_versions.get(track)
    found = {name: str(entry.get("version")) for name, entry in entries.items()} if isinstance(entries, dict) else {}
    return {name.replace("-", "_"): version for name, version in found.items()} | found


def _read(engine: "Engine") -> dict[str, Any]:
    path = posixpath.join(engine.project.base_path, LOCK_FILE)
    if not engine.tree.exists(path):
        return {}
    content = goyaml.load_mapping(engine.tree.read_bytes(path), name=path).value
    tracks = content.get("tracks")
    return tracks if isinstance(tracks, dict) else {}


def version(engine: "Engine", track: str, name: str) -> str:
    """One locked version. Raises StacksError when it is not locked."""
    found = locked(engine, track)
    if name not in found:
        raise StacksError(
            f"version '{name}' is not locked in track '{track}'",
            hints=["Run `atmos version track lock` and commit the lock file."],
        )
    return found[name]
