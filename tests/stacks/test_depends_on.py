"""`settings.depends_on` of a wrong shape is refused in the words of the original."""

import pytest

from sonde.stacks import depends_on
from sonde.stacks.components import Component
from sonde.stacks.errors import StacksError


def complaints(settings):
    """What is wrong with a component's settings, line by line, and `hint` if the hint does not name the component."""
    try:
        depends_on.check(Component("terraform", "app", {"settings": settings}))
    except StacksError as error:
        return [*error.message.splitlines()[2:], *(["hint"] if "component 'app'" not in error.hints[0] else [])]
    return []


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
    assert complaints({"depends_on": section}) == wrong


@pytest.mark.parametrize(
    ("section", "wrong"),
    [
        ("x", ["'templates' expected a map or struct, got \"string\""]),
        ({"settings": [1]}, ["'templates.settings' expected a map or struct, got \"slice\""]),
        ({"settings": {"env": {}}}, []),
    ],
)
def test_settings_of_templates_that_are_no_map_are_named(section, wrong):
    assert complaints({"templates": section}) == wrong
