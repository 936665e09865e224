"""`/deliveries` answers "why did nothing happen?"."""

import hashlib
import hmac
import json

import pytest

from sonde.server.webhooks import service, store

SECRET = "s3cret"


def deliver(db, guid, event="pull_request", **payload):
    body = json.dumps(payload).encode()
    signature = "sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    headers = {"x-hub-signature-256": signature, "x-github-event": event, "x-github-delivery": guid}
    assert db.group(service.RECEIVE, service.accepted(service.Secrets(SECRET), headers, body, 0)).result()


def test_an_ignored_delivery_says_why(browser):
    deliver(browser.db, "g-1", "star", action="created")
    service.process(browser.db, "g-1", {})
    page = browser.seen("/deliveries")
    assert "Sonde does not act on star.created" in page.text
    assert "/deliveries/g-1" in page.links
    one = browser.seen("/deliveries/g-1")
    assert "Sonde does not act on star.created" in one.text
    assert '"action": "created"' in one.text


def test_a_failed_delivery_shows_its_tries_and_can_be_asked_for(browser):
    deliver(browser.db, "g-2")

    def crash(_tx, _event):
        raise RuntimeError("boom")

    deliver(browser.db, "g-3", "star", action="created")
    for _ in range(service.ATTEMPTS):
        service.process(browser.db, "g-3", {("star", "created"): crash})
    assert "RuntimeError: boom" in browser.seen("/deliveries?state=failed").text
    assert "g-2" not in browser.get("/deliveries?state=failed").text
    assert "5 of 5" in browser.seen("/deliveries/g-3").text


def test_a_delivery_that_nobody_processed_says_that_it_waits(browser):
    deliver(browser.db, "g-4")
    assert "not yet" in browser.seen("/deliveries/g-4").text


def test_a_body_that_is_not_kept_any_more_says_so(browser):
    deliver(browser.db, "g-5", "star", secret_word="xyzzy")
    service.process(browser.db, "g-5", {})
    assert "xyzzy" in browser.seen("/deliveries/g-5").text
    with browser.db.write("purge") as tx:
        store.purge_bodies(tx, tx.now + 1)
    page = browser.seen("/deliveries/g-5")
    assert "xyzzy" not in page.text
    assert "no longer kept" in page.text


def test_a_delivery_that_never_came_is_a_404_that_says_so(browser):
    answer = browser.get("/deliveries/no/such<b>")
    assert answer.status_code == 404
    assert "There is no delivery no/such&lt;b&gt;" in answer.text


def test_older_deliveries_are_a_click_away(browser):
    for number in range(101):
        browser.db.clock_offset = number * 1000
        deliver(browser.db, f"n-{number:03}", "star", number=number)
    page = browser.seen("/deliveries")
    assert "/deliveries/n-100" in page.links
    assert "/deliveries/n-000" not in page.links
    older = next(link for link in page.links if "before=" in link)
    assert "/deliveries/n-000" in browser.seen(older).links


@pytest.mark.parametrize("query", ["?before=x", "?before=" + "9" * 40, "?state='", "?before=-1"])
def test_a_query_that_makes_no_sense_is_no_error(browser, query):
    assert browser.get(f"/deliveries{query}").status_code == 200


def test_the_live_part_is_sent_alone_and_only_when_it_changed(browser):
    deliver(browser.db, "g-6", "star")
    whole = browser.get("/deliveries").text
    first = browser.get("/deliveries", **{"HX-Request": "true"})
    assert first.text.strip() in whole
    assert "<html" not in first.text
    have = first.text.split('"X-Have": "')[1].split('"')[0]
    again = {"HX-Request": "true", "X-Have": have}
    assert browser.get("/deliveries", **again).status_code == 204
    service.process(browser.db, "g-6", {})
    assert "does not act on star" in browser.get("/deliveries", **again).text
