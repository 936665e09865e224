"""Where the configured folders are: the base path's rules, and what is joined to it (stacks.md §1.2)."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple


class Places(NamedTuple):
    """The folders that a relative base path may start from."""

    cwd: Path
    config_folder: Path | None
    git_root: Path | None


def resolve_base(base_path: str, places: Places, *, from_files: bool) -> Path:
    """Give the absolute base path.

    Empty: the checkout's root, else the folder of atmos.yaml. `.`, `./x`, `..`: from the folder of atmos.yaml (from the
    command's folder when an environment variable or a flag says so). `foo`: below the checkout's root if it exists there,
    else below the command's folder.
    """
    home = places.config_folder or places.cwd
    if not base_path:
        return places.git_root or home
    if os.path.isabs(base_path):  # noqa: PTH117 - a string from the file, kept a string until here
        return clean(base_path)
    if base_path.split("/", 1)[0] in (".", ".."):
        return clean(home if from_files else places.cwd, base_path)
    if places.git_root and (places.git_root / base_path).exists():
        return clean(places.git_root, base_path)
    return clean(places.cwd, base_path)


def clean(*parts: str | Path) -> Path:
    """Join and clean a path without looking at the disk, as Go's `filepath.Join` does."""
    return Path(os.path.normpath(os.path.join(*parts)))  # noqa: PTH118 - Path keeps `..`


def patterns(base: Path, globs: Sequence[str]) -> tuple[str, ...]:
    return tuple(str(clean(base, glob)) for glob in globs)
