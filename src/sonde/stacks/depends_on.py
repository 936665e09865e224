"""What the template stage refuses in `settings.depends_on`: the original decodes it into a struct there."""

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
    """Raise `StacksError` where `settings.depends_on` is no map of maps of texts."""
    settings = component.sections.get("settings")
    section = settings.get("depends_on") if isinstance(settings, dict) else None
    wrong = sorted(_wrong(section)) if isinstance(section, dict | list | str) else []
    if wrong:
        raise StacksError(
            "\n".join(("decoding failed due to the following error(s):\n", *wrong)),
            hints=[
                f"Write settings.depends_on of {component.kind} component '{component.name}' as a map: {{1: {{component: …}}}}."
            ],
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


def _is_no_text(value: Any) -> bool:
    return value is not None and not isinstance(value, str)


def _not(where: str, wanted: str, value: Any) -> str:
    return f"'{where}' expected type '{wanted}', got unconvertible type '{GO_TYPES.get(type(value), '')}'"
