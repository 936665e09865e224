"""Profiles: named folders of configuration that lie over atmos.yaml and under the environment."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sonde.stacks.config.environ import Flags
from sonde.stacks.config.files import Found, Search, merge_into, note, read_file, yaml_files
from sonde.stacks.errors import StacksError


def active(search: Search, flags: Flags, merged: dict[str, Any]) -> Sequence[str]:
    """Names of the profiles to lie over the files: the flag's, else ATMOS_PROFILE's, else `profiles.default`."""
    if flags.profiles:
        return flags.profiles
    if named := search.env.get("ATMOS_PROFILE", ""):
        return [name.strip() for name in named.split(",") if name.strip()]
    section = merged.get("profiles")
    default = section.get("default") if isinstance(section, dict) else None
    return [default] if isinstance(default, str) and default else []


def apply(found: Found, search: Search, flags: Flags) -> None:
    """Merge the active profiles, a later one over an earlier one. Raises `StacksError` for a name without a folder."""
    for name in active(search, flags, found.merged):
        folder = next((place / name for place in _places(found, search) if (place / name).is_dir()), None)
        if folder is None:
            looked = ", ".join(str(place) for place in _places(found, search))
            raise StacksError(
                f"profile not found: {name}", hints=[f"Looked for a folder of that name in: {looked}."], exit_code=2
            )
        for path in yaml_files(folder):
            own = read_file(path, search)
            note(found, path, own)
            merge_into(found.merged, own)


def _places(found: Found, search: Search) -> list[Path]:
    home = found.folder or search.cwd
    section = found.merged.get("profiles")
    configured = section.get("base_path") if isinstance(section, dict) else None
    places = [home / configured] if isinstance(configured, str) and configured else []
    config_home = search.env.get("XDG_CONFIG_HOME") or f"{search.env.get('HOME', '')}/.config"
    return [*places, home / ".atmos/profiles", Path(config_home) / "atmos/profiles", home / "profiles"]
