"""The validators themselves: they accept what GitHub really sent, and see a fault."""

import published
import pytest

# its App was last updated at "2018-04-25 20:42:10", which is no RFC 3339 time
ODD = {"check_run.rerequested"}


@pytest.mark.parametrize("name", sorted(set(published.examples()) - ODD))
def test_the_cut_schema_accepts_what_github_really_sent(name):
    published.check_webhook(name.partition(".")[0], published.examples()[name])


def test_a_webhook_with_a_field_that_github_does_not_send_is_seen():
    payload = {**published.examples()["installation.created"], "surprise": 1}
    with pytest.raises(AssertionError, match="surprise"):
        published.check_webhook("installation", payload)


def test_a_reply_without_a_required_field_is_seen():
    with pytest.raises(AssertionError, match="'expires_at' is a required property"):
        published.check_exchange("POST", "/app/installations/1/access_tokens", {}, 201, {"token": "ghs_x"})


def test_a_status_that_github_never_answers_is_seen():
    with pytest.raises(AssertionError, match="never answers 207"):
        published.check_exchange("GET", "/app", None, 207, {})
