"""`/` and the pull request's page answer "why is this waiting?"."""

import json

import pytest
from browser import linked_repository

from sonde.server.dispatches import service as dispatches
from sonde.server.dispatches import store as triggers
from sonde.server.dispatches.model import InstanceName, NewDispatch, State, Trigger, TriggerState
from sonde.server.github import store as effects
from sonde.server.github.model import Effect, Kind
from sonde.server.locks import service as locks
from sonde.server.pulls import service
from sonde.server.pulls import store as pulls
from sonde.server.pulls.model import PullRequest

SHA = "a" * 40
FORK = "it comes from a fork: a member must look at it and press Run for this SHA"
PAGE = "/acme/infra/pull/7"


def name(component, stack="prod"):
    return InstanceName(stack, component)


def open_pull(tx, repository, *, title="More NAT gateways", number=7, **facts):
    given = {
        "fork": False,
        "draft": False,
        "open": True,
        "merged": False,
        "url": "https://github.test/acme/infra/pull/7",
    }
    known = {"author": "octo", "association": "MEMBER", "head_ref": "nat", "base_ref": "main", "merge_sha": ""}
    times = {"head_sha": SHA, "updated_at": tx.now}
    pulls.put(
        tx, PullRequest(repository_id=repository.id, number=number, title=title, **{**given, **known, **times, **facts})
    )


def open_trigger(
    tx, repository, state=TriggerState.WAITING, because="waits for the upload", *, sha=SHA, trigger_id="trg_1"
):
    made = Trigger(
        trigger_id, repository.id, "pull_request", "opened", 7, sha, sha, "main", state, because, None, tx.now, 1
    )
    assert triggers.open_trigger(tx, made, None)
    return made


def plan(tx, trigger, *wanted, notes=()):
    new = [NewDispatch(instance, "plan.yaml", {}, tuple(after)) for instance, after in wanted]
    dispatches.plan(tx, trigger, "upl_1", dispatches.Plan(new, notes))


@pytest.fixture
def running(browser):
    """#7 with vpc, and eks that waits for it; somebody holds the lock of vpc."""
    with browser.db.write("admin.change") as tx:
        repository = browser.repository
        open_pull(tx, repository)
        trigger = open_trigger(tx, repository)
        notes = [("prod/dns", "settings.pro.enabled is false")]
        plan(tx, trigger, (name("vpc"), []), (name("eks"), [name("vpc")]), notes=notes)
        locks.acquire_for_dispatch(
            tx, repository, stack="prod", component="vpc", dispatch_id="run_other", message="rolling gateways by hand"
        )
    dispatches.advance(browser.db, trigger.id)
    return browser


def set_state(browser, component, state, **changes):
    with browser.db.write("admin.change") as tx:
        found = next(item for item in triggers.of_trigger(tx, "trg_1") if item.instance.component == component)
        triggers.set_state(tx, found, state, f"{component} is {state}", **changes)
        triggers.touch(tx, "trg_1")
    return found


def test_the_page_says_who_holds_the_lock_that_a_dispatch_waits_for(running):
    text = running.seen(PAGE).text
    assert "acme/infra/prod/vpc is locked by Sonde until" in text
    assert "rolling gateways by hand. It goes on when the lock is released: sonde pro unlock vpc -s prod" in text
    assert "waits for prod/vpc" in text
    assert "rolling gateways by hand" in running.seen("/").text


def test_the_page_says_what_is_not_dispatched_and_why(running):
    assert "prod/dns settings.pro.enabled is false" in running.seen(PAGE).text


def test_each_dispatch_links_to_its_run(running):
    set_state(running, "vpc", State.RUNNING, run_id=77, run_url="https://github.test/acme/infra/actions/runs/77")
    page = running.seen(PAGE)
    assert page.links.count("https://github.test/acme/infra/actions/runs/77") == 2  # in the picture and in the table
    assert "run 77" in page.text


def test_a_run_address_that_is_no_web_address_is_no_link(running):
    set_state(running, "vpc", State.RUNNING, run_id=77, run_url="javascript:alert(1)")
    page = running.seen(PAGE)
    assert not [link for link in page.links if not link.startswith(("/", "https://github.test/"))]


def test_the_picture_names_each_state_in_words_too(running):
    page = running.seen(PAGE)
    assert page.html.count('class="edge"') == 1
    assert "locked" in page.text
    assert 'class="word"' in page.html


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda tx, effect: None, "to send"),
        (lambda tx, effect: effects.set_lost(tx, effects.claim(tx, effect, 0), "no answer", 0), "looking for it"),
        (lambda tx, effect: effects.set_failed(tx, effect, "422 no such ref"), "422 no such ref"),
        (lambda tx, effect: effects.set_planned(tx, effect, "GitHub answers 502", 0), "GitHub answers 502"),
        (lambda tx, effect: effects.set_sent(tx, effect, 1, 5, "https://github.test/c/5"), "up to date"),
    ],
)
def test_the_page_says_how_far_github_has_been_told(running, make, words):
    with running.db.write("admin.change") as tx:
        slot = service.check_slot(triggers.trigger(tx, "trg_1"))
        effects.want(tx, Effect(slot, Kind.CHECK, running.repository.id, "trg_1", json.dumps({})))
        make(tx, effects.get(tx, slot))
    assert words in running.seen(PAGE).text


def test_an_effect_that_github_does_not_take_is_on_the_overview(running):
    with running.db.write("admin.change") as tx:
        effects.want(tx, Effect("comment:1", Kind.COMMENT, running.repository.id, "trg_1", "{}"))
        effects.set_planned(tx, effects.get(tx, "comment:1"), "GitHub answers 502", 0)
    assert "GitHub answers 502" in running.seen("/").text


def test_an_older_event_of_a_pull_request_can_be_looked_at(running):
    with running.db.write("admin.change") as tx:
        running.db.clock_offset = 1000
        open_trigger(tx, running.repository, because="waits for the newer upload", sha="b" * 40, trigger_id="trg_2")
    page = running.seen(PAGE)
    assert "waits for the newer upload" in page.text
    assert "rolling gateways" not in page.text
    older = next(link for link in page.links if "trigger=trg_1" in link)
    assert "rolling gateways" in running.seen(older).text


def test_the_comment_that_an_older_event_wanted_first_is_shown_for_the_newest(running):
    with running.db.write("admin.change") as tx:
        older = triggers.trigger(tx, "trg_1")
        effects.want(tx, Effect(service.comment_slot(older), Kind.COMMENT, running.repository.id, older.id, "{}"))
        running.db.clock_offset = 1000
        open_trigger(tx, running.repository, sha="b" * 40, trigger_id="trg_2")
    assert "Comment to send" in running.seen(PAGE).text


def held(browser, because=FORK, **facts):
    with browser.db.write("admin.change") as tx:
        open_pull(tx, browser.repository, **facts)
        open_trigger(tx, browser.repository, TriggerState.HELD, because)


def state(browser):
    with browser.db.read() as tx:
        return triggers.trigger(tx, "trg_1")


def test_a_member_lets_a_held_pull_request_run_at_one_sha(browser, nudges):
    held(browser, fork=True)
    assert "Run for this SHA" in browser.get(PAGE).text.split("<button>")[1]
    answer = browser.post(f"{PAGE}/allow", {"trigger": "trg_1"})
    assert (answer.status_code, answer.headers["location"]) == (303, PAGE)
    assert state(browser).state is TriggerState.WAITING
    assert state(browser).because.startswith("allowed by a signed-in member")
    assert nudges.count == 1
    assert "<button>Run" not in browser.get(PAGE).text


def test_pressing_twice_changes_nothing_more(browser):
    held(browser)
    browser.post(f"{PAGE}/allow", {"trigger": "trg_1"})
    before = state(browser)
    assert browser.post(f"{PAGE}/allow", {"trigger": "trg_1"}).status_code == 303
    assert state(browser) == before


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Origin": "https://evil.test"},
        {"X-Nothing": "neither header"},
    ],
)
def test_another_site_cannot_press_the_button(browser, nudges, headers):
    held(browser)
    assert browser.post(f"{PAGE}/allow", {"trigger": "trg_1"}, **headers).status_code == 403
    assert state(browser).state is TriggerState.HELD
    assert nudges.count == 0


def test_nobody_presses_the_button_without_a_session(browser):
    held(browser)
    browser.client.cookies.clear()
    assert browser.post(f"{PAGE}/allow", {"trigger": "trg_1"}).status_code == 401
    assert state(browser).state is TriggerState.HELD


@pytest.mark.parametrize("path", ["/acme/infra/pull/8/allow", "/acme/other/pull/7/allow", "/acme/none/pull/7/allow"])
def test_a_trigger_is_let_go_only_by_its_own_pull_request(browser, path):
    held(browser)
    with browser.db.write("admin.change") as tx:
        linked_repository(tx, "other", 2)
    assert browser.post(path, {"trigger": "trg_1"}).status_code == 404
    assert state(browser).state is TriggerState.HELD


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("/acme/none/pull/1", "acme/none is not linked to a workspace here"),
        ("/acme/infra/pull/1", "No event of pull request #1 of acme/infra has arrived yet"),
        ("/acme/infra/pull/x", "No event of pull request #x"),
        ("/acme/infra/pull/99999999999", "No event of pull request #99999999999"),
    ],
)
def test_a_pull_request_that_is_not_known_says_why(browser, path, sentence):
    answer = browser.get(path)
    assert answer.status_code == 404
    assert sentence in answer.text


def test_the_name_in_the_address_may_have_any_case(browser):
    held(browser)
    assert browser.get("/Acme/INFRA/pull/7").status_code == 200


def test_the_overview_says_what_the_github_half_still_misses(browser, open_browser):
    assert "SONDE_GITHUB_APP_ID" in browser.seen("/").text
    assert "No pull request event has arrived. acme/infra is linked" in browser.seen("/").text


def test_the_overview_says_how_far_each_pull_request_is(running):
    set_state(running, "vpc", State.FAILED)
    dispatches.advance(running.db, "trg_1")
    page = running.seen("/")
    assert "1 failed · 1 skipped" in page.text.replace("\xa0", " ")
    assert "did not succeed; first prod/vpc" in page.text
