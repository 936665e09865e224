"""Which files make up the configuration, and their merged content (stacks.md §1, §1.1).

Later files win. The main file of a folder wins over what it imports; a later import wins over an earlier one; `.atmos.d` beats
`atmos.d`, and imports beat both.
"""

from collections.abc import Iterator, Mapping, Sequence
from glob import has_magic
from pathlib import Path
from typing import Any, NamedTuple

from sonde.stacks.config.functions import Context, evaluate
from sonde.stacks.errors import StacksError
from sonde.stacks.goyaml import Tagged, YamlError, load_mapping

NAMES = ("atmos.yaml", "atmos.yml")
SYSTEM_FOLDER = Path("/usr/local/etc/atmos")
LOCAL_MARKS = ("atmos.yaml", "atmos.yml", ".atmos.yaml", ".atmos", ".atmos.d", "atmos.d")
# Below these keys the case of keys is kept; everywhere else they are lower-cased, as viper does.
CASED = (("env",), ("templates", "settings", "env"))
# Maps of a step of a custom command whose keys are somebody else's names; the fields around them match in any case.
STEP_MAPS = frozenset(("env", "vars", "outputs", "data", "form", "headers", "query", "fields"))
# auth.identities.NAME.FIELD: what a field holds is read from the file itself, so only the way there is lower-cased.
IDENTITY_FIELD_DEPTH = 4
MAX_IMPORT_DEPTH = 32


class Found:
    """The merged files, the folder of the last one (None if there is none), and what went wrong without being fatal."""

    def __init__(self) -> None:
        self.merged: dict[str, Any] = {}
        self.pro_from: dict[str, str] = {}  # the file that has the last word on a key of `settings.pro`
        self.folder: Path | None = None
        self.warnings: list[str] = []


class Search(NamedTuple):
    """Where to look: folder of the command, environment, root of the git checkout, and the flags that replace the search."""

    cwd: Path
    env: Mapping[str, str]
    git_root: Path | None
    files: Sequence[str] = ()
    folders: Sequence[str] = ()


def find_git_root(start: Path) -> Path | None:
    """Walk up to the folder with `.git` (a folder, or the file of a worktree)."""
    return next((folder for folder in (start, *start.parents) if (folder / ".git").exists()), None)


def has_local_configuration(cwd: Path) -> bool:
    return any((cwd / mark).exists() for mark in LOCAL_MARKS)


def read_all(search: Search) -> Found:
    """Find and merge every configuration file. Raises `StacksError` on one that cannot be read."""
    found = Found()
    explicit = [*_explicit(search)]
    for path in explicit or _searched(search):
        merge_file(found.merged, _read_with_imports(path, search, found), main=True)
        found.folder = path.parent
    return found


def _explicit(search: Search) -> Iterator[Path]:
    for name in search.files:
        path = search.cwd / name
        if not path.is_file():
            raise StacksError(
                f"failed to read config: {path}: no such file", hints=["--config takes the path of a file."]
            )
        yield path
    for name in search.folders:
        inside = _in_folder(search.cwd / name)
        if inside is None:
            raise StacksError(
                f"failed to read config: no atmos.yaml in {search.cwd / name}", hints=["--config-path takes a folder."]
            )
        yield inside


def _searched(search: Search) -> list[Path]:
    folders: list[Path] = [SYSTEM_FOLDER]
    if home := search.env.get("HOME"):
        folders.append(Path(home) / ".atmos")
    elsewhere = search.env.get("ATMOS_CLI_CONFIG_PATH", "")
    if not elsewhere and not has_local_configuration(search.cwd):
        folders += [folder for folder in search.cwd.parents if _in_folder(folder)][:1]
        if search.git_root and git_root_wanted(search.env):
            folders.append(search.git_root)
    folders.append(search.cwd)
    found = [path for folder in folders if (path := _in_folder(folder))]
    if elsewhere:
        target = search.cwd / elsewhere
        named = target if target.is_file() else _in_folder(target)
        found += [named] if named else []
    # The same file met twice counts at its last place.
    return [path for index, path in enumerate(found) if path not in found[index + 1 :]]


def git_root_wanted(env: Mapping[str, str]) -> bool:
    return env.get("ATMOS_GIT_ROOT_BASEPATH", "").lower() not in ("false", "0")


def _in_folder(folder: Path) -> Path | None:
    return next((folder / name for name in NAMES if (folder / name).is_file()), None)


def _read_with_imports(path: Path, search: Search, found: Found) -> dict[str, Any]:
    own = read_file(path, search)
    result: dict[str, Any] = {}
    for folder in ("atmos.d", ".atmos.d"):
        for part in yaml_files(path.parent / folder):
            merge_file(result, _read_imported(part, search, found, (path,)), main=False)
    _merge_imports(result, own, path, search, found, (path,))
    note(found, path, own)
    merge_file(result, own, main=True)
    return result


def _merge_imports(
    result: dict[str, Any], own: dict[str, Any], path: Path, search: Search, found: Found, chain: tuple[Path, ...]
) -> None:
    entries = settled(own.get("import")) or []
    for entry in entries if isinstance(entries, list) else [entries]:
        if not isinstance(entry, str) or not entry:
            raise StacksError(
                f"invalid import in {path}: expected a path, got {entry!r}", hints=["`import` is a list of paths."]
            )
        if "://" in entry or entry.startswith("git::"):
            found.warnings.append(f"{path}: remote import {entry} is not fetched")
            continue
        targets = _targets(path.parent, entry)
        if not targets:
            found.warnings.append(f"{path}: import {entry} matches no file")
        for target in targets:
            merge_file(result, _read_imported(target, search, found, chain), main=False)


def _read_imported(path: Path, search: Search, found: Found, chain: tuple[Path, ...]) -> dict[str, Any]:
    if path in chain or len(chain) > MAX_IMPORT_DEPTH:
        listed = " → ".join(str(item) for item in (*chain, path))
        raise StacksError(f"import cycle in the configuration: {listed}", hints=["Take one of these imports out."])
    own = read_file(path, search)
    result: dict[str, Any] = {}
    _merge_imports(result, own, path, search, found, (*chain, path))
    own.pop("import", None)
    note(found, path, own)
    merge_file(result, own, main=True)
    return result


def note(found: Found, path: Path, own: Mapping[str, Any]) -> None:
    """Remember what a file says of `settings.pro`. Files are noted in the order in which they are merged."""
    settings = own.get("settings")
    pro = settings.get("pro") if isinstance(settings, dict) else None
    for key, value in pro.items() if isinstance(pro, dict) else ():
        keys = [f"{key}.{below}" for below in value] if isinstance(value, dict) else [key]
        found.pro_from.update(dict.fromkeys(keys, str(path)))


def _targets(folder: Path, entry: str) -> list[Path]:
    """Files of one import: as written, with an extension added, a folder's files, or a glob's matches in order."""
    if has_magic(entry):
        base, pattern = (Path("/"), entry.lstrip("/")) if entry.startswith("/") else (folder, entry.removeprefix("./"))
        while pattern.startswith("../"):
            base, pattern = base.parent, pattern[3:]
        return sorted(
            path for path in base.glob(_globbed(pattern)) if path.suffix in (".yaml", ".yml") and path.is_file()
        )
    path = folder / entry
    if path.is_dir():
        return yaml_files(path)
    return [
        choice
        for choice in (path, path.with_name(path.name + ".yaml"), path.with_name(path.name + ".yml"))
        if choice.is_file()
    ][:1]


def _globbed(pattern: str) -> str:
    # `**/*` of pathlib needs no help; a bare `**` would give folders only.
    return pattern + "/*" if pattern.endswith("**") else pattern


def yaml_files(folder: Path) -> list[Path]:
    """All YAML files below a folder, hidden folders left out: shallow ones first, then by name."""
    if not folder.is_dir():
        return []
    paths = [path for path in folder.rglob("*") if path.suffix in (".yaml", ".yml") and path.is_file()]
    visible = [path for path in paths if not any(part.startswith(".") for part in path.relative_to(folder).parts)]
    return sorted(visible, key=lambda path: (len(path.parts), path))


def read_file(path: Path, search: Search) -> dict[str, Any]:
    """Read one file, functions evaluated, keys lower-cased. Raises `StacksError` with the file and the line."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise StacksError(f"failed to read config: {path}: {error.strerror}") from error
    try:
        loaded = load_mapping(data, name=str(path))
    except YamlError as error:
        stem = path.with_suffix("")
        raise StacksError(f"failed to read config: {stem}: While parsing config: {error.message}") from error
    context = Context(folder=path.parent, cwd=search.cwd, env=search.env, git_root=search.git_root)
    result = without_empty(lower_keys(evaluate(loaded.value, context), ()))
    return result if isinstance(result, dict) else {}


def without_empty(value: dict[str, Any]) -> dict[str, Any]:
    """Drop nulls and empty maps, which set nothing."""
    kept = {key: without_empty(item) if isinstance(item, dict) else item for key, item in value.items()}
    return {key: item for key, item in kept.items() if item is not None and item != {}}


def lower_keys(value: Any, path: tuple[str, ...]) -> Any:
    """Lower-case keys as viper does, and keep them below the paths whose case the tool restores."""
    if isinstance(value, dict):
        kept = _keeps_case(path)
        return {(key if kept else key.lower()): lower_keys(item, (*path, key.lower())) for key, item in value.items()}
    if isinstance(value, list):
        return [lower_keys(item, path) for item in value]
    return Tagged(value.tag, lower_keys(value.value, path)) if isinstance(value, Tagged) else value


def _keeps_case(path: tuple[str, ...]) -> bool:
    if path[:1] == ("commands",):
        return "steps" in path and not STEP_MAPS.isdisjoint(path)
    if path[:2] == ("auth", "identities"):
        return len(path) >= IDENTITY_FIELD_DEPTH
    return any(path[: len(cased)] == cased for cased in CASED)


def merge_file(target: dict[str, Any], source: dict[str, Any], *, main: bool) -> None:
    """Merge one file; `commands` of both are kept by name, those of a main file before those it imports."""
    old, new = target.get("commands"), source.get("commands")
    merge_into(target, source)
    if isinstance(old, list) and isinstance(new, list):
        names = [command.get("name") for command in new if isinstance(command, dict)]
        rest = [command for command in old if not isinstance(command, dict) or command.get("name") not in names]
        target["commands"] = [*new, *rest] if main else [*rest, *new]


def merge_into(target: dict[str, Any], source: Mapping[str, Any]) -> None:
    """Merge maps deeply; a list tagged `!append` is added to the old one, everything else of `source` replaces.

    `target` shares no dict with `source` afterwards.
    """
    for key, value in source.items():
        old = target.get(key)
        if isinstance(value, dict):
            inner: dict[str, Any] = old if isinstance(old, dict) else {}
            target[key] = inner
            merge_into(inner, value)
        elif isinstance(value, Tagged) and isinstance(old, list):
            target[key] = [*old, *value.value]
        elif isinstance(value, Tagged) and isinstance(old, Tagged):
            target[key] = Tagged(value.tag, [*old.value, *value.value])
        else:
            target[key] = value


def settled(value: Any) -> Any:
    """What `!append` had nothing to append to, as plain lists."""
    if isinstance(value, dict):
        return {key: settled(item) for key, item in value.items()}
    return settled(value.value) if isinstance(value, Tagged) else value
