"""The order of several instances."""

import pytest

from sonde.cli.errors import CliError
from sonde.cli.tf.order import Node, in_order, needs_of


def graph(**needs):
    return {Node(name, "dev"): [Node(need, "dev") for need in wanted] for name, wanted in needs.items()}


def names(nodes):
    return "".join(node.component for node in nodes)


@pytest.mark.parametrize(
    ("needs", "forward", "backward"),
    [
        ({"a": [], "b": [], "c": []}, "abc", "abc"),
        ({"a": ["c"], "b": [], "c": ["b"]}, "bca", "acb"),
        ({"a": ["gone"]}, "a", "a"),
        ({"a": ["a"]}, "a", "a"),
        ({"a": ["n"], "c": ["n"], "n": [], "q": ["n"], "b": ["c"]}, "nacbq", "abcqn"),
    ],
)
def test_each_after_what_it_needs_and_ties_by_name(needs, forward, backward):
    assert names(in_order(graph(**needs))) == forward
    assert names(in_order(graph(**needs), reverse=True)) == backward


def test_a_chain_is_followed_to_its_end_before_the_next_stack_begins():
    nodes = {}
    for stack in ("dev", "prod"):
        nodes |= {
            Node("net", stack): [],
            Node("app", stack): [Node("net", stack)],
            Node("q", stack): [Node("net", stack)],
        }
    assert [f"{node.component}-{node.stack}" for node in in_order(nodes)] == [
        *("net-dev", "app-dev", "net-prod", "app-prod", "q-dev", "q-prod"),
    ]


def test_a_cycle_is_named():
    with pytest.raises(CliError, match="a-dev → b-dev → a-dev"):
        in_order(graph(a=["b"], b=["a"], c=["a"]))


def test_dependencies_are_found_in_their_new_and_their_old_place():
    peers = {Node("vpc", "dev"): {"stage": "dev"}, Node("vpc", "prod"): {"stage": "prod"}}
    new = {"dependencies": {"components": [{"name": "vpc"}, {"component": "dns", "stack": "core"}, "log"]}}
    assert needs_of("app", "dev", new, peers) == {Node("vpc", "dev"), Node("dns", "core"), Node("log", "dev")}
    old = {"settings": {"depends_on": {1: {"component": "vpc", "stage": "prod"}}}, "vars": {"stage": "dev"}}
    assert needs_of("app", "dev", old, peers) == {Node("vpc", "prod")}
