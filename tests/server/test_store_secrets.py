"""Canary secrets go through every route, well and badly, and appear in no log line and no answer (T15)."""

import contextlib
import json

import pytest
from sqlalchemy import make_url, text
from sqlalchemy.exc import DBAPIError
from storm import stormy
from twins import API, BODIES, concrete
from world import WORKSPACE, World, forget_logs, item

from sonde.server.kernel import log as logs
from sonde.server.kernel.ids import new_secret
from sonde.server.kernel.log import scrub

PASSWORD = "canary-of-the-database"
UI_TOKEN = "canary-of-the-pages"


@pytest.fixture
def canaries(tmp_path, database_url, monkeypatch):
    """A world with a password in its database URL, logging as in production into `lines`, at debug level."""
    url = make_url(database_url)
    if url.get_backend_name() == "postgresql":
        database_url = url.set(password=PASSWORD).render_as_string(hide_password=False)
    lines = (tmp_path / "log").open("w+")
    monkeypatch.setattr("sys.stderr", lines)
    logs.configure(json_lines=True, level="debug")
    world = World(tmp_path, database_url, ui_token=UI_TOKEN)
    said = Canaries(world, lines)
    yield said
    world.close()
    forget_logs()
    lines.close()


class Canaries:
    def __init__(self, world, lines):
        self.world, self.lines, self.answers = world, lines, []
        key = world.sandbox.app_key_file.read_text().split("\n")[5]
        self.secrets = {
            "the webhook secret": world.sandbox.webhook_secret,
            "the database password": PASSWORD,
            "the token of the pages": UI_TOKEN,
            "the App's key": key,
        }

    def keep(self, name, secret):
        """Remember a secret, by its last part where it is a JWT: the rest of it is no secret."""
        self.secrets[name] = secret.rpartition(".")[2]
        return secret

    def ask(self, method, path, **more):
        answer = self.world.server.request(method, path, **more)
        self.answers.append(f"{json.dumps(answer.body)} {answer.headers}")
        return answer

    def every_route(self, token):
        for method, path in API:
            self.ask(method, concrete(path), body=BODIES.get(path), token=token)
            self.ask(method, concrete(path), raw=b"{", token=token)

    def exchange(self, token):
        return self.world.server.request(
            "POST", "/api/v1/auth/github-oidc", body={"token": token, "workspaceId": WORKSPACE}
        )

    def leaked(self):
        self.lines.flush()
        self.lines.seek(0)
        logged = self.lines.read()
        with self.world.db.read() as tx:
            for index, row in enumerate(tx.all(text("SELECT secret FROM signing_keys"))):
                self.secrets[f"session key {index}"] = row.secret
        github = self.world.server.site.loop.github
        self.secrets |= {f"installation token {n}": token for n, (token, _) in github._tokens.items()}
        assert logged.count("\n") > 3
        assert all(self.secrets.values())
        places = {"the log": logged, "an answer": "\n".join(self.answers)}
        return {
            (name, place) for name, value in self.secrets.items() for place, said in places.items() if value in said
        }


def test_a_story_that_goes_well_and_badly_leaves_no_secret_anywhere(canaries):
    world = canaries.world
    pull = world.open_pull_request()
    oidc = canaries.keep("an OIDC token", world.oidc(world.run_of("pull_request").run_id))
    session = canaries.keep("a session token", canaries.exchange(oidc).data["token"])
    canaries.answers.append(json.dumps(canaries.exchange(oidc).body))  # replayed
    canaries.answers.append(json.dumps(canaries.exchange(oidc[:-4] + "AAAA").body))
    canaries.answers.append(json.dumps(canaries.exchange(session).body))
    assert world.upload(pull.head_sha, [item("network")], session).status == 200
    world.settle()
    static = canaries.keep("a static token", world.static_token(secret=f"sonde_{new_secret()}"))
    for token in (session, static, static + "x", session + "x"):
        canaries.every_route(token)
    canaries.ask("POST", "/api/v1/locks", body={"key": static}, token=static)
    canaries.ask("GET", f"/login?token={UI_TOKEN}")
    canaries.ask("GET", "/readyz")
    canaries.ask("POST", "/webhooks/github", raw=b"{}", headers={"X-Hub-Signature-256": world.sandbox.webhook_secret})
    echoed = {("a static token", "an answer")}  # what a client sends as its key is named to that client in the refusal
    assert canaries.leaked() <= echoed


TABLES = ["tokens", "sessions", "locks", "uploads", "instances", "repositories", "used_jti"]
GONE = [(kind, table) for kind in ("sqlite", "postgresql") for table in TABLES]
ALWAYS = {("sqlite", "tokens"), ("sqlite", "locks"), ("postgresql", "sessions"), ("postgresql", "uploads")}


@pytest.mark.parametrize(("database_url", "table"), stormy(GONE, ALWAYS), indirect=["database_url"])
def test_a_server_error_on_every_route_tells_no_secret(canaries, table):
    world = canaries.world
    world.open_pull_request()
    run = world.run_of("pull_request").run_id
    session = canaries.keep("a session token", canaries.exchange(world.oidc(run)).data["token"])
    static = canaries.keep("a static token", world.static_token(secret=f"sonde_{new_secret()}"))
    oidc = canaries.keep("an OIDC token", world.oidc(run))
    with world.db.write("admin.change") as tx:
        tx.run(text(f"ALTER TABLE {table} RENAME TO gone"))
    for token in (session, static):
        canaries.every_route(token)
    canaries.answers.append(json.dumps(canaries.exchange(oidc).body))
    assert any('"status": 500' in answer for answer in canaries.answers)
    with contextlib.suppress(DBAPIError):  # where the loop itself reads the table
        world.settle()
    assert canaries.leaked() == set()


def test_a_session_key_that_cannot_be_stored_is_in_no_log_though_postgresql_quotes_the_row(canaries, monkeypatch):
    world = canaries.world
    world.open_pull_request()
    monkeypatch.setattr("sonde.server.auth.sessions.new_secret", lambda: "canary-of-a-session-key")
    canaries.secrets["the key"] = "canary-of-a-session-key"
    with world.db.write("admin.change") as tx:
        tx.run(text("ALTER TABLE signing_keys ADD COLUMN broken INTEGER CHECK (broken IS NOT NULL)"))
    answer = canaries.exchange(world.oidc(world.run_of("pull_request").run_id))
    canaries.answers.append(json.dumps(answer.body))
    assert answer.status == 500
    assert canaries.leaked() == set()


def test_a_handler_that_fails_on_a_delivery_logs_no_body(canaries):
    world = canaries.world
    with world.db.write("admin.change") as tx:
        tx.run(text("ALTER TABLE pull_requests ADD COLUMN broken INTEGER CHECK (broken IS NOT NULL)"))
    world.open_pull_request(title="canary-of-a-title")
    canaries.secrets["the title"] = "canary-of-a-title"
    assert canaries.leaked() == set()
    canaries.lines.seek(0)
    assert "delivery.crashed" in canaries.lines.read()


@pytest.mark.parametrize(
    "said",
    [
        "Authorization: Bearer abc.def-ghi",
        "token eyJhbGciOiJSUzI1NiJ9.eyJqdGkiOiIxIn0.c2lnbmF0dXJl was refused",
        "sonde_" + "Aa0_-" * 8 + "xyz in argv",
        'x\nDETAIL:  Key (sha256)=(abc.def-ghi) already exists.\nand "abc.def-ghi"',
        "x\nDETAIL:  Failing row contains (a,\nabc.def-ghi, b).\n[SQL: INSERT]",
    ],
)
def test_the_second_wall_takes_out_what_a_library_said(said):
    left = scrub(None, "error", {"event": "x", "exception": said})["exception"]
    for secret in ("abc.def-ghi", "c2lnbmF0dXJl", "Aa0_-Aa0_-"):
        assert secret not in left
    assert scrub(None, "info", {"event": "locks", "number": 7}) == {"event": "locks", "number": 7}
