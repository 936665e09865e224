"""The picture of the dependency order. Pure."""

from sonde.server.dispatches.model import Dispatch, InstanceName, State
from sonde.server.pulls.picture import HEIGHT, WIDTH, depths, draw


def dispatch(component, *after, workflow="plan.yaml"):
    names = tuple(InstanceName("prod", one) for one in after)
    return Dispatch(
        f"run_{component}", "t", "r", InstanceName("prod", component), workflow, {}, names, State.PLANNED, ""
    )


def columns(picture):
    found = {}
    for node in picture.nodes:
        found.setdefault(node.x, []).append(node.dispatch.instance.component)
    return [found[x] for x in sorted(found)]


def test_a_dispatch_stands_right_of_everything_it_waits_for():
    picture = draw([dispatch("app", "db", "vpc"), dispatch("db", "vpc"), dispatch("vpc")])
    assert columns(picture) == [["vpc"], ["db"], ["app"]]
    assert len(picture.edges) == 3


def test_what_depends_on_nothing_is_spread_out_in_rows():
    picture = draw([dispatch(f"c{number}") for number in range(7)])
    assert [len(column) for column in columns(picture)] == [2, 2, 1, 1, 1]
    assert picture.edges == ()


def test_two_workflows_of_one_instance_are_two_nodes():
    picture = draw([dispatch("vpc"), dispatch("vpc", workflow="cost.yaml"), dispatch("app", "vpc")])
    assert len(picture.nodes) == 3
    assert len(picture.edges) == 2


def test_no_two_nodes_overlap_and_all_lie_within_the_picture():
    picture = draw([dispatch("a"), *(dispatch(f"b{number}", "a") for number in range(9)), dispatch("z", "b1", "b8")])
    places = {(node.x, node.y) for node in picture.nodes}
    assert len(places) == 11
    assert all(x + WIDTH <= picture.width and y + HEIGHT <= picture.height for x, y in places)


def test_a_prerequisite_that_is_not_dispatched_draws_no_line():
    picture = draw([dispatch("app", "gone"), dispatch("vpc")])
    assert picture.edges == ()


def test_a_cycle_that_no_plan_holds_does_not_hang():
    assert depths([dispatch("a", "b"), dispatch("b", "a")]) == {
        InstanceName("prod", "a"): 0,
        InstanceName("prod", "b"): 0,
    }


def test_of_a_long_name_the_end_is_shown():
    (node,) = draw([dispatch("network/eu-central-1/private/vpc-endpoints")]).nodes
    assert node.name == "…ivate/vpc-endpoints"


def test_no_dispatch_is_an_empty_picture():
    assert draw([]).nodes == ()
