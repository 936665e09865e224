"""A component as YAML with a comment behind each value that says where it was written: `# deploy/dev.yaml:12`."""

from typing import TYPE_CHECKING, Any

from sonde.stacks import goyaml, yamldump
from sonde.stacks.merge import Section

if TYPE_CHECKING:
    from sonde.stacks.engine import Engine

_TRACED = ("backend", "env", "settings", "vars")


def annotated(engine: "Engine", shown: Section, everything: Section) -> str:
    """The YAML of `shown`, with comments from the `sources` of `everything`."""
    places = _Places(engine)
    lines: list[str] = []
    for name in yamldump.sorted_keys(shown):
        block = yamldump.dump({name: shown[name]}).splitlines()
        if name in _TRACED and isinstance(shown[name], dict) and shown[name]:
            block = _commented(block, everything["sources"][name], (places, everything))
        lines.extend(block)
    return "\n".join(lines) + "\n" if lines else "{}\n"


def _commented(block: list[str], sources: Section, where: "tuple[_Places, Section]") -> list[str]:
    """Comments stand behind the lines that begin a key of the section; a block text's first line takes one too."""
    places, everything = where
    heads = {f"  {yamldump.key_text(key)}:": entry for key, entry in sources.items()}
    result = []
    for line in block:
        head = line[: line.find(":") + 1] if not line.startswith("   ") else ""
        entry = heads.get(head)
        dependencies = entry["stack_dependencies"] if entry else []
        comment = places.comment(dependencies[0], str(entry["name"]), everything) if entry and dependencies else ""
        result.append(f"{line} # {comment}" if comment else line)
    return result


class _Places:
    """Finds lines in manifests, each file composed once."""

    def __init__(self, engine: "Engine") -> None:
        self.engine = engine
        self._paths = engine.importer.paths()
        self._loaded: dict[str, goyaml.Loaded] = {}

    def comment(self, dependency: Section, key: str, everything: Section) -> str:
        path = self._paths.get(dependency["stack_file"])
        if path is None:
            return str(dependency["stack_file"])
        line = self._line(path, _steps(dependency, key, everything))
        name = self.engine.importer.relative(path)
        return f"{name}:{line}" if line else name

    def _line(self, path: str, choices: list[list[str]]) -> int:
        loaded = self._loaded.get(path)
        if loaded is None:
            try:
                loaded = self._loaded[path] = goyaml.load(self.engine.manifests.text(path), name=path)
            except goyaml.YamlError:
                return 0  # a template that is YAML only once it is rendered
        found = (loaded.key_position(steps) for steps in choices)
        return next((position[0] for position in found if position), 0)


def _steps(dependency: Section, key: str, everything: Section) -> list[list[str]]:
    """The paths at which the key may stand: below the component or one of its bases, else in the section itself."""
    section: list[str] = str(dependency["stack_file_section"]).split(".")
    if section[0] != "components":
        return [[*section, key]]
    owners: list[Any] = [everything["atmos_component"], *(everything.get("inheritance") or [])]
    return [[*section[:2], str(owner), *section[2:], key] for owner in owners]
