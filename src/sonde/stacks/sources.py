"""Where each value of a component was written (stacks.md §8.2 `sources`, `deps`, `imports`)."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sonde.stacks.imports import Merged
from sonde.stacks.merge import Section


@dataclass(frozen=True)
class Subject:
    """The component whose values are traced, and the manifest it stands in."""

    kind: str
    name: str
    bases: list[str]
    file: str
    merged: Merged


def sources(subject: Subject, sections: Section) -> Section:
    """For each key of vars, env, settings and backend: final value and all places that say something about it.

    The first place is the one that counts; component level comes before type level, type level before stack level, and a
    manifest before what it imports.
    """
    parts = {"vars": "", "env": "", "settings": "", "backend": sections.get("backend_type") or ""}
    return {
        name: {
            key: {"name": key, "final_value": value, "stack_dependencies": _places(subject, (name, below), key)}
            for key, value in _traced(name, sections).items()
        }
        for name, below in parts.items()
    }


def _traced(name: str, sections: Section) -> Section:
    section = sections.get(name)
    if not isinstance(section, dict):
        return {}
    return {key: value for key, value in section.items() if value is not None} if name == "env" else section


def _places(subject: Subject, where: tuple[str, str], key: str) -> list[Section]:
    found: list[Section] = []
    for place in _all_places(subject, where, key):
        if place not in found:
            found.append(place)
    return found


def _all_places(subject: Subject, where: tuple[str, str], key: str) -> Iterator[Section]:
    own = [(subject.file, subject.merged.own, "inline")]
    imported = [(name, subject.merged.imports[name], "import") for name in sorted(subject.merged.imports)]
    for component in (subject.name, *subject.bases):
        for files in (own, imported):
            yield from _written(files, ("components", subject.kind), component, where, key)
    for files in (own, imported):
        yield from _written(files, (subject.kind,), None, where, key)
        yield from _written(files, (), None, where, key)


def _written(
    files: list[tuple[str, Section, str]],
    prefix: tuple[str, ...],
    component: str | None,
    where: tuple[str, str],
    key: str,
) -> Iterator[Section]:
    steps = [*prefix, *([component] if component is not None else []), *(step for step in where if step)]
    label = ".".join([*prefix, *(step for step in where if step)])
    for name, content, how in files:
        section: Any = content
        for step in steps:
            section = section.get(step) if isinstance(section, dict) else None
        if isinstance(section, dict) and key in section:
            yield {
                "dependency_type": how,
                "stack_file": name,
                "stack_file_section": label,
                "variable_value": section[key],
            }


def dependencies(found: Section, file: str) -> tuple[list[str], list[str]]:
    """Manifests whose values count, and all that say anything; both sorted."""
    places = [entry["stack_dependencies"] for section in found.values() for entry in section.values()]
    first = {each[0]["stack_file"] for each in places if each}
    everything = {place["stack_file"] for each in places for place in each} | {file}
    return sorted(first), sorted(everything)
