"""Who depends on what is affected, as a tree."""

import pytest

from sonde.stacks.affected.dependents import Graph
from sonde.stacks.engine import Instance
from sonde.stacks.errors import StacksError


def instance(name, *needs, stack="dev", **sections):
    entries = [need if isinstance(need, dict) else {"component": need} for need in needs]
    return Instance(stack, "terraform", name, stack, {"dependencies": {"components": entries}, **sections})


def shown(nodes):
    return [(node.instance.name, node.included, shown(node.dependents)) for node in nodes]


def test_the_tree_below_an_instance_holds_what_depends_on_it_and_what_depends_on_that():
    graph = Graph([instance("vpc"), instance("eks", "vpc"), instance("app", "eks")])
    assert shown(graph.below("dev", "vpc")) == [("eks", False, [("app", False, [])])]
    assert graph.below("dev", "app") == ()


def test_a_dependent_that_is_also_below_a_sibling_is_marked():
    graph = Graph([instance("vpc"), instance("eks", "vpc"), instance("app", "eks", "vpc")])
    assert shown(graph.below("dev", "vpc")) == [("app", True, []), ("eks", False, [("app", False, [])])]
    assert graph.reached("dev", "vpc") == {"dev-eks", "dev-app"}


def test_abstract_and_disabled_components_depend_on_nothing():
    graph = Graph(
        [
            instance("vpc"),
            instance("a", "vpc", metadata={"type": "abstract"}),
            instance("b", "vpc", metadata={"enabled": False}),
        ]
    )
    assert graph.below("dev", "vpc") == ()


def test_with_a_stack_dependents_elsewhere_do_not_count():
    everything = [instance("vpc"), instance("app", {"component": "vpc", "stack": "dev"}, stack="prod")]
    assert shown(Graph(everything).below("dev", "vpc")) == [("app", False, [])]
    assert Graph(everything, only_stack="dev").below("dev", "vpc") == ()


def test_a_cycle_is_an_error_that_shows_the_chain():
    graph = Graph([instance("vpc"), instance("a", "vpc", "c"), instance("b", "a"), instance("c", "b")])
    with pytest.raises(StacksError) as error:
        graph.below("dev", "vpc")
    steps = [line.strip() for line in error.value.message.splitlines() if "→" in line]
    assert steps == ["→ a in dev", "→ b in dev", "→ c in dev", "→ a in dev"]


def test_a_cycle_that_nothing_affected_leads_to_is_no_error():
    graph = Graph([instance("vpc"), instance("a", "b"), instance("b", "a")])
    assert graph.below("dev", "vpc") == ()


def test_a_deep_and_wide_lattice_is_walked_once():
    layers = 40
    everything = [instance("n0-0"), instance("n0-1")]
    for layer in range(1, layers):
        everything += [instance(f"n{layer}-{at}", f"n{layer - 1}-0", f"n{layer - 1}-1") for at in (0, 1)]
    graph = Graph(everything)  # 2**40 paths lead to the end
    assert len(graph.reached("dev", "n0-0")) == 2 * (layers - 1)
