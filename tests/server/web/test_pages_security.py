"""The page that says what this server trusts: the shared audience is red, and everything red or amber says how to close it (T3)."""

import pytest

from sonde.server.auth.posture import State, findings
from sonde.server.auth.sessions import rotate
from sonde.server.settings import Settings

SHUT = {
    "oidc_legacy_audience": False,
    "oidc_live_runs": True,
    "public_url": "https://sonde.example.com",
    "trusted_proxies": "10.0.0.5",
}


def signed_in(open_browser, **settings):
    browser = open_browser(ui_token="let me in", **settings)
    assert browser.get("/login?token=let+me+in").status_code == 303
    return browser


def test_the_shared_audience_is_red_with_why_and_how_to_turn_it_off(open_browser):
    browser = signed_in(open_browser, public_url="https://sonde.example.com")
    for path in ("/", "/security"):
        page = browser.seen(path)
        assert "The shared audience atmos-pro.com is accepted" in page.text
        assert "act as that job's repository" in page.text
        assert page.balanced
    assert ("class", "notice bad") in browser.seen("/").attributes
    shown = browser.seen("/security")
    assert ("class", "badge is-exposed") in shown.attributes
    assert "SONDE_OIDC_LEGACY_AUDIENCE=False" in shown.text
    assert "ATMOS_PRO_OIDC_AUDIENCE=https://sonde.example.com" in shown.text
    assert ("title", "Something is exposed to others") in browser.seen("/locks").attributes


@pytest.mark.parametrize("off", [{"oidc_legacy_audience": False}, {"oidc_audiences": ("other",)}], ids=str)
def test_nothing_is_red_once_it_is_off(open_browser, off):
    browser = signed_in(open_browser, **off)
    for path in ("/", "/security", "/locks"):
        page = browser.seen(path)
        assert "shared audience" not in page.text
        assert not [value for name, value in page.attributes if name == "class" and "is-exposed" in value]
        assert "Something is exposed" not in browser.get(path).text


@pytest.mark.parametrize(
    ("changed", "words", "state"),
    [
        ({}, None, None),
        ({"oidc_legacy_audience": True}, "shared audience", State.EXPOSED),
        ({"oidc_live_runs": False}, "whether its run still lives", State.WEAK),
        ({"public_url": "http://sonde.example.com"}, "not https", State.WEAK),
        ({"ui_token": "again and again"}, "SONDE_UI_TOKEN", State.WEAK),
        ({"trusted_proxies": ""}, "share one count of failures", State.WEAK),
        ({"failures_at_once": 0}, "are not limited", State.WEAK),
        ({"oidc_issuers": ("https://ghes.example/_services/token",)}, "ghes.example", State.WEAK),
    ],
)
def test_each_choice_that_weakens_is_found_alone_and_says_the_next_step(changed, words, state):
    found = [one for one in findings(Settings(**{**SHUT, **changed})) if one.state is not State.SOUND]
    assert [one.state for one in found] == ([state] if state else [])
    assert all(words in one.what and one.fix and one.because for one in found)


def test_the_worst_comes_first():
    order = [one.state for one in findings(Settings(ui_token="x"))]
    assert order == sorted(order, key=list(State).index)
    assert order[0] is State.EXPOSED


def test_the_session_keys_are_listed_without_their_secrets(browser):
    assert "the first exchange makes one" in browser.seen("/security").text
    with browser.db.write("admin.change") as tx:
        first, second = rotate(tx, revoke_old=False).kid, rotate(tx, revoke_old=False).kid
    page = browser.seen("/security").text
    assert page.index(second) < page.index(first)
    assert ("signs" in page, "verifies until" in page) == (True, True)
    ring = browser.site.trust.ring
    assert not [kid for kid in (first, second) if ring.secret(kid) in page]
