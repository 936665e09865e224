"""Component types and the layers of their sections, as tables (stacks.md §4, §4.4)."""

from dataclasses import dataclass

TERRAFORM, HELMFILE, PACKER, ANSIBLE = "terraform", "helmfile", "packer", "ansible"
KUBERNETES, HELM, CONTAINER, EMULATOR = "kubernetes", "helm", "container", "emulator"

BUILT_IN = (TERRAFORM, HELMFILE, PACKER, ANSIBLE, KUBERNETES, HELM)
DESCRIBED = (*BUILT_IN, CONTAINER, EMULATOR)  # what `describe stacks` shows; other custom types it leaves out
LOOKED_UP = (
    TERRAFORM,
    HELMFILE,
    PACKER,
    ANSIBLE,
    CONTAINER,
    EMULATOR,
    KUBERNETES,
    HELM,
)  # `describe component`, in order

# Where a section may be written, lowest first. The stack's own level and the type's level merge into one.
STACK, TYPE, COMPONENT, OVERRIDES = "stack", "type", "component", "overrides"
ALL = frozenset({STACK, TYPE, COMPONENT, OVERRIDES})


@dataclass(frozen=True)
class SectionRule:
    """A section that is a map and is merged layer by layer."""

    name: str
    types: tuple[str, ...]
    levels: frozenset[str]
    always: bool = True  # shown even when empty
    global_types: tuple[str, ...] = DESCRIBED  # types that read the stack and type levels

    def reads_globals(self, kind: str) -> bool:
        return kind in self.global_types and bool(self.levels & {STACK, TYPE})


_WITH_SOURCE = (TERRAFORM, HELMFILE, PACKER, KUBERNETES, HELM)
_WITH_HOOKS = (TERRAFORM, KUBERNETES, HELM, HELMFILE)
_BIG = (TERRAFORM, KUBERNETES, HELM)

SECTIONS = (
    SectionRule("vars", BUILT_IN, ALL),
    SectionRule("settings", BUILT_IN, ALL),
    SectionRule("env", BUILT_IN, ALL),
    SectionRule("auth", BUILT_IN, ALL),
    SectionRule("hooks", _WITH_HOOKS, ALL, global_types=_BIG),
    SectionRule("generate", _BIG, ALL),
    SectionRule("providers", (TERRAFORM,), frozenset({TYPE, COMPONENT, OVERRIDES})),
    # The stack's and the type's required_providers are ignored (Q8).
    SectionRule("required_providers", (TERRAFORM,), frozenset({COMPONENT, OVERRIDES})),
    SectionRule("test", (TERRAFORM,), frozenset({COMPONENT}), always=False),
    SectionRule("mocks", (TERRAFORM,), frozenset({COMPONENT}), always=False),
    SectionRule("dependencies", BUILT_IN, frozenset({STACK, TYPE, COMPONENT}), always=False),
    SectionRule("locals", BUILT_IN, frozenset({COMPONENT}), always=False),
    SectionRule("retry", BUILT_IN, frozenset({COMPONENT, OVERRIDES}), always=False),
    SectionRule("render", (KUBERNETES,), frozenset({TYPE, COMPONENT}), always=False),
    SectionRule("source", _WITH_SOURCE, frozenset({TYPE, COMPONENT}), global_types=_BIG),
    SectionRule("provision", _WITH_SOURCE, frozenset({TYPE, COMPONENT}), global_types=_BIG),
)
RULES = {kind: tuple(rule for rule in SECTIONS if kind in rule.types) for kind in BUILT_IN}

# Sections of any shape, merged like one key of a map: those of kubernetes may also stand at the type level.
ANY_SECTIONS = {
    KUBERNETES: ("paths", "manifests", "validate"),
    HELM: ("plugins",),
    HELMFILE: ("plugins",),
}
HELM_KEYS = (
    "chart",
    "values",
    "values_files",
    "repositories",
    "render",
    "version",
    "repository",
    "namespace",
    "name",
)

# Scalars that a base component replaces even by nothing (Q6).
LAST_BASE_SCALARS = ("command", "backend_type", "remote_state_backend_type")
