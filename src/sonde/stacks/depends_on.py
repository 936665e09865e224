"""What the template stage refuses in `settings`: the original decodes `depends_on` and `templates` into structs there."""

from collections.abc import Iterator
from typing import Any

from sonde.stacks.components import Component
from sonde.stacks.errors import StacksError

TEXTS = (
    *("namespace", "tenant", "environment", "stage", "region", "component", "base_component", "component_path"),
    *("stack", "file", "folder"),
)
GO_TYPES = {
    bool: "bool",
    int: "int",
    float: "float64",
    str: "string",
    list: "[]interface {}",
    dict: "map[string]interface {}",
}


def check(component: Component) -> None:
    """Raise `StacksError` where `settings.depends_on` is no map of maps of texts, or `settings.templates` is no map."""
    settings = component.sections.get("settings")
    if not isinstance(settings, dict):
        return
    section = settings.get("depends_on")
    wrong = sorted(_wrong(section)) if isinstance(section, dict | list | str) else []
    templates = list(_wrong_templates(settings.get("templates")))
    if wrong or templates:
        where = f"{component.kind} component '{component.name}'"
        hints = ([f"Write settings.depends_on of {where} as a map: {{1: {{component: …}}}}."] if wrong else []) + (
            [f"Write settings.templates of {where} as a map: {{settings: {{…}}}}."] if templates else []
        )
        raise StacksError(
            "\n".join(("decoding failed due to the following error(s):\n", *wrong, *templates)), hints=hints
        )


def _wrong(section: Any) -> Iterator[str]:
    if not isinstance(section, dict):
        yield _not("depends_on", "schema.DependsOn", section)
        return
    for key, entry in section.items():
        where = f"depends_on[{key}]"
        if isinstance(entry, dict):
            yield from (
                _not(f"{where}.{name}", "string", entry[name]) for name in TEXTS if _is_no_text(entry.get(name))
            )
        elif entry is not None:
            kind = "slice" if isinstance(entry, list) else GO_TYPES.get(type(entry), "")
            yield f"'{where}' expected a map or struct, got \"{kind}\""


def _wrong_templates(section: Any) -> Iterator[str]:
    inner = section.get("settings") if isinstance(section, dict) else None
    for where, value in (("templates", section), ("templates.settings", inner)):
        if value is not None and not isinstance(value, dict):
            kind = "slice" if isinstance(value, list) else GO_TYPES.get(type(value), "")
            yield f"'{where}' expected a map or struct, got \"{kind}\""


def _is_no_text(value: Any) -> bool:
    return value is not None and not isinstance(value, str)


def _not(where: str, wanted: str, value: Any) -> str:
    return f"'{where}' expected type '{wanted}', got unconvertible type '{GO_TYPES.get(type(value), '')}'"
