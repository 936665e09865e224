"""Who gets in, and who does not (decisions.md, ruling 15; reliability.md T13, T17)."""

import os
import re
import subprocess
import sys
import urllib.error
import urllib.request

import pytest
from browser import Seen
from click.testing import CliRunner

from sonde.server import admin
from sonde.server.web import signin
from sonde.server.wiring import PAGES

FILLED = {"owner": "acme", "repo": "infra", "number": "1", "guid:path": "g-1"}


def path_of(page):
    return re.sub(r"\{([^}]+)\}", lambda found: FILLED[found.group(1)], page.path)


def test_no_page_answers_somebody_who_is_not_signed_in(open_browser):
    browser = open_browser()
    for page in PAGES:
        answer = browser.client.request(page.method, path_of(page), headers={"Sec-Fetch-Site": "same-origin"})
        assert answer.status_code == 401, page
        assert "sonde admin sign-in-link" in answer.text


def test_every_page_route_of_the_application_is_in_the_table(open_browser):
    known = {(page.method, page.path) for page in PAGES} | {("GET", "/login"), ("POST", "/login"), ("POST", "/logout")}
    open_to_all = ("/api/", "/api/v1", "/webhooks/", "/healthz", "/readyz", "/metrics", "/static")
    for route in open_browser().client.app.app.routes:
        if not route.path.startswith(open_to_all):
            assert {(method, route.path) for method in route.methods - {"HEAD"}} <= known


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/static/sonde.css", "/static/vendor/htmx.min.js"])
def test_health_and_static_files_need_no_session(open_browser, path):
    assert open_browser().get(path).status_code == 200


def test_a_link_lets_one_browser_in_and_works_once(open_browser):
    browser = open_browser()
    token = signin.offer(browser.db)
    answer = browser.get(f"/login?token={token}")
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert browser.get("/deliveries").status_code == 200
    browser.client.cookies.clear()
    assert browser.get(f"/login?token={token}").status_code == 401
    assert browser.get("/deliveries").status_code == 401


def test_a_link_checker_does_not_use_a_link_up(open_browser):
    browser = open_browser()
    token = signin.offer(browser.db)
    assert browser.client.head(f"/login?token={token}").status_code == 401
    assert browser.get(f"/login?token={token}", **{"Sec-Purpose": "prefetch;prerender"}).status_code == 401
    assert browser.get(f"/login?token={token}").status_code == 303


def test_a_link_ends_after_a_day_and_a_session_after_a_week(open_browser):
    browser = open_browser()
    late, used = signin.offer(browser.db), signin.offer(browser.db)
    assert browser.get(f"/login?token={used}").status_code == 303
    browser.db.clock_offset = signin.TOKEN_LIFE
    assert browser.get(f"/login?token={late}").status_code == 401
    assert browser.get("/deliveries").status_code == 200
    browser.db.clock_offset = signin.SESSION_LIFE
    assert browser.get("/deliveries").status_code == 401


def test_the_token_of_the_settings_works_again_and_others_do_not(open_browser):
    browser = open_browser(ui_token="fixed")
    for token, status in (("fixed", 303), ("fixed", 303), ("other", 401), ("", 401)):
        assert browser.get(f"/login?token={token}").status_code == status


def test_the_token_of_the_settings_can_be_typed(open_browser):
    browser = open_browser(ui_token="fixed")
    page = Seen(browser.get("/login").text)
    assert ("action", "/login") in page.attributes
    assert "was used" not in page.text
    assert browser.post("/login", {"token": "other"}).status_code == 401
    assert browser.post("/login", {"token": "fixed"}, **{"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert browser.post("/login", {"token": "fixed"}).headers["location"] == "/"
    assert browser.get("/deliveries").status_code == 200


def test_a_server_without_a_token_of_its_own_has_no_field_for_it(open_browser):
    browser = open_browser()
    assert ("action", "/login") not in Seen(browser.get("/login").text).attributes
    assert browser.post("/login", {"token": ""}).status_code == 401


def test_an_address_that_is_none_is_a_page_for_a_browser_and_a_line_for_a_program(browser, open_browser):
    answer = browser.get("/nothing/here", Accept="text/html,*/*")
    assert (answer.status_code, "There is no page at /nothing/here." in answer.text) == (404, True)
    assert browser.get("/nothing/here", Accept="*/*").text == "Not Found\n"
    assert open_browser().get("/nothing/here", Accept="text/html").status_code == 401


def test_who_is_not_signed_in_sees_nothing_of_the_set_up_when_the_database_is_away(open_browser, monkeypatch):
    browser = open_browser(ui_token="fixed")
    monkeypatch.setattr(browser.db, "read", lambda: pytest.fail.Exception)
    answer = browser.get("/login?token=fixed")
    assert (answer.status_code, "exposed" in answer.text) == (500, False)


def test_an_empty_token_setting_lets_nobody_in(open_browser):
    assert open_browser(ui_token="").get("/login?token=").status_code == 401


def test_a_login_makes_a_new_cookie_and_ends_the_session_of_the_old_one(browser):
    before = browser.client.cookies["sonde"]
    browser.get("/login?token=let+me+in")
    assert browser.client.cookies["sonde"] != before
    assert signin.visitor(browser.db, before) is None


def test_a_planted_cookie_is_worth_nothing_after_the_login(open_browser):
    browser = open_browser(ui_token="fixed")
    browser.get("/login?token=fixed", Cookie="sonde=chosen-by-an-attacker")
    assert signin.visitor(browser.db, "chosen-by-an-attacker") is None


def test_the_cookie_is_kept_from_scripts_and_other_sites(open_browser):
    plain = open_browser(ui_token="fixed").get("/login?token=fixed").headers["set-cookie"].lower()
    assert "httponly" in plain
    assert "samesite=lax" in plain
    assert "secure" not in plain
    https = open_browser(ui_token="fixed", public_url="https://sonde.example")
    cookie = https.get("/login?token=fixed").headers["set-cookie"]
    assert cookie.startswith("__Host-sonde=")
    assert "; Secure" in cookie
    assert https.get("/deliveries").status_code == 200


def test_signing_out_ends_the_session(browser):
    cookie = browser.client.cookies["sonde"]
    assert browser.post("/logout").status_code == 200
    assert signin.visitor(browser.db, cookie) is None


def test_no_secret_stands_in_the_database(open_browser):
    browser = open_browser()
    token = signin.offer(browser.db)
    with browser.db.read() as tx:
        stored = [*tx.all(signin.store.page_tokens.select()), *tx.all(signin.store.page_sessions.select())]
    browser.get(f"/login?token={token}")
    with browser.db.read() as tx:
        stored += tx.all(signin.store.page_sessions.select())
    assert len(stored) == 2
    assert token not in str(stored)
    assert browser.client.cookies["sonde"] not in str(stored)


@pytest.mark.parametrize(
    ("headers", "own"),
    [
        ({"sec-fetch-site": "same-origin"}, True),
        ({"sec-fetch-site": "same-site"}, False),
        ({"sec-fetch-site": "cross-site", "origin": "http://sonde.test", "host": "sonde.test"}, False),
        ({"sec-fetch-site": "none"}, False),
        ({"origin": "http://sonde.test:8080", "host": "sonde.test:8080"}, True),
        ({"origin": "https://sonde.example", "host": "inside:8080"}, True),
        ({"origin": "http://evil.test", "host": "sonde.test"}, False),
        ({"origin": "http://sonde.test.evil.test", "host": "sonde.test"}, False),
        ({"origin": "null", "host": "sonde.test"}, False),
        ({"host": "sonde.test"}, False),
        ({}, False),
    ],
)
def test_a_write_counts_only_when_it_comes_from_an_own_page(headers, own):
    assert signin.own_write(headers, "https://sonde.example") is own


def test_every_answer_carries_the_headers_that_keep_others_out(browser):
    for path in ("/deliveries", "/deliveries/none", "/login?token=wrong"):
        headers = browser.get(path).headers
        assert headers["content-security-policy"].startswith("default-src 'self';")
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-frame-options"] == "DENY"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"
        assert headers["cache-control"] == "no-store"


def test_an_administrator_gets_another_link(open_browser, tmp_path, database_url, monkeypatch):
    browser = open_browser()
    monkeypatch.setenv("SONDE_DATABASE_URL", database_url)
    monkeypatch.setenv("SONDE_PUBLIC_URL", "http://sonde.test")
    answer = CliRunner().invoke(admin.group, ["sign-in-link"], catch_exceptions=False)
    assert answer.output.startswith("http://sonde.test/login?token=")
    assert browser.get(answer.output.strip().removeprefix("http://sonde.test")).status_code == 303


@pytest.mark.parametrize(
    "path", ["/deliveries/%00", "/acme/infra/instances?q=%00", "/acme%00/infra/pull/7", "/deliveries?state=%00"]
)
def test_an_address_that_no_database_can_look_up_is_refused(browser, path):
    assert browser.get(path).status_code == 400


def test_the_server_prints_a_link_at_its_start_that_lets_one_in(tmp_path, database_url):
    environment = {"PATH": os.environ["PATH"], "SONDE_DATABASE_URL": database_url, "SONDE_DATA_DIR": str(tmp_path)}
    command = [sys.executable, "-m", "sonde.main", "serve", "--listen", "127.0.0.1:0"]
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as server:
        link = next(
            found.group() for line in server.stderr if (found := re.search(r"http://\S+/login\?token=\S+", line))
        )
        try:
            with urllib.request.build_opener(urllib.request.HTTPCookieProcessor()).open(link, timeout=30) as answer:
                assert "<h1>Pull requests</h1>" in answer.read().decode()
            with pytest.raises(urllib.error.HTTPError, match="401") as refused:
                urllib.request.urlopen(link, timeout=30)
            refused.value.close()
        finally:
            server.terminate()
            server.stderr.read()


def test_a_password_is_guessed_only_so_often_and_links_go_on(open_browser):
    browser = open_browser(ui_token="let me in")
    browser.db.clock_offset = -browser.db.clock() % 60_000  # the tries shall not fall into two minutes
    right = "/login?token=let+me+in"
    for number in range(signin.GUESSES - 1):
        assert browser.get(f"/login?token=guess-{number}").status_code == 401
    assert browser.get(right).status_code == 303
    assert browser.get("/login?token=one+more").status_code == 401
    assert browser.get(right).status_code == 401
    assert browser.get(f"/login?token={signin.offer(browser.db)}").status_code == 303
    browser.db.clock_offset += 60_000
    assert browser.get(right).status_code == 303


def test_who_guesses_makes_nobody_wait_who_writes(open_browser, monkeypatch):
    browser = open_browser(ui_token="let me in")
    monkeypatch.setattr(browser.db, "write", lambda _: pytest.fail("a wrong token was worth a write"))
    assert browser.get("/login?token=guess").status_code == 401
