"""The page of the audit log."""

from test_pages_pulls import PAGE, held

from sonde.server.audit import store
from sonde.server.audit.model import SERVER, Actor, Change
from sonde.server.audit.service import record


def test_the_page_shows_who_changed_what_and_chooses_by_category(browser):
    with browser.db.write("admin.change") as tx:
        record(
            tx, Change("ws_web", "token.created", Actor("admin", "0", "root"), ("token", "tok_1"), "Static token 'ci'")
        )
        hostile = Actor("job", "ses_1", "<script>x</script>")
        facts = {"reason": "<b>stuck</b>", "run": 7}
        record(tx, Change("ws_web", "lock.deleted", hostile, ("lock", "l"), "acme/infra/dev/vpc was released", facts))
        record(tx, Change(SERVER, "auth.sign_in_link_created", Actor("admin", "0", "root"), ("link", ""), "once"))
    page = browser.seen("/audit")
    for words in ("token.created", "root", "lock.deleted", "<b>stuck</b>", "the server"):
        assert words in page.text
    assert "<script>x" not in browser.get("/audit").text
    assert page.balanced
    only = browser.seen("/audit?category=lock").text
    assert ("lock.deleted" in only, "token.created" in only) == (True, False)
    assert "Nothing like this" in browser.seen("/audit?category=sts").text
    assert browser.get("/audit?category=%00nonsense&before=x").status_code in (200, 400)


def test_who_lets_a_held_pull_request_run_is_written_down_once(browser):
    held(browser)
    for _ in range(2):
        browser.post(f"{PAGE}/allow", {"trigger": "trg_1"})
    with browser.db.read() as tx:
        (row,) = store.newest(tx, "ws_web", "", 10)
    assert (row.action, row.actor_type, row.target_id) == ("pull_request.allowed", "visitor", "trg_1")
    assert "acme/infra #7" in row.description
