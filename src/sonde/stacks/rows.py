"""Rows for listings: stacks, components and instances as flat maps (stacks.md §9)."""

import fnmatch
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sonde.stacks import dependents, kinds
from sonde.stacks.engine import Instance, Stacks
from sonde.stacks.errors import StacksError

Row = dict[str, Any]
# Types that `list stacks` and `list components` count; `list instances` has them all.
_COUNTED = (kinds.TERRAFORM, kinds.HELMFILE, kinds.PACKER, kinds.ANSIBLE, kinds.CONTAINER, kinds.EMULATOR)


@dataclass(frozen=True)
class Selection:
    """Any of the tags, all of the labels."""

    tags: tuple[str, ...] = ()
    labels: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Reach:
    """How far a selection is extended along dependencies; None: not at all, -1: all the way."""

    dependencies: int | None = None
    dependents: int | None = None


def depth(flag: str, text: str | None) -> int | None:
    """The value of `--include-dependencies` or `--include-dependents`. Raises StacksError when it is no number."""
    if text is None or text.lower() in ("0", "false"):
        return None
    if text.lower() in ("", "true", "all"):
        return -1
    if not text.removeprefix("+").isdecimal():
        raise StacksError(
            f'invalid value for flag\n\ninvalid --{flag} value "{text}": '
            "use the bare flag for unlimited depth, or a positive integer for N levels"
        )
    return int(text) or None


def extended(found: Stacks, pattern: str, selection: Selection, reach: Reach) -> Stacks:
    """The instances that pattern, tags and labels choose, with what they depend on and what depends on them.

    Dependencies are Terraform's affair: other types and disabled components are left out, also where they were chosen.
    """
    if reach == Reach():
        return found
    ordered = tuple(
        each for each in found.instances if each.kind == kinds.TERRAFORM and not dependents.is_out(each.sections)
    )
    found = replace(found, instances=ordered)
    chosen = {
        dependents.key_of(each)
        for each in found.instances
        if matches(pattern, each.stack) and _selected(of_instance(each), selection)
    }
    links = dependents.graph(found)
    kept = set(chosen)
    for steps, directed in ((reach.dependencies, links), (reach.dependents, dependents.turned(links))):
        if steps is not None:
            kept |= dependents.closure(chosen, directed, None if steps < 0 else steps)
    return replace(found, instances=tuple(each for each in found.instances if dependents.key_of(each) in kept))


def labels(pairs: Iterable[str]) -> dict[str, str]:
    """`key=value` or `key:value` pairs as a map. Raises StacksError for anything else."""
    found = {}
    for pair in pairs:
        match = re.fullmatch(r"([^=:]+)[=:](.*)", pair)
        if not match:
            raise StacksError(f"invalid label '{pair}'", hints=["Write labels as key=value, separated by commas."])
        found[match[1]] = match[2]
    return found


def select(rows: Sequence[Row], selection: Selection) -> list[Row]:
    """The rows that the tags and labels let through."""
    return [row for row in rows if _selected(row, selection)]


def _selected(row: Row, selection: Selection) -> bool:
    if selection.tags and not set(selection.tags) & set(row.get("tags") or ()):
        return False
    own = row.get("labels") or {}
    return all(own.get(key) == value for key, value in selection.labels.items())


def matches(pattern: str, stack: str) -> bool:
    """Go's path.Match: `*` stops at `/`. An empty pattern matches everything."""
    if not pattern:
        return True
    parts, names = pattern.split("/"), stack.split("/")
    return len(parts) == len(names) and all(
        fnmatch.fnmatchcase(name, part) for part, name in zip(parts, names, strict=True)
    )


def of_stacks(found: Stacks, component: str = "") -> list[Row]:
    """One row for each stack, sorted; with a component, only stacks that have it."""
    rows: dict[str, Row] = {}
    for each in found.instances:
        if component and each.name != component:
            continue
        row = rows.setdefault(each.stack, {"stack": each.stack, "tags": [], "labels": {}, "vars": {}})
        if component:
            row["component"] = component
        metadata = _map(each, "metadata")
        row["tags"] += _texts(metadata.get("tags"))
        row["labels"] |= _pairs(metadata.get("labels"))
        for name in ("vars", "settings", "metadata"):
            row.setdefault(name, {})
            row[name] = row[name] or _map(each, name)
    return [rows[name] for name in sorted(rows)]


def of_components(found: Stacks, pattern: str = "") -> list[Row]:
    """One row for each component and type: in how many stacks it is, disabled or locked if it is so anywhere."""
    rows: dict[tuple[str, str], Row] = {}
    chosen = [each for each in found.instances if each.kind in _COUNTED and matches(pattern, each.stack)]
    for each in sorted(chosen, key=lambda each: each.stack):
        row = rows.get((each.name, each.kind))
        if row is None:
            row = rows[(each.name, each.kind)] = of_instance(each) | {"type": each.kind, "stack_count": 0}
            del row["stack"]  # it is in several
            kind = _map(each, "metadata").get("type")
            row["component_type"] = kind if isinstance(kind, str) else "real"
        metadata = _map(each, "metadata")
        row["enabled"] = row["enabled"] and metadata.get("enabled") is not False
        row["locked"] = row["locked"] or metadata.get("locked") is True
        row["stack_count"] += 1
        row |= status({"enabled": row["enabled"], "locked": row["locked"]})
    return [rows[key] for key in sorted(rows, key=lambda key: f"{key[0]}:{key[1]}")]


def of_instances(found: Stacks, pattern: str = "") -> list[Row]:
    """One row for each component in each stack, abstract ones left out, sorted by stack and component."""
    chosen = [each for each in found.instances if matches(pattern, each.stack) and not is_abstract(each)]
    return [of_instance(each) for each in sorted(chosen, key=lambda each: (each.stack, each.name))]


def folders(found: Stacks, pattern: str = "") -> dict[str, list[str]]:
    """Each stack's components, abstract ones too, with their folders: `{"dev": ["vpc (components/terraform/vpc)"]}`."""
    groups: dict[str, list[str]] = {}
    for each in sorted(found.instances, key=lambda each: (each.stack, each.name)):
        if matches(pattern, each.stack):
            folder = _map(each, "metadata").get("component")
            path = f"components/{each.kind}/{folder if isinstance(folder, str) and folder else each.name}"
            groups.setdefault(each.stack, []).append(f"{each.name} ({path})")
    return groups


def matrix(found: Stacks, pattern: str = "") -> list[dict[str, str]]:
    """All components, abstract ones too, as entries of a GitHub Actions matrix."""
    chosen = [each for each in found.instances if matches(pattern, each.stack)]
    return [
        {
            "stack": each.stack,
            "component": each.name,
            "component_path": str(_map(each, "component_info").get("component_path") or ""),
            "component_type": each.kind,
        }
        for each in sorted(chosen, key=lambda each: (each.stack, kinds.DESCRIBED.index(each.kind), each.name))
    ]


def is_abstract(instance: Instance) -> bool:
    return _map(instance, "metadata").get("type") == "abstract"


def where(rows: Sequence[Row], predicate: str) -> list[Row]:
    """The rows for which a yq predicate is true."""
    from sonde.stacks import yq

    return [row for row in rows if yq.truth(yq.evaluate(row, predicate))]


def answering(rows: Sequence[Row], expression: str) -> list[Row]:
    """The rows for which a yq expression gives anything but null; `false` is something (Go's `list instances --query`)."""
    from sonde.stacks import yq

    return [row for row in rows if yq.evaluate(row, expression) is not None]


def of_instance(each: Instance) -> Row:
    metadata = _map(each, "metadata")
    folder, kind, description = (metadata.get(name) for name in ("component", "type", "description"))
    return {
        "component": each.name,
        "stack": each.stack,
        "type": kind if isinstance(kind, str) else "real",
        "component_type": each.kind,
        "component_base": folder if isinstance(folder, str) else "",
        "inherits": ", ".join(_texts(metadata.get("inherits"))),
        "description": description if isinstance(description, str) else "",
        **status(metadata),
        "component_folder": folder if isinstance(folder, str) and folder else each.name,
        "tags": _texts(metadata.get("tags")),
        "labels": _pairs(metadata.get("labels")),
        "metadata": metadata,
        **{name: _map(each, name) for name in ("vars", "settings", "env", "backend")},
    }


def status(section: Any) -> Row:
    """Enabled, disabled or locked, by a metadata section."""
    metadata = section if isinstance(section, dict) else {}
    enabled, locked = metadata.get("enabled") is not False, metadata.get("locked") is True
    text = "locked" if locked else "enabled" if enabled else "disabled"
    return {"enabled": enabled, "locked": locked, "status": text, "status_text": text}


def _map(instance: Instance, name: str) -> dict[str, Any]:
    value = instance.sections.get(name)
    return value if isinstance(value, dict) else {}


def _texts(value: Any) -> list[str]:
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []


def _pairs(value: Any) -> dict[str, str]:
    return {key: item for key, item in value.items() if isinstance(item, str)} if isinstance(value, dict) else {}
