"""The Spacelift admin stacks of what is affected."""

from sonde.stacks.affected.compare import Affected
from sonde.stacks.affected.spacelift import REASON, with_admin_stacks
from sonde.stacks.engine import Instance

SELECTOR = {"component": "admin", "tenant": "t", "stage": "prod"}


def instance(name, stack="dev", *, spacelift=None, **variables):
    sections = {"settings": {"spacelift": spacelift or {}}, "vars": variables}
    return Instance(stack, "terraform", name, stack, sections)


def managed(name):
    return Affected(instance(name, spacelift={"admin_stack_selector": SELECTOR}), ("stack.vars",))


def admin(stack="prod", *, workspace=True, **variables):
    context = {"tenant": "t", "stage": "prod"} | variables
    return instance("admin", stack, spacelift={"workspace_enabled": workspace}, **context)


def shown(found):
    return [(each.instance.name, each.reasons) for each in found]


def test_an_admin_stack_appears_once_however_many_stacks_it_manages():
    found = with_admin_stacks([managed("a"), managed("b")], [admin()])
    assert shown(found) == [("a", ("stack.vars",)), ("b", ("stack.vars",)), ("admin", (REASON,))]


def test_an_admin_stack_that_is_affected_itself_gets_one_more_reason():
    found = with_admin_stacks([managed("a"), Affected(admin(), ("component",))], [admin()])
    assert shown(found) == [("a", ("stack.vars",)), ("admin", ("component", REASON))]


def test_only_the_selected_context_with_a_workspace_is_an_admin_stack():
    others = [admin("x", workspace=False), admin("y", tenant="u"), admin("z", stage="dev")]
    assert shown(with_admin_stacks([managed("a")], others)) == [("a", ("stack.vars",))]
