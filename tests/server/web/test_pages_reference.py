"""`/docs` and `/openapi.json`: the API as it is committed, readable without a script of anybody else."""

import json
import re
from pathlib import Path

from sonde.server.web.filters import coded
from sonde.wire.calls import CALLS
from sonde.wire.envelope import ErrorTag

COMMITTED = Path(__file__).resolve().parents[3] / "docs" / "openapi.json"


def test_the_served_description_is_the_committed_one(browser):
    answer = browser.get("/openapi.json")
    assert answer.headers["content-type"].startswith("application/json")
    assert answer.json() == json.loads(COMMITTED.read_text())


def test_the_page_shows_every_call_and_every_error_tag(browser):
    text = browser.get("/docs").text
    for method, path in CALLS:
        assert f"{method} /api/v1/{re.sub(':path', '', path)}</code>" in text
    for tag in ErrorTag:
        assert f'<tr id="tag-{tag}">' in text


def test_every_link_within_the_page_leads_somewhere(browser):
    text = browser.get("/docs").text
    linked = set(re.findall(r'href="#([^"]+)"', text))
    assert len(linked) > 40
    assert linked <= set(re.findall(r' id="([^"]+)"', text))


def test_the_page_takes_nothing_from_the_internet(browser):
    text = browser.get("/docs").text
    assert not re.findall(r'(?:src|href)="(?:https?:)?//', text)


def test_words_of_code_are_shown_as_code_and_nothing_else_is_markup(browser):
    text = browser.get("/docs").text
    assert "<code>errorMessage</code>" in text
    assert "`" not in text
    assert str(coded("a `<b>` < `c`")) == "a <code>&lt;b&gt;</code> &lt; <code>c</code>"
