"""Who depends on a component (stacks.md §8.3)."""

import pytest
from repository import engine

from sonde.stacks import dependents
from sonde.stacks.engine import Options

TARGET = "vpc: {vars: {}}"
CASES = [
    ("by dependencies.components", "app: {dependencies: {components: [{component: vpc}]}}", ["app"]),
    ("by the short form name", "app: {dependencies: {components: [{name: vpc}]}}", ["app"]),
    ("not in another stack", "app: {dependencies: {components: [{component: vpc, stack: prod}]}}", []),
    ("by settings.depends_on", "app: {settings: {depends_on: {1: {component: vpc}}}}", ["app"]),
    ("by a part of the context", "app: {settings: {depends_on: {1: {component: vpc, stage: dev}}}}", ["app"]),
    ("not by another part", "app: {settings: {depends_on: {1: {component: vpc, stage: prod}}}}", []),
    (
        "the new form switches the old one off",
        "app: {settings: {depends_on: {1: {component: vpc}}}, dependencies: {components: [{component: x}]}}",
        [],
    ),
    (
        "not by an abstract component",
        "app: {metadata: {type: abstract}, dependencies: {components: [{component: vpc}]}}",
        [],
    ),
    (
        "not by a disabled component",
        "app: {metadata: {enabled: false}, dependencies: {components: [{component: vpc}]}}",
        [],
    ),
]


@pytest.mark.parametrize(("component", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_a_component_depends(tmp_path, component, expected):
    text = f"vars: {{stage: dev}}\ncomponents:\n  terraform:\n    {TARGET}\n    {component}\n"
    found = dependents.dependents(engine(tmp_path, {"deploy/dev.yaml": text}), "vpc", "dev", Options())
    assert [each["component"] for each in found] == expected
