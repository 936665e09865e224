"""Names of a component in Spacelift and Atlantis, where its settings ask for them."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sonde.stacks import names as stack_names
from sonde.stacks.merge import Section


def names_of(component: str, stack: str, sections: Section, project_templates: Mapping[str, Any]) -> Section:
    """`spacelift_stack` and `atlantis_project`, each only where it applies. `stack` is the stack's own name."""
    settings = sections.get("settings")
    settings = settings if isinstance(settings, dict) else {}
    context = stack_names.context_of(sections.get("vars") or {})
    context = replace(context, component=component.replace("/", "-"))
    found = {
        "spacelift_stack": _spacelift(settings.get("spacelift"), context, stack),
        "atlantis_project": _atlantis(settings.get("atlantis"), context, project_templates),
    }
    return {key: value for key, value in found.items() if value}


def _spacelift(settings: Any, context: stack_names.Context, stack: str) -> str:
    if not isinstance(settings, dict) or settings.get("workspace_enabled") is not True:
        return ""
    pattern, fixed = settings.get("stack_name_pattern"), settings.get("stack_name")
    if isinstance(pattern, str):
        return stack_names.fill_tokens(context, pattern)
    return fixed if isinstance(fixed, str) else f"{stack}-{context.component}".replace("/", "-")


def _atlantis(settings: Any, context: stack_names.Context, project_templates: Mapping[str, Any]) -> str:
    if not isinstance(settings, dict):
        return ""
    template = settings.get("project_template")
    if not isinstance(template, dict):
        template = project_templates.get(str(settings.get("project_template_name")), {})
    name = template.get("name")
    return stack_names.fill_tokens(context, name) if isinstance(name, str) else ""
