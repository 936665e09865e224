"""What `sonde serve` prints when it listens, and that a stop loses no request."""

import json
import resource
import signal
import socket
import sys
import urllib.error
import urllib.request

import pytest
from processes import ask, running, started
from sqlalchemy import text
from twins import TOKEN, fill, new_database

from sonde.cli import errors
from sonde.main import cli
from sonde.server import greeting
from sonde.server.kernel.db import Database
from sonde.server.settings import Settings, misspelled
from sonde.server.start import listen

pytestmark = pytest.mark.usefixtures("environment")


def greet(**settings):
    given = {"address": "http://127.0.0.1:8080", "dialect": "sqlite", "link_token": "t", "linked": True}
    given |= {key: settings.pop(key) for key in ("linked",) if key in settings}
    return list(greeting.lines(Settings(**settings), **given, misspelled=misspelled()))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("SONDE_PUBLICURL", "SONDE_PUBLICURL is no setting and changes nothing; SONDE_PUBLIC_URL is one."),
        ("SONDE_GITHUB_WEBHOOK_SECRETS", "SONDE_GITHUB_WEBHOOK_SECRET is one."),
        ("SONDE_SERVICE_HOST", None),  # Kubernetes sets such where a service is called sonde
        ("SONDE_PORT", None),
        ("SONDE_CRASH_AT", None),
    ],
)
def test_a_variable_that_is_nearly_a_setting_is_named_at_the_start(environment, name, said):
    environment.setenv(name, "x")
    greeted = greet()
    assert said in greeted[-1] if said else name not in str(greeted)


def test_a_first_start_says_how_to_link_a_repository():
    assert "sonde admin workspace create NAME" in greet(linked=False)[-1]
    assert "sonde admin" not in str(greet(linked=True))


def test_an_app_without_a_public_address_hears_where_its_links_would_lead(tmp_path):
    app = {"github_app_id": "1", "github_app_private_key_file": tmp_path / "key", "github_webhook_secret": "s"}
    assert "SONDE_PUBLIC_URL is not set: what is written on GitHub links to http://127.0.0.1:8080" in greet(**app)[-1]
    assert "SONDE_PUBLIC_URL" not in str(greet(**app, public_url="https://sonde.example.com"))


def test_the_password_of_the_pages_is_not_printed():
    told = str(greet(ui_token="hunter2", public_url="https://sonde.example.com"))
    assert ("Sign in at https://sonde.example.com/login with SONDE_UI_TOKEN" in told, "hunter2" in told) == (
        True,
        False,
    )


@pytest.mark.parametrize(
    ("listen", "address"),
    [("[::1]:8080", "http://[::1]:8080"), (":8080", "http://127.0.0.1:8080"), ("here:80", "http://here:80")],
)
def test_the_address_that_is_shown_can_be_opened(listen, address):
    settings = Settings(listen=listen)
    assert (settings.address(settings.port), settings.url) == (address, address)


@pytest.mark.parametrize("words", [["serve"], ["admin"]])
def test_the_help_shows_examples_a_line_each(words, capsys):
    assert errors.run(cli, [*words, "--help"], prog="sonde", env={}, stderr=sys.stderr) == 0
    out = capsys.readouterr().out.splitlines()
    after = out[out.index("  Examples:") + 1 :]
    assert after[0].startswith(f"    sonde {words[0]}")
    assert after[1].startswith(f"    sonde {words[0]}")


@pytest.mark.parametrize(
    ("kind", "told", "code"),
    [("sqlite", signal.SIGTERM, 0), ("postgresql", signal.SIGINT, 130), ("sqlite", signal.SIGHUP, 0)],
)
def test_a_server_without_an_app_serves_locks_says_what_is_missing_and_stops_when_told(kind, told, code, tmp_path):
    url = new_database(kind, tmp_path)
    if url is None:
        pytest.skip("no PostgreSQL binaries were found")
    with running(DATABASE_URL=url, begin=started) as (process, address, said):
        assert "need SONDE_GITHUB_APP_ID, SONDE_GITHUB_APP_PRIVATE_KEY_FILE, SONDE_GITHUB_WEBHOOK_SECRET" in said
        db = Database(url)
        fill(db)
        db.close()
        assert ask(address, "POST", "/api/v1/locks", {"key": "acme/infra/dev/vpc"})[0] == 200
        ready = ask(address, "GET", "/readyz")
        assert (ready[0], "SONDE_GITHUB_APP_ID" in ready[1]["github"]) == (200, True)
        process.send_signal(told)
        assert process.wait(timeout=20) == code


def test_a_request_that_is_under_way_at_sigterm_is_finished(tmp_path):
    url = new_database("sqlite", tmp_path)
    db = Database(url)
    fill(db)
    body = json.dumps({"key": "acme/infra/dev/slow"}).encode()
    with running(DATABASE_URL=url, begin=started) as (process, address, _):
        with socket.create_connection(("127.0.0.1", int(address.rpartition(":")[2])), timeout=20) as line:
            head = f"POST /api/v1/locks HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\nContent-Length: {len(body)}\r\n\r\n"
            line.sendall(head.encode() + body[:5])
            assert ask(address, "GET", "/readyz")[0] == 200  # so the server has read the half before the signal comes
            process.send_signal(signal.SIGTERM)
            refused_from_now_on(address)
            line.sendall(body[5:])
            answer = line.recv(65536).decode()
        assert process.wait(timeout=20) == 0
    assert answer.startswith("HTTP/1.1 200")
    with db.read() as tx:
        assert tx.one(text("SELECT count(*) FROM locks"))[0] == 1
    db.close()


def refused_from_now_on(address):
    for _ in range(2000):
        try:
            ask(address, "GET", "/healthz")
        except (urllib.error.URLError, ConnectionError):
            return
    raise AssertionError("the server still takes connections")


def test_the_server_takes_as_many_connections_as_the_machine_lets_it():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 1024), hard))
        with listen(Settings(listen="127.0.0.1:0")):
            assert resource.getrlimit(resource.RLIMIT_NOFILE) == (hard, hard)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
