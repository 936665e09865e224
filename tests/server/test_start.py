"""`sonde serve`: what keeps it from starting is one sentence and one exit code, and a stop loses no request."""

import json
import os
import re
import resource
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
from sonde.server.kernel.db import Database
from sonde.server.settings import Settings
from sonde.server.start import Exit, listen


@pytest.fixture(autouse=True)
def environment(monkeypatch, tmp_path):
    own_environment(monkeypatch, tmp_path)
    kept = signal.getsignal(signal.SIGTERM)
    yield monkeypatch
    signal.signal(signal.SIGTERM, kept)
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
    ],
)
def test_a_setting_of_no_sense_is_78_and_is_named(refusal, name, value):
    code, said = refusal(**{name: value})
    assert (code, f"SONDE_{name}" in said) == (Exit.CONFIG, True)


@pytest.mark.parametrize("words", [["serve"], ["admin"]])
def test_the_help_shows_examples_a_line_each(words, capsys):
    assert errors.run(cli, [*words, "--help"], prog="sonde", env={}, stderr=sys.stderr) == 0
    out = capsys.readouterr().out.splitlines()
    after = out[out.index("  Examples:") + 1 :]
    assert after[0].startswith(f"    sonde {words[0]}")
    assert after[1].startswith(f"    sonde {words[0]}")


@pytest.mark.parametrize(("kind", "told", "code"), [("sqlite", signal.SIGTERM, 0), ("postgresql", signal.SIGINT, 130)])
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
