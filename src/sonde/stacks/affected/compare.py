"""The list of what is affected: pure, from both sides' stacks and the changed files (stacks.md §10.2, §10.3)."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sonde.stacks import kinds
from sonde.stacks.affected.changes import Changes, Modules
from sonde.stacks.affected.reasons import Rules, hit
from sonde.stacks.engine import Instance

Key = tuple[str, str, str]  # stack, type, component
DELETABLE = (kinds.TERRAFORM, kinds.HELMFILE, kinds.PACKER)


@dataclass(frozen=True)
class Affected:
    """One affected instance: HEAD's, or the one that BASE had if it was deleted."""

    instance: Instance
    reasons: tuple[str, ...]
    file: str = ""
    folder: str = ""
    deletion: str = ""  # component, or stack if nothing is left of it


def key_of(instance: Instance) -> Key:
    return (instance.stack, instance.kind, instance.name)


def slug(stack: str, component: str) -> str:
    """How an instance is named where a name must not hold a slash in its component."""
    return f"{stack}-{component.replace('/', '-')}"


def compare(
    head: Mapping[Key, Instance], base: Mapping[Key, Instance], rules: Rules, changes: Changes, modules: Modules
) -> list[Affected]:
    """Affected and deleted instances, sorted by type, stack and component. Raises StacksError for broken HCL."""
    found = [*_affected(head, base, rules, changes, modules), *_deleted(head, base)]
    return ordered(found)


def ordered(found: Iterable[Affected]) -> list[Affected]:
    """By type, stack and component."""
    return sorted(found, key=lambda each: (each.instance.kind, each.instance.stack, each.instance.name))


def _affected(
    head: Mapping[Key, Instance], base: Mapping[Key, Instance], rules: Rules, changes: Changes, modules: Modules
) -> Iterator[Affected]:
    for key, now in head.items():
        if is_abstract(now) or is_disabled(now) or (rules.exclude_locked and is_locked(now)):
            continue
        why = hit(now, base.get(key), rules, changes, modules)
        if why.reasons:
            yield Affected(now, why.reasons, why.file, why.folder)


def _deleted(head: Mapping[Key, Instance], base: Mapping[Key, Instance]) -> Iterator[Affected]:
    stacks = {stack for stack, _, _ in head}
    for key, before in base.items():
        if key not in head and before.kind in DELETABLE and not is_abstract(before):
            whole = before.stack not in stacks
            yield Affected(
                before, ("deleted.stack" if whole else "deleted",), deletion="stack" if whole else "component"
            )


def index(instances: Iterable[Instance], stack: str = "") -> dict[Key, Instance]:
    """Instances by their names, the first of several; with a stack only its own (its name, never its manifest's: §2)."""
    found: dict[Key, Instance] = {}
    for each in instances:
        if not stack or each.stack == stack:
            found.setdefault(key_of(each), each)
    return found


def is_abstract(instance: Instance) -> bool:
    return section(instance, "metadata").get("type") == "abstract"


def is_disabled(instance: Instance) -> bool:
    return section(instance, "metadata").get("enabled") is False


def is_locked(instance: Instance) -> bool:
    return section(instance, "metadata").get("locked") is True


def section(instance: Instance, name: str) -> Mapping[str, Any]:
    """A section that is a map; an empty one where it is not."""
    value = instance.sections.get(name)
    return value if isinstance(value, dict) else {}
