"""Base components: their order, and what they add up to (stacks.md §4.1)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sonde.stacks import kinds
from sonde.stacks.errors import StacksError, TitledError
from sonde.stacks.merge import Section, check_strategy, merge


@dataclass(frozen=True)
class Siblings:
    """The components of one type in one stack, before anything is resolved."""

    kind: str
    stack: str  # the manifest's name, for messages
    components: Mapping[str, Any]
    folder_exists: Callable[[str], bool]


@dataclass(frozen=True)
class Bases:
    """What a component inherits. `order` is the order of merging; a later one wins."""

    order: tuple[str, ...] = ()
    chain: tuple[str, ...] = ()  # as `inheritance` shows it
    folder: str = ""  # the component whose folder is used, as far as bases say
    top_level: bool = False  # the folder came from the top-level `component:`
    layers: tuple[Section, ...] = field(default=(), repr=False)


def bases_of(name: str, siblings: Siblings) -> Bases:
    """The bases of a component: top-level `component` first, then `metadata.inherits`, each after its own bases."""
    component = siblings.components[name]
    walk = _Walk(siblings)
    first = component.get("component")
    if "component" in component:
        if not isinstance(first, str):
            raise _invalid("component attribute", f"components.{siblings.kind}.{name}.component", siblings)
        if first != name:
            walk.visit(name, first, (name,))
    folder = walk.order[0] if walk.order else ""
    for base in _inherits(name, component, siblings):
        _check_defined(name, base, siblings)
        if base != name:
            walk.visit(name, base, (name,))
    layers = tuple(siblings.components[base] for base in walk.order)
    chain = tuple(dict.fromkeys(reversed(walk.order)))
    return Bases(tuple(walk.order), chain, folder, bool(folder), layers)


class _Walk:
    """Depth first: bases of bases come before the base. A base reached twice is merged twice."""

    def __init__(self, siblings: Siblings) -> None:
        self.siblings = siblings
        self.order: list[str] = []

    def visit(self, component: str, base: str, path: tuple[str, ...]) -> None:
        if base in path:
            cycle = " -> ".join([*path[path.index(base) :], base])
            raise StacksError(
                f"circular component inheritance: '{path[0]}' inherits from itself in the stack '{self.siblings.stack}': {cycle}",
                hints=["Remove one of the entries of `metadata.inherits` (or `component`) in this chain."],
            )
        section = self.siblings.components.get(base)
        if section is None and base not in self.siblings.components:
            self._check_folder(component, base)
            return
        if not isinstance(section, dict):
            raise StacksError(
                f"invalid base component config for the base component '{base}' of the component '{component}' in the "
                f"stack '{self.siblings.stack}'"
            )
        self._visit_bases(component, base, section, (*path, base))
        self.order.append(base)

    def _visit_bases(self, component: str, base: str, section: Section, path: tuple[str, ...]) -> None:
        if "component" in section and not is_abstract(section):
            own = section["component"]
            if not isinstance(own, str):
                raise StacksError(
                    f"invalid component attribute 'component:' of the component '{base}' in the stack '{self.siblings.stack}'"
                )
            if own != base:
                self.visit(base, own, path)
        metadata = section.get("metadata", {})
        if not isinstance(metadata, dict):
            raise StacksError(
                f"invalid component metadata section '{component}.metadata' in the stack '{self.siblings.stack}'"
            )
        inherits = metadata.get("inherits")
        for each in inherits if isinstance(inherits, list) else ():
            if not isinstance(each, str):
                raise StacksError(
                    f"invalid component metadata.inherits section '{component}.metadata.inherits' in the stack "
                    f"'{self.siblings.stack}'"
                )
            _check_defined(component, each, self.siblings)
            if each != base:
                self.visit(component, each, path)

    def _check_folder(self, component: str, base: str) -> None:
        if not self.siblings.folder_exists(base):
            raise StacksError(
                f"The component '{component}' inherits from the base component '{base}' (using 'component:' attribute), but "
                f"`{base}' is not defined in any of the YAML config files for the stack '{self.siblings.stack}'"
            )


def _inherits(name: str, component: Section, siblings: Siblings) -> list[str]:
    metadata = component.get("metadata") or {}
    value = metadata.get("inherits", [])
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise _invalid(
            "component metadata.inherits section", f"components.{siblings.kind}.{name}.metadata.inherits", siblings
        )
    return value


def _check_defined(name: str, base: str, siblings: Siblings) -> None:
    if base not in siblings.components:
        raise TitledError(
            "component not defined in any config files",
            f"the component '{name}' in the stack manifest '{siblings.stack}' "
            f"inherits from '{base}' (using 'metadata.inherits'), but '{base}' is not defined in any of the config files for "
            f"the stack '{siblings.stack}'",
        )


def _invalid(what: str, where: str, siblings: Siblings) -> StacksError:
    return TitledError(f"invalid {what}", f"'{where}' in the file '{siblings.stack}'")


def is_abstract(section: Section) -> bool:
    metadata = section.get("metadata")
    return isinstance(metadata, dict) and metadata.get("type") == "abstract"


def base_section(bases: Bases, name: str, strategy: str) -> Section:
    """One section over all bases. A base's own `settings.list_merge_strategy` holds where that base is merged in."""
    result: Section = {}
    for layer in bases.layers:
        value = layer.get(name)
        if value:
            result = merge([result, value], level_strategy(strategy, layer.get("settings")))
    return result


def level_strategy(strategy: str, *settings: Any) -> str:
    """The strategy after each layer of settings had its say; the last that names one wins."""
    for section in settings:
        named = section.get("list_merge_strategy") if isinstance(section, dict) else None
        if isinstance(named, str) and named:
            strategy = named
    return check_strategy(strategy)


def base_scalar(bases: Bases, name: str) -> str:
    """A scalar from the bases: the last base decides even by saying nothing (Q6), save for those kept on purpose."""
    if not bases.layers:
        return ""
    if name in kinds.LAST_BASE_SCALARS:
        return str(bases.layers[-1].get(name) or "")
    return next((str(layer[name]) for layer in reversed(bases.layers) if layer.get(name)), "")
