"""Components of types that have no rules of their own: raw maps with `metadata.inherits` and the stack's shared sections."""

from typing import TYPE_CHECKING, Any

from sonde.stacks.errors import StacksError
from sonde.stacks.merge import Section, merge

if TYPE_CHECKING:
    from sonde.stacks.components import StackContent

_NOT_INHERITED = ("type", "inherits", "component")


def sections(stack: "StackContent", kind: str, name: str) -> Section:
    """The component over its bases, with the stack's vars, settings and env below its own, one level deep."""
    components = stack.components(kind)
    own = components[name]
    if not isinstance(own, dict):
        raise StacksError(
            f"invalid component map type: custom component '{name}' in type '{kind}' must be a map in stack '{stack.name}'"
        )
    result = dict(_over_bases(own, components, (name,), stack))
    for section, always in (("vars", True), ("settings", False), ("env", False)):
        value = result.get(section)
        shared = stack.content.get(section, {}) | (value if isinstance(value, dict) else {})
        if shared or always:
            result[section] = shared
    metadata = result.get("metadata")
    merged = merge(
        [stack.content.get("metadata"), metadata if isinstance(metadata, dict) else {}],
        stack.project.list_merge_strategy,
    )
    if merged:
        result["metadata"] = merged
    return result | {"component": name, "component_type": kind}


def _over_bases(own: Section, components: Any, path: tuple[str, ...], stack: "StackContent") -> Section:
    """Unknown bases are skipped, as for every custom type; a cycle is an error."""
    layers = []
    for base in _bases(own):
        if base in path:
            cycle = " -> ".join([*path[path.index(base) :], base])
            raise StacksError(f"circular component inheritance in the stack '{stack.name}': {cycle}")
        section = components.get(base)
        if isinstance(section, dict):
            layers.append(_heritable(_over_bases(section, components, (*path, base), stack)))
    return merge([*layers, own], stack.project.list_merge_strategy) if layers else own


def _bases(own: Section) -> list[str]:
    metadata = own.get("metadata")
    inherits = metadata.get("inherits", []) if isinstance(metadata, dict) else []
    if not isinstance(inherits, list):
        raise StacksError(
            "invalid component metadata.inherits section: custom component metadata.inherits must be a list"
        )
    if not all(isinstance(each, str) for each in inherits):
        raise StacksError(
            "invalid component metadata.inherits section: custom component metadata.inherits must contain only strings"
        )
    return [each for each in inherits if each]


def _heritable(base: Section) -> Section:
    metadata = base.get("metadata")
    if not isinstance(metadata, dict):
        return base
    kept = {key: value for key, value in metadata.items() if key not in _NOT_INHERITED}
    rest = {key: value for key, value in base.items() if key != "metadata"}
    return rest | {"metadata": kept} if kept else rest
