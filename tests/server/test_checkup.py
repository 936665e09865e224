"""A GitHub App that is not set up right: the log says so at the start, and nothing is lost until it is mended."""

import ssl
from dataclasses import replace

import pytest
import structlog
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from test_pull_requests import upload
from world import item

from sonde.server.github import checkup
from sonde.server.github.client import GitHub, NotSentError, RejectedError

ENOUGH = {"contents": "write", "actions": "write", "checks": "write", "pull_requests": "write", "metadata": "read"}
EVENTS = ["pull_request", "workflow_run", "push"]


def test_what_the_app_lacks_is_named_as_github_names_it():
    assert checkup.lacking({"permissions": ENOUGH, "events": EVENTS}) == []
    assert checkup.lacking({"permissions": ENOUGH | {"contents": "read"}, "events": EVENTS}) == []
    assert checkup.lacking({"permissions": ENOUGH | {"checks": "read"}, "events": EVENTS}) == ["checks: write"]
    assert checkup.lacking({"permissions": {"metadata": "read"}, "events": ["workflow_run"]}) == [
        "contents: read",
        "actions: write",
        "checks: write",
        "pull_requests: write",
        "event pull_request",
    ]
    assert checkup.lacking({})[-1] == "event workflow_run"


def said(world):
    with structlog.testing.capture_logs() as logs:
        checkup.look(world.server.site.loop.github)
    return logs[0]["event"], logs[0]


def other_key():
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    ).decode()


def test_an_app_that_has_what_it_needs_is_named_and_one_that_lacks_something_hears_what(world):
    assert said(world)[0] == "github.app"
    world.github.records.app.permissions = {**world.github.records.app.permissions, "checks": "read"}
    event, facts = said(world)
    assert (event, facts["lacks"]) == ("github.app_lacks", ["checks: write"])


def test_with_the_key_of_another_app_nothing_is_lost_and_it_goes_on_with_the_right_one(world):
    github = world.server.site.loop.github
    right, github._key = github._key, other_key()
    event, facts = said(world)
    assert event == "github.app_refused"
    assert "check SONDE_GITHUB_APP_ID, SONDE_GITHUB_APP_PRIVATE_KEY_FILE and this machine's clock" in facts["because"]
    pull = world.open_pull_request()
    upload(world, pull, [item("network")])
    assert world.dispatched() == []
    assert numbers(world)['sonde_effects{state="planned"}'] == "3"  # the check, the comment and the dispatch
    github._key = right
    world.advance_clock(61)
    world.settle()
    assert numbers(world)['sonde_effects{state="planned"}'] == "0"
    assert world.dispatched() == [("network", "dev")]
    assert world.check(pull.head_sha).status == "in_progress"


def numbers(world):
    lines = world.server.request("GET", "/metrics").body["text"].splitlines()
    return dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))


def test_the_numbers_say_what_waits_and_for_how_long(world):
    assert numbers(world)["sonde_deliveries_waiting"] == "0"
    world.github.commit(world.infra, "feature", {"a.txt": "a"}, author="octo-dev")
    world.sandbox.settle()
    world.advance_clock(120)
    told = numbers(world)
    assert int(told["sonde_deliveries_waiting"]) >= 1
    assert float(told["sonde_deliveries_oldest_seconds"]) >= 120
    assert told["sonde_database_up"] == "1"
    world.settle()
    assert numbers(world)["sonde_deliveries_waiting"] == "0"


def test_an_installation_that_is_gone_is_named_with_the_next_step(world):
    gone = replace(world.repository, installation_id=999_999)
    with pytest.raises(
        RejectedError, match=r"knows no installation 999999 of this App; install it .* sonde admin repo add"
    ):
        world.server.site.loop.github.branch(gone, "main")


def test_a_certificate_that_is_not_trusted_leads_to_its_setting(world):
    known = world.server.site.loop.github
    strict = GitHub(known._api, known._app_id, known._key, ssl.create_default_context())
    with pytest.raises(NotSentError, match=r"CERTIFICATE_VERIFY_FAILED.*; SONDE_CA_FILE names authorities to trust"):
        strict.app()
    strict.close()
