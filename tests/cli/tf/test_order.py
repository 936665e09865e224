"""The order of several instances."""

import pytest

from sonde.cli.errors import CliError
from sonde.cli.tf.order import Node, in_order, needs_of, reached, turned
from sonde.cli.tf.selection import ordered


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


@pytest.mark.parametrize(("steps", "up", "down"), [(0, "ab", "bcd"), (1, "b", "bd"), (2, "ab", "bcd")])
def test_what_is_needed_and_what_needs_it_in_so_many_steps(steps, up, down):
    needs = graph(a=[], b=["a"], c=["b"], d=["a", "gone"])
    reach = {"steps": steps}
    assert names(sorted(reached(needs, [Node("c", "dev")], **reach))) == up
    assert names(sorted(reached(turned(needs), [Node("a", "dev")], **reach))) == down


@pytest.mark.parametrize(("reverse", "order", "first", "last"), [(False, "ac", "", "a"), (True, "ca", "c", "")])
def test_one_waits_for_another_also_over_what_is_not_selected(reverse, order, first, last):
    needs, wanted = graph(a=[], b=["a"], c=["b"]), {Node("a", "dev"), Node("c", "dev")}
    chosen = ordered(needs, wanted, dict.fromkeys(needs, ""), reverse=reverse)
    assert names(chosen.order) == order
    assert names(chosen.needs[Node("a", "dev")]) == first
    assert names(chosen.needs[Node("c", "dev")]) == last
