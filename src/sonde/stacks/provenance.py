"""A component as YAML with a comment behind each value that says where it was written: `# deploy/dev.yaml:12`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sonde.stacks import yamldump
from sonde.stacks.merge import Section
from sonde.stacks.places import Places

if TYPE_CHECKING:
    from sonde.stacks.engine import Engine

_TRACED = ("backend", "env", "settings", "vars")


@dataclass(frozen=True)
class Where:
    """What comments are made from: places, names of manifests to paths, and the whole component."""

    places: Places
    paths: Mapping[str, str]
    everything: Section


def annotated(engine: "Engine", shown: Section, everything: Section) -> str:
    """The YAML of `shown`, with comments from the `sources` of `everything`."""
    where = Where(Places(engine), engine.importer.paths(), everything)
    lines: list[str] = []
    for name in yamldump.sorted_keys(shown):
        block = yamldump.dump({name: shown[name]}).splitlines()
        if name in _TRACED and isinstance(shown[name], dict) and shown[name]:
            block = _commented(block, everything["sources"][name], where)
        lines.extend(block)
    return "\n".join(lines) + "\n" if lines else "{}\n"


def _commented(block: list[str], sources: Section, where: Where) -> list[str]:
    """Comments stand behind the lines that begin a key of the section; a block text's first line takes one too."""
    heads = {f"  {yamldump.key_text(key)}:": entry for key, entry in sources.items()}
    result = []
    for line in block:
        head = line[: line.find(":") + 1] if not line.startswith("   ") else ""
        entry = heads.get(head)
        dependencies = entry["stack_dependencies"] if entry else []
        comment = _comment(where, dependencies[0], str(entry["name"])) if entry and dependencies else ""
        result.append(f"{line} # {comment}" if comment else line)
    return result


def _comment(where: Where, dependency: Section, key: str) -> str:
    path = where.paths.get(dependency["stack_file"])
    if path is None:
        return str(dependency["stack_file"])
    found = (where.places.key(path, steps) for steps in _steps(dependency, key, where.everything))
    line = next((position[0] for position in found if position), 0)
    name = where.places.engine.importer.relative(path)
    return f"{name}:{line}" if line else name


def _steps(dependency: Section, key: str, everything: Section) -> list[tuple[str, ...]]:
    """The paths at which the key may stand: below the component or one of its bases, else in the section itself."""
    section: list[str] = str(dependency["stack_file_section"]).split(".")
    if section[0] != "components":
        return [(*section, key)]
    owners: list[Any] = [everything["atmos_component"], *(everything.get("inheritance") or [])]
    return [(*section[:2], str(owner), *section[2:], key) for owner in owners]
