"""Terraform backends: the section of the chosen type, with the defaults Atmos fills in (stacks.md §4.5)."""

from dataclasses import dataclass
from typing import Any

from sonde.stacks.errors import StacksError
from sonde.stacks.merge import Section, merge

_DEFAULT_KEYS = {"s3": "workspace_key_prefix", "gcs": "prefix"}


@dataclass(frozen=True)
class Layer:
    """What one level (stack and type, bases, component) says."""

    type: str
    section: Section


@dataclass(frozen=True)
class Owner:
    """Whose backend it is."""

    component: str
    stack: str
    folder: str  # own metadata.component, or what the bases say, or the component's name
    metadata: Section
    separator: str = "-"

    @property
    def state_name(self) -> str:
        """metadata.name > folder > component, with `/` replaced unless the separator is `/`."""
        named = self.metadata.get("name")
        name = named if isinstance(named, str) and named else self.folder or self.component
        return name if self.separator == "/" else name.replace("/", self.separator)


def backend(layers: list[Layer], owner: Owner, strategy: str) -> tuple[str, Section]:
    """Type and merged section. Raises when backends are configured, but none of the chosen type."""
    kind = next((layer.type for layer in reversed(layers) if layer.type), "")
    section = merge([layer.section for layer in layers], strategy)
    if kind not in section:
        _check_match("backend", kind, list(section), owner)
        chosen: Any = {}
    else:
        chosen = section[kind]
    if not isinstance(chosen, dict):
        raise StacksError(f"invalid terraform.backend section: for the component '{owner.component}'")
    return kind, _with_defaults(kind, chosen, layers, owner)


def _with_defaults(kind: str, chosen: Section, layers: list[Layer], owner: Owner) -> Section:
    key = _DEFAULT_KEYS.get(kind)
    if key:
        value = chosen.get(key)
        return chosen if isinstance(value, str) and value else chosen | {key: owner.state_name}
    if kind == "azurerm":
        return _azure_key(chosen, layers, owner)
    return chosen


def _azure_key(chosen: Section, layers: list[Layer], owner: Owner) -> Section:
    """azurerm: `[<global key>/]<name>.terraform.tfstate`, unless a component or a base wrote a key of its own."""
    own, shared = _azure_part(layers[-1]), _azure_part(layers[0])
    if isinstance(own, str):
        return chosen
    key = chosen.get("key")
    if isinstance(key, str) and key and key != shared:
        return chosen
    parts = [shared] if isinstance(shared, str) else []
    return chosen | {"key": "/".join([*parts, f"{owner.state_name}.terraform.tfstate"])}


def _azure_part(layer: Layer) -> Any:
    part = layer.section.get("azurerm")
    return part.get("key") if isinstance(part, dict) else None


def remote_state(layers: list[Layer], own: Layer, owner: Owner, strategy: str) -> tuple[str, Section]:
    """remote_state_backend: the backend of that type below the remote_state_backend layers; `own` is the backend."""
    kind = next((layer.type for layer in reversed(layers) if layer.type), own.type)
    names = sorted({name for layer in layers for name in layer.section})
    if kind not in names:
        _check_match("remote_state_backend", kind, names, owner)
    parts = [{own.type: own.section}, *(layer.section for layer in layers)]
    chosen = [part.get(kind, {}) for part in parts]
    if not all(isinstance(part, dict) for part in chosen):
        raise StacksError(f"invalid terraform.remote_state_backend section: for the component '{owner.component}'")
    return kind, merge(chosen, strategy)


def _check_match(what: str, kind: str, names: list[str], owner: Owner) -> None:
    if not kind or not names:
        return
    listed = ", ".join(sorted(names))
    raise StacksError(
        "backend_type does not match any key configured under backend",
        hints=[
            f'component "{owner.component}" in stack "{owner.stack}": {what}_type is "{kind}" but {what}: only configures '
            f'{listed}. Add a "{kind}" key under {what}:, or change {what}_type to match.'
        ],
    )
