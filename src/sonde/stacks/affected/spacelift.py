"""The Spacelift admin stacks that manage what is affected (`--include-spacelift-admin-stacks`, stacks.md §10.2)."""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sonde.stacks import dependents, kinds
from sonde.stacks.affected.compare import Affected, Key, key_of, ordered, section
from sonde.stacks.engine import Instance

REASON = "stack.settings.spacelift.admin_stack_selector"


def with_admin_stacks(found: Sequence[Affected], instances: Iterable[Instance]) -> list[Affected]:
    """What is affected, and the admin stacks that its `settings.spacelift.admin_stack_selector` select, each once.

    A selector names a component and the context of its stack; only a component with a Spacelift workspace is selected.
    """
    candidates = [each for each in instances if each.kind == kinds.TERRAFORM and _has_workspace(each)]
    result: dict[Key, Affected] = {key_of(each.instance): each for each in found}
    selectors = [selector for each in found if (selector := _selector(each)) is not None]
    for selector, admin in itertools.product(selectors, candidates):
        known = result.get(key_of(admin)) or Affected(admin, ())
        if _selects(selector, admin) and REASON not in known.reasons:
            result[key_of(admin)] = replace(known, reasons=(*known.reasons, REASON))
    return ordered(result.values())


def _selector(affected: Affected) -> Mapping[str, Any] | None:
    if affected.deletion or affected.instance.kind != kinds.TERRAFORM:
        return None
    spacelift = section(affected.instance, "settings").get("spacelift")
    selector = spacelift.get("admin_stack_selector") if isinstance(spacelift, dict) else None
    return selector if isinstance(selector, dict) else None


def _has_workspace(instance: Instance) -> bool:
    spacelift = section(instance, "settings").get("spacelift")
    return isinstance(spacelift, dict) and spacelift.get("workspace_enabled") is True


def _selects(selector: Mapping[str, Any], admin: Instance) -> bool:
    context = dependents.context_parts(admin.sections)
    wanted = dependents.context_parts({"vars": dict(selector)})
    return selector.get("component") == admin.name and all(context.get(name) == value for name, value in wanted.items())
