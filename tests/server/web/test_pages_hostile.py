"""Names that people and manifests chose are text on every page, whatever they hold (reliability.md T14)."""

import json
import re

import pytest
from browser import linked_repository
from test_pages_pulls import name, open_pull, open_trigger, plan

from sonde.server.affected import store as uploads
from sonde.server.affected.model import Upload, UploadState
from sonde.server.dispatches import store as triggers
from sonde.server.dispatches.model import State, TriggerState
from sonde.server.github import store as effects
from sonde.server.github.model import Effect, Kind
from sonde.server.instances import store as instances
from sonde.server.instances.model import Instance, Status
from sonde.server.locks import service as locks
from sonde.server.pulls.service import check_slot
from sonde.server.web.filters import linked, safe_url
from sonde.server.webhooks import store as deliveries

EVIL = [
    "<script>alert(1)</script>",
    '"onload="alert(1)" x="',
    "' onmouseover='alert(1)",
    "</bdi></td></table><img src=x onerror=alert(1)>",
    "{{ 1234 * 9999 }}{% raw %}",
    "javascript:alert(1)",
    'https://ok.test/"><script>alert(1)</script>',
    "a&lt;b&amp;c</textarea><!--",
    "\u202egnp.exe\u200b \U0001f4a5 ]]>",
    "../../etc/passwd?a=b&c=d#e%00",
]


def fill(browser, evil, number):
    """One repository whose every name is `evil`."""
    with browser.db.write("admin.change") as tx:
        repository = linked_repository(tx, f"r{number}", number)
        open_pull(tx, repository, title=evil, author=evil, url=evil, head_ref=evil, base_ref=evil)
        trigger = open_trigger(tx, repository, TriggerState.WAITING, evil, trigger_id=f"trg_{number}")
        plan(tx, trigger, (name(evil, evil), []), (name("app"), [name(evil, evil)]), notes=[(evil, evil)])
        instances.ensure(tx, repository.id, "prod", "app")
        found = triggers.of_trigger(tx, trigger.id)
        for item in found:
            triggers.set_state(tx, item, State.RUNNING, evil, run_id=1, run_url=evil)
            triggers.set_outcome(tx, item.id, evil)
        slot = check_slot(trigger)
        effects.want(tx, Effect(slot, Kind.CHECK, repository.id, trigger.id, json.dumps({})))
        effects.set_sent(tx, effects.get(tx, slot), 1, 5, evil)
        effects.want(tx, Effect(f"dispatch:{number}", Kind.DISPATCH, repository.id, found[0].id, json.dumps({})))
        effects.set_planned(tx, effects.get(tx, f"dispatch:{number}"), evil, 0)
        run = f"run_{number}"
        locks.acquire_for_dispatch(tx, repository, stack=evil, component=evil, dispatch_id=run, message=evil)
        locks.bind_run(tx, run, 1, evil)
        instances.put(tx, Instance(repository.id, evil, evil, Status.ERROR, evil, 1, 1, 1))
        event = {"repository_id": repository.id, "stack": evil, "component": evil, "command": evil, "exit_code": 1}
        rest = {"last_run": None, "outcome": evil, "status": evil, "because": evil, "dispatch_id": None, "run_id": 1}
        instances.note(tx, {"id": f"iev_{number}", **event, **rest})
        upload = Upload(f"upl_{number}", repository.id, evil, "", "", "", (), "", 1, UploadState.WAITING, evil, None)
        uploads.put(tx, upload, "ses_1")
        body = json.dumps({"title": evil}).encode()
        guid = re.sub("[/%]", "-", evil)  # GitHub's are UUIDs; clients fold `..` and `//` of a path before they ask
        filed = {"guid": guid, "event": evil, "action": evil, "repository": evil, "github_id": 1, "number": 7}
        deliveries.receive(tx, [deliveries.Arrived(filed | {"digest": f"d{number}"}, body)])
        deliveries.finish(tx, guid, "ignored", evil)


def crawl(browser):
    """Every page that links lead to from the overview, by address."""
    todo, pages = ["/"], {}
    while todo:
        path = todo.pop()
        if path in pages or path.endswith(".json"):  # a document for programs is no page
            continue
        pages[path] = page = browser.seen(path)
        todo += [link for link in page.links if link.startswith("/")]
    return pages


def test_hostile_names_are_text_on_every_page(browser):
    for number, evil in enumerate(EVIL, 100):
        fill(browser, evil, number)
    pages = crawl(browser)
    kinds = {path.partition("?")[0].split("/")[-1] for path in pages}
    assert {"", "7", "locks", "instances", "instance", "deliveries"} <= kinds
    assert len([path for path in pages if path.startswith("/deliveries/")]) == len(EVIL)
    for path, page in pages.items():
        assert page.balanced, path
        assert set(page.scripts) == {"/static/vendor/htmx.min.js", "/static/sonde.js"}, path
        assert all(link.startswith(("/", "#", "http://", "https://")) for link in page.links), path
        assert not [key for key, _ in page.attributes if key.startswith("on") or key == "style"], path
        assert str(1234 * 9999) not in page.html, path
    seen = " ".join(" ".join(page.words) for page in pages.values())
    assert not [evil for evil in EVIL if seen.count(evil) <= 10]


@pytest.mark.parametrize(
    ("url", "safe"),
    [
        ("https://github.test/a?b=c#d", True),
        ("http://127.0.0.1:8080/x", True),
        ("javascript:alert(1)", False),
        ("JaVaScRiPt://x/%0aalert(1)", False),
        ("data:text/html,x", False),
        ("//evil.test", False),
        ("https:evil.test", False),
        ("java\nscript:alert(1)", False),
        ("https://x\n.test", False),
        ("", False),
    ],
)
def test_only_web_addresses_become_links(url, safe):
    assert bool(safe_url(url)) is safe


def test_addresses_within_a_sentence_become_links_and_nothing_else_does():
    text = 'locked by <b>, run https://github.test/a/b/actions/runs/7, see (http://x.test/?a=1&b="2").'
    assert str(linked(text)) == (
        'locked by &lt;b&gt;, run <a href="https://github.test/a/b/actions/runs/7" rel="noopener noreferrer">7</a>, '
        'see (<a href="http://x.test/?a=1&amp;b=" rel="noopener noreferrer">http://x.test/?a=1&amp;b=</a>&#34;2&#34;).'
    )
