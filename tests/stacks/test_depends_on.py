"""`settings.depends_on` of a wrong shape is refused in the words of the original."""

import pytest

from sonde.stacks import depends_on
from sonde.stacks.components import Component
from sonde.stacks.errors import StacksError


@pytest.mark.parametrize(
    ("section", "wrong"),
    [
        ("vpc", ["'depends_on' expected type 'schema.DependsOn', got unconvertible type 'string'"]),
        (["vpc"], ["'depends_on' expected type 'schema.DependsOn', got unconvertible type '[]interface {}'"]),
        (
            {"k": "x", "j": [1]},
            [
                "'depends_on[j]' expected a map or struct, got \"slice\"",
                "'depends_on[k]' expected a map or struct, got \"string\"",
            ],
        ),
        ({1: {"stage": 2}}, ["'depends_on[1].stage' expected type 'string', got unconvertible type 'int'"]),
        ({1: {"component": "vpc", "stage": None, "more": 1}, 2: None}, []),
        (None, []),
    ],
)
def test_what_is_no_map_of_maps_of_texts_is_named(section, wrong):
    component = Component("terraform", "app", {"settings": {"depends_on": section}})
    if not wrong:
        depends_on.check(component)
        return
    with pytest.raises(StacksError) as caught:
        depends_on.check(component)
    assert caught.value.message.splitlines()[2:] == wrong
    assert "component 'app'" in caught.value.hints[0]


@pytest.mark.parametrize(
    ("section", "wrong"),
    [
        ("x", ["'templates' expected a map or struct, got \"string\""]),
        ({"settings": [1]}, ["'templates.settings' expected a map or struct, got \"slice\""]),
        ({"settings": {"env": {}}}, []),
    ],
)
def test_settings_of_templates_that_are_no_map_are_named(section, wrong):
    component = Component("terraform", "app", {"settings": {"templates": section}})
    if not wrong:
        depends_on.check(component)
        return
    with pytest.raises(StacksError) as caught:
        depends_on.check(component)
    assert caught.value.message.splitlines()[2:] == wrong
