"""Scopes of secret declarations: where one stands decides what it is (`stack` or `instance`)."""

from typing import Any

from sonde.stacks.errors import StacksError
from sonde.stacks.merge import Section


def scoped(section: Section, scope: str) -> Section:
    """The section with its scope written on each declaration; one that says otherwise is an error."""
    declarations = section.get("vars")
    if not isinstance(declarations, dict):
        return section
    return section | {"vars": {name: _stamped(name, spec, scope) for name, spec in declarations.items()}}


def _stamped(name: str, spec: Any, scope: str) -> Any:
    if not isinstance(spec, dict) or spec.get("scope") == "global":
        return spec
    said = spec.get("scope")
    if said and said != scope:
        raise StacksError(
            f'invalid component secrets section: secret "{name}" declares scope "{said}" but its position implies "{scope}"',
            hints=["Stack-level secrets have the scope `stack`, a component's own have `instance`."],
        )
    return spec | {"scope": scope}
