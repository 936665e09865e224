"""`/locks` and `/instances`: who holds what, and how each instance is."""

import pytest
from browser import linked_repository

from sonde.server.auth.model import Actor
from sonde.server.instances import store as instances
from sonde.server.instances.model import Instance, Status
from sonde.server.locks import ending, service, store
from sonde.server.locks.model import DISPATCH_TTL


def lock(browser, component="vpc", run_id=None):
    with browser.db.write("lock.acquire") as tx:
        service.acquire_for_dispatch(
            tx, browser.repository, stack="prod", component=component, dispatch_id="run_1", message="plan.yaml for #7"
        )
        if run_id:
            service.bind_run(tx, "run_1", run_id, f"https://github.test/acme/infra/actions/runs/{run_id}")


def report(browser, component, status, *, command="plan", exit_code=0, run_id=None):
    with browser.db.write("instance.status") as tx:
        instances.put(
            tx, Instance(browser.repository.id, "prod", component, status, command, exit_code, tx.now, tx.now)
        )
        event = {"repository_id": browser.repository.id, "stack": "prod", "component": component, "run_id": run_id}
        facts = {"command": command, "exit_code": exit_code, "last_run": tx.now, "outcome": "changes", "status": status}
        rest = {"id": f"iev_{tx.now}_{component}", "because": f"the {command} said so", "dispatch_id": None}
        instances.note(tx, {**event, **facts, **rest})


def test_a_held_lock_says_who_why_until_when_and_links_its_run(browser):
    lock(browser, run_id=77)
    page = browser.seen("/locks")
    assert "acme/infra/prod/vpc Sonde for its dispatch" in page.text
    assert "plan.yaml for #7" in page.text
    assert "in 23 h" in page.text or "in 24 h" in page.text
    assert "https://github.test/acme/infra/actions/runs/77" in page.links
    assert "plan.yaml for #7" in browser.seen("/").text


def test_a_lock_that_was_given_back_is_history(browser):
    lock(browser)
    with browser.db.write("lock.release") as tx:
        ending.release_of_dispatch(tx, "run_1", "run_ended")
    text = browser.seen("/locks").text
    assert "Nobody holds a lock." in text
    assert "ended with its run" in text


def test_a_lock_whose_time_ran_out_says_that_its_run_may_still_work(browser):
    lock(browser, run_id=77)
    browser.db.clock_offset = DISPATCH_TTL * 1000
    text = browser.seen("/locks").text
    assert "Ran out" in text
    assert "The run may still be at work" in text
    with browser.db.read() as tx:
        assert store.all_live(tx) == []


def test_instances_show_status_last_command_and_lock(browser):
    report(browser, "vpc", Status.DRIFTED, exit_code=2)
    report(browser, "eks/cluster", Status.IN_SYNC, command="apply")
    lock(browser)
    page = browser.seen("/acme/infra/instances")
    assert "vpc drifted plan exit 2" in page.text
    assert "eks/cluster in sync apply exit 0" in page.text
    assert "locked Sonde" in page.text
    assert "1 in sync · 1 drifted" in browser.seen("/instances").text.replace("\xa0", " ")


@pytest.mark.parametrize(
    ("query", "shown"),
    [("q=EKS", {"eks/cluster"}), ("status=drifted", {"vpc"}), ("q=%25", set()), ("q=prod&status=error", set())],
)
def test_instances_can_be_searched(browser, query, shown):
    report(browser, "vpc", Status.DRIFTED)
    report(browser, "eks/cluster", Status.IN_SYNC)
    text = browser.seen(f"/acme/infra/instances?{query}").text
    assert {name for name in ("vpc", "eks/cluster") if name in text} == shown


def test_the_history_of_an_instance_links_each_run_at_github(browser):
    report(browser, "eks/cluster", Status.DRIFTED, exit_code=2, run_id=5)
    page = browser.seen("/acme/infra/instances")
    link = next(link for link in page.links if "/instance?" in link)
    one = browser.seen(link)
    assert "the plan said so" in one.text
    assert "https://github.com/acme/infra/actions/runs/5" in one.links


@pytest.mark.parametrize("path", ["/acme/infra/instance?stack=a&component=b", "/acme/infra/instance", "/x/y/instances"])
def test_what_nobody_has_named_is_a_404_that_says_so(browser, path):
    answer = browser.get(path)
    assert answer.status_code == 404
    assert "has no instance" in answer.text or "is not linked" in answer.text


def test_a_repository_of_two_workspaces_is_shown_for_each(browser):
    report(browser, "vpc", Status.DRIFTED)
    with browser.db.write("admin.change") as tx:
        linked_repository(tx, "infra-twin", 1, workspace="ws_two", shown="infra")
    assert "vpc" in browser.seen("/acme/infra/instances?workspace=ws_web").text
    assert "No instance like this" in browser.seen("/acme/infra/instances?workspace=ws_two").text
    assert len([link for link in browser.seen("/instances").links if "workspace=" in link]) == 2


def test_who_waits_for_a_lock_is_shown_with_his_place(browser):
    lock(browser)
    for name in ("ada", "grace"):
        browser.db.clock_offset += 1  # who asks in the same millisecond has no order
        with browser.db.write("lock.acquire") as tx:
            actor = Actor(browser.repository.workspace_id, browser.repository, name, f"token:{name}", name, {})
            service.wait(tx, actor, "acme/infra/prod/vpc", 30, "", "")
    text = browser.seen("/locks").text
    assert "Who waits" in text
    assert text.index("1 ada") < text.index("2 grace")


def test_the_reason_of_an_administrator_is_in_the_history(browser):
    lock(browser)
    with browser.db.write("admin.change") as tx:
        ending.release_by_admin(tx, browser.repository, "prod/vpc", "its runner was lost")
    assert "ended by an administrator its runner was lost" in browser.seen("/locks").text
