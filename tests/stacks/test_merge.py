"""Deep merge: what later layers do to earlier ones, and that nothing is changed on the way (stacks.md §3.2)."""

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sonde.stacks.errors import StacksError
from sonde.stacks.merge import APPEND_KEY, check_strategy, merge, resolve_appends

CASES = [
    ("maps recurse", [{"a": {"x": 1}}, {"a": {"y": 2}}], "replace", {"a": {"x": 1, "y": 2}}),
    ("scalars are replaced", [{"a": 1}, {"a": 2}], "replace", {"a": 2}),
    ("null replaces", [{"a": {"x": 1}}, {"a": None}], "replace", {"a": None}),
    ("a map replaces null", [{"a": None}, {"a": {"x": 1}}], "replace", {"a": {"x": 1}}),
    ("an empty map changes nothing", [{"a": {"x": 1}}, {"a": {}}], "replace", {"a": {"x": 1}}),
    ("another type replaces", [{"a": {"x": 1}}, {"a": [1]}], "replace", {"a": [1]}),
    ("lists are replaced", [{"a": [1, 2]}, {"a": [3]}], "replace", {"a": [3]}),
    ("an empty list empties", [{"a": [1, 2]}, {"a": []}], "replace", {"a": []}),
    ("lists are appended", [{"a": [1]}, {"a": [2]}, {"a": [3]}], "append", {"a": [1, 2, 3]}),
    ("maps in lists merge by index", [{"a": [{"x": 1}]}, {"a": [{"y": 2}]}], "merge", {"a": [{"x": 1, "y": 2}]}),
    ("an old element stays", [{"a": [1, 2]}, {"a": [9, 8, 7]}], "merge", {"a": [1, 2, 7]}),
    ("a type change in the middle resets", [{"a": {"x": 1}}, {"a": 1}, {"a": {"y": 2}}], "replace", {"a": {"y": 2}}),
]


@pytest.mark.parametrize(
    ("layers", "strategy", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_layers_merge(layers, strategy, expected):
    assert merge(layers, strategy) == expected


TREES = st.recursive(
    st.none() | st.booleans() | st.integers(0, 9) | st.text("ab", max_size=2),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=12,
)
MAPS = st.dictionaries(st.sampled_from("abc"), TREES, max_size=3)


@given(st.lists(MAPS, max_size=4), st.sampled_from(["replace", "append", "merge"]))
def test_merging_changes_no_input(layers, strategy):
    before = copy.deepcopy(layers)
    merge(layers, strategy)
    assert layers == before


@given(MAPS, MAPS, MAPS)
def test_merging_in_steps_gives_the_same_as_merging_at_once(a, b, c):
    assert merge([a, b, c]) == merge([merge([a, b]), c]) == merge([a, merge([b, c])]) or _holds_null_or_type_change(
        a, b, c
    )


def _holds_null_or_type_change(*layers):
    # A value that replaces a map is not associative by nature: merge([b, c]) may join two maps of which `b`'s replaced `a`'s.
    return any(not isinstance(value, dict) for layer in layers for value in layer.values())


def test_untouched_parts_are_shared():
    part = {"deep": {"x": 1}}
    assert merge([{"a": part}, {"b": 1}])["a"] is part


def test_an_append_list_is_added_to_what_lies_below():
    assert resolve_appends({"l": {APPEND_KEY: [3]}}, {"l": [1, 2]}, "replace") == {"l": [1, 2, 3]}
    assert resolve_appends({"n": {"l": {APPEND_KEY: [3]}}}, {}, "replace") == {"n": {"l": [3]}}


def test_an_unknown_strategy_names_the_known_ones():
    with pytest.raises(StacksError, match="Supported list merge strategies are: replace, append, merge"):
        check_strategy("zap")
