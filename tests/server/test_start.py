"""`sonde serve`: what keeps it from starting is one sentence and one exit code, and a stop loses no request."""

import json
import os
import pwd
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from contextlib import contextmanager

import pytest
from commands import own_environment
from sqlalchemy import text
from twins import TOKEN, fill, new_database
from world import forget_logs

from sonde.cli import errors
from sonde.main import cli
from sonde.server import greeting
from sonde.server.kernel.db import Database
from sonde.server.settings import Settings, misspelled
from sonde.server.start import Exit, listen
from sonde.server.storage import next_step


@pytest.fixture(autouse=True)
def environment(monkeypatch, tmp_path):
    own_environment(monkeypatch, tmp_path)
    kept = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    yield monkeypatch
    for number, handler in kept.items():
        signal.signal(number, handler)
    forget_logs()  # `serve` writes to the stderr of its test, which is closed now


@pytest.fixture
def refusal(capsys, environment):
    """Run `sonde serve`, which must refuse; its exit code and its one sentence."""

    def run(*argv, **variables):
        for name, value in variables.items():
            environment.setenv(f"SONDE_{name}", str(value))
        with pytest.raises(SystemExit) as stopped:
            errors.run(cli, ["serve", "--listen", "127.0.0.1:0", *argv], prog="sonde", env={}, stderr=sys.stderr)
        out, err = capsys.readouterr()
        assert out == ""
        assert err.startswith("sonde serve: ")
        assert err.count("\n") == 1, err
        assert err.endswith(".\n")
        return stopped.value.code, err

    return run


@contextmanager
def running(*argv, **variables):
    """A server process; yields (process, address, what it said before)."""
    env = {**os.environ, **{f"SONDE_{name}": str(value) for name, value in variables.items()}}
    command = [sys.executable, "-m", "sonde.main", "serve", "--listen", "127.0.0.1:0", *argv]
    process = subprocess.Popen(command, env=env, stderr=subprocess.PIPE, text=True)
    said = ""
    try:
        for line in process.stderr:
            said += line
            if "engine.started" in line:
                break
        address = re.search(r"http://127\.0\.0\.1:\d+", said)
        assert address, said
        yield process, address.group(), said
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


def ask(address, method, path, body=None, token=TOKEN):
    request = urllib.request.Request(
        address + path,
        None if body is None else json.dumps(body).encode(),
        {"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
        method=method,
    )
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read())


def test_a_port_in_use_is_71(refusal):
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = f"127.0.0.1:{other.getsockname()[1]}"
        code, said = refusal("--listen", taken)
    assert code == Exit.PORT
    assert f"{taken} cannot be listened on (Address already in use)" in said


@pytest.mark.parametrize("listen", ["192.0.2.1:80", "no-such-host.invalid:80"])
def test_an_address_that_is_not_ours_is_71(refusal, listen):
    code, said = refusal("--listen", listen)
    assert (code, "--listen ADDRESS:PORT" in said) == (Exit.PORT, True)


@pytest.mark.parametrize(
    "listen", ["here", "127.0.0.1", "127.0.0.1:", "127.0.0.1:http", "127.0.0.1:65536", "[::1]:-1", ""]
)
def test_a_listen_address_that_is_none_is_78(refusal, listen):
    code, said = refusal("--listen", listen)
    assert (code, "ADDRESS:PORT" in said) == (Exit.CONFIG, True)


def test_a_data_folder_that_cannot_be_written_is_73(refusal, tmp_path):
    (tmp_path / "file").write_text("a file, no folder")
    code, said = refusal("--data-dir", str(tmp_path / "file" / "below"))
    assert code == Exit.DATA_DIR
    assert "cannot be written (Not a directory); set SONDE_DATA_DIR" in said


def test_a_second_process_on_one_data_folder_is_75(refusal):
    with running():
        code, said = refusal()
    assert (code, "another server uses the data folder" in said) == (Exit.SECOND_PROCESS, True)


def test_a_second_process_on_one_sqlite_file_is_75_whatever_its_data_folder(refusal, tmp_path):
    with running():
        link = tmp_path / "link.sqlite"
        link.symlink_to(tmp_path / "data" / "sonde.sqlite")
        for file in (tmp_path / "data" / "sonde.sqlite", link):
            code, said = refusal("--data-dir", str(tmp_path / "other"), DATABASE_URL=f"sqlite:///{file}")
            assert (code, f"another server uses the database {file}" in said) == (Exit.SECOND_PROCESS, True)


def test_what_a_server_makes_nobody_else_reads(tmp_path):
    with running():
        made = tmp_path / "data"
        assert {one.stat().st_mode & 0o077 for one in (made, *made.iterdir())} == {0}


def test_the_data_folder_is_free_again_once_its_server_was_killed():
    with running() as (process, _, _):
        process.kill()
    with running() as (_, address, _):
        assert ask(address, "GET", "/readyz")[0] == 200


@pytest.mark.parametrize(
    "url",
    [
        "nonsense",
        "mysql://u:hunter2@h/d",
        "postgresql+asyncpg://u:hunter2@h/d",
        "sqlite://",
        "postgresql://u:hunter2@h:port/d",
    ],
)
def test_a_database_url_that_is_none_is_78_and_shows_no_password(refusal, url):
    code, said = refusal(DATABASE_URL=url)
    assert (code, "SONDE_DATABASE_URL" in said, "hunter2" in said) == (Exit.CONFIG, True, False)


def test_a_database_that_does_not_answer_is_69_and_shows_no_password(refusal):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        code, said = refusal(DATABASE_URL=f"postgresql://sonde:hunter2@127.0.0.1:{port}/sonde")
    assert (code, "refused" in said, "hunter2" in said) == (Exit.DATABASE, True, False)


def test_a_database_file_that_cannot_be_made_is_69(refusal, tmp_path):
    code, said = refusal(DATABASE_URL=f"sqlite:///{tmp_path}/missing/sonde.sqlite")
    assert (code, "unable to open database file" in said) == (Exit.DATABASE, True)


def test_a_file_that_is_no_database_is_69(refusal, tmp_path):
    (tmp_path / "text").write_text("this is no database, but it is longer than a header of SQLite would be" * 20)
    code, said = refusal(DATABASE_URL=f"sqlite:///{tmp_path}/text")
    assert (code, "not a database" in said) == (Exit.DATABASE, True)


@pytest.mark.parametrize("file", ["sonde.sqlite", "sonde.sqlite-turn"])
def test_a_database_that_may_not_be_written_is_69_and_says_whose_it_is(tmp_path, file):
    with running():
        pass
    (tmp_path / "data" / file).chmod(0o400)
    done = subprocess.run(
        [*as_anybody(), sys.executable, "-m", "sonde.main", "serve", "--listen", "127.0.0.1:0"],
        env={**os.environ, "SONDE_UI_TOKEN": "let me in"},
        check=False,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr.count("\n")) == (Exit.DATABASE, 1), done.stderr
    me = pwd.getpwuid(os.getuid()).pw_name
    assert f"{file} belongs to {me} with mode 400, and {me} cannot write it" in done.stderr


def as_anybody():
    """What a command begins with so that the modes of files hold for it, even where root runs the tests."""
    if os.getuid():
        return []
    if not shutil.which("setpriv"):
        pytest.skip("root may write everything, and there is no setpriv to forbid it")
    return ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]


def test_a_disk_that_is_full_says_to_make_room():
    db = Database("sqlite:////nowhere/x")
    assert next_step(db, "database or disk is full") == "Make room on its disk."
    db.close()


def test_a_database_of_a_newer_version_is_69(refusal, database_url):
    set_revision(database_url, "9999")
    code, said = refusal(DATABASE_URL=database_url)
    assert code == Exit.DATABASE
    assert "schema 9999, which this version of Sonde does not know; run a newer one" in said


def set_revision(url, revision):
    db = Database(url)
    with db.write("admin.change") as tx:
        tx.run(text("UPDATE alembic_version SET version_num = :revision"), {"revision": revision})
    db.close()


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ({"GITHUB_APP_ID": 1}, "SONDE_GITHUB_APP_PRIVATE_KEY_FILE, SONDE_GITHUB_WEBHOOK_SECRET"),
        ({"GITHUB_APP_ID": 1, "GITHUB_WEBHOOK_SECRET": "s"}, "SONDE_GITHUB_APP_PRIVATE_KEY_FILE"),
    ],
)
def test_an_app_that_is_half_configured_is_78_and_names_the_rest(refusal, given, missing):
    code, said = refusal(**given)
    assert (code, f"set {missing} too" in said) == (Exit.CONFIG, True)


def test_the_demand_of_live_runs_without_an_app_is_78(refusal):
    code, said = refusal(OIDC_LIVE_RUNS="true")
    assert (code, "SONDE_OIDC_LIVE_RUNS" in said, "SONDE_GITHUB_APP_ID" in said) == (Exit.CONFIG, True, True)


@pytest.mark.parametrize(
    "content",
    [None, b"", b"no key", b"\xff\xfe\x00", b"-----BEGIN RSA PRIVATE KEY-----\nMIIB\n-----END RSA PRIVATE KEY-----\n"],
)
def test_a_key_file_that_holds_no_key_is_78(refusal, tmp_path, content):
    file = tmp_path / "app.pem"
    if content is not None:
        file.write_bytes(content)
    code, said = refusal(GITHUB_APP_ID=1, GITHUB_WEBHOOK_SECRET="s", GITHUB_APP_PRIVATE_KEY_FILE=file)
    assert (code, f"SONDE_GITHUB_APP_PRIVATE_KEY_FILE names {file}" in said) == (Exit.CONFIG, True)


@pytest.mark.parametrize("content", [None, b"", b"no certificate"])
def test_a_ca_file_that_holds_no_certificate_is_78(refusal, tmp_path, content):
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_bytes(content)
    code, said = refusal(CA_FILE=file)
    assert (code, f"SONDE_CA_FILE names {file}" in said) == (Exit.CONFIG, True)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LOG_LEVEL", "loud"),
        ("POLL_SECONDS", "often"),
        ("POLL_SECONDS", "0"),
        ("POLL_SECONDS", "nan"),
        ("DELIVERY_BODY_DAYS", "-1"),
        ("LOG_JSON", "perhaps"),
        ("GITHUB_APP_ID", "my-app"),
        ("PUBLIC_URL", "sonde.example.com"),
        ("PUBLIC_URL", "https://"),
        ("PUBLIC_URL", "https://example.com/sonde"),
        ("PUBLIC_URL", "https://example.com:port"),
        ("GITHUB_API_URL", "api.github.com"),
        ("OIDC_ISSUERS", "https://token.actions.githubusercontent.com,token.example.com"),
    ],
)
def test_a_setting_of_no_sense_is_78_and_is_named(refusal, name, value):
    code, said = refusal(**{name: value})
    assert (code, f"SONDE_{name}" in said) == (Exit.CONFIG, True)


@pytest.mark.parametrize(
    ("name", "value"),
    [("LOG_LEVEL", "INFO"), ("GITHUB_APP_ID", "Iv23liAbc.d"), ("PUBLIC_URL", "https://sonde.example.com/")],
)
def test_a_setting_in_another_spelling_is_taken(environment, name, value):
    environment.setenv(f"SONDE_{name}", value)
    assert getattr(Settings(), name.lower())


def test_who_has_no_home_is_told_to_name_a_data_folder(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_A_HOME],
        env={"PATH": os.environ["PATH"]},
        check=False,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr.count("\n")) == (Exit.CONFIG, 1), done.stderr
    assert "SONDE_DATA_DIR: this user has no home folder" in done.stderr


WITHOUT_A_HOME = """
import pwd, sys
pwd.getpwuid = lambda number: {}[number]  # as for the users of containers
from sonde.server.main import load
load({})
"""


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


def greet(**settings):
    given = {"address": "http://127.0.0.1:8080", "dialect": "sqlite", "link_token": "t", "linked": True}
    given |= {key: settings.pop(key) for key in ("linked",) if key in settings}
    return list(greeting.lines(Settings(**settings), **given, misspelled=misspelled()))


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
    with running(DATABASE_URL=url) as (process, address, said):
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
    with running(DATABASE_URL=url) as (process, address, _):
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
