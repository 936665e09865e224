"""A world with one repository, the same world served, a client held to GitHub's description, and a webhook receiver."""

import hashlib
import hmac
import json
import shutil
import ssl
import threading
import time
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx2
import jwt
import published
import pytest

from sonde.sandbox.executor import RecordingExecutor
from sonde.sandbox.server import Sandbox
from sonde.sandbox.world import World

PLAN = """\
name: Plan
run-name: plan ${{ inputs.component }} ${{ inputs.stack || 'nowhere' }}
on:
  workflow_dispatch:
    inputs:
      component: {required: true}
      stack: {required: false}
      fast: {type: boolean}
      size: {type: choice, options: [small, big]}
jobs:
  plan:
    runs-on: ubuntu-latest
    permissions: {id-token: write}
    steps:
      - run: echo planned
"""
AFFECTED = """\
name: Affected
on:
  pull_request:
    types: [opened, synchronize, reopened]
    branches: [main]
jobs:
  affected:
    runs-on: ubuntu-latest
    steps:
      - run: echo looked
"""
CLOSED = """\
on:
  pull_request: {types: [closed]}
jobs:
  closed:
    runs-on: ubuntu-latest
    steps:
      - run: echo closed
"""
FILES = {
    "README.md": "hello\n",
    "stacks/dev.yaml": "vars: {}\n",
    ".github/workflows/plan.yaml": PLAN,
    ".github/workflows/affected.yaml": AFFECTED,
    ".github/workflows/closed.yaml": CLOSED,
}


class Clock:
    """A world's time: the real one at the start, then moved by hand."""

    def __init__(self):
        self.moment = datetime.now(UTC).replace(microsecond=0)

    def __call__(self):
        return self.moment

    def advance(self, **delta):
        self.moment += timedelta(**delta)


def furnish(world):
    """acme/infra with the App installed and octo-dev as a writer."""
    infra = world.create_repository("acme/infra", FILES, vars={"ATMOS_PRO_WORKSPACE_ID": "ws_1"})
    world.install("acme")
    world.grant(infra, "octo-dev", "write")
    return world


@pytest.fixture(scope="session")
def template(tmp_path_factory):
    """A furnished world's folder; making its keys is what takes the time."""
    folder = tmp_path_factory.mktemp("template")
    with Sandbox.start(folder, executor=RecordingExecutor()) as sandbox:
        furnish(sandbox.world)
    return folder


@pytest.fixture
def folder(template, tmp_path):
    return shutil.copytree(template, tmp_path / "github")


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def world(folder, clock):
    world = World.load(folder, now=clock)
    world.executor = RecordingExecutor()
    return world


@pytest.fixture
def infra(world):
    return world.repository("acme/infra")


@pytest.fixture
def github(folder, clock):
    with Sandbox.start(folder, executor=RecordingExecutor(), now=clock) as sandbox:
        yield sandbox
    assert not sandbox.world.unknown_requests


class Client:
    """The App as a client. Every exchange is held against GitHub's OpenAPI description."""

    def __init__(self, sandbox):
        self.sandbox = sandbox
        context = ssl.create_default_context(cafile=sandbox.ca_file)
        self.http = httpx2.Client(verify=context, trust_env=False, timeout=20)
        self.token = None

    def app_jwt(self, **claims):
        now = int(self.sandbox.world.now().timestamp())
        facts = {"iss": str(self.sandbox.app_id), "iat": now - 60, "exp": now + 540} | claims
        return jwt.encode(facts, self.sandbox.app_key_file.read_text(), algorithm="RS256")

    def as_app(self, method, path, **options):
        return self.request(method, path, bearer=self.app_jwt(), **options)

    def installation_token(self, **body):
        number = next(iter(self.sandbox.world.records.installations))
        return self.as_app("POST", f"/app/installations/{number}/access_tokens", json=body)

    def request(self, method, path, *, bearer=None, json=None, headers=None, params=None):
        if bearer is None:
            self.token = self.token or self.installation_token().json()["token"]
            bearer = self.token
        headers = {"Authorization": f"Bearer {bearer}"} | (headers or {})
        url = self.sandbox.api_url + path
        answer = self.http.request(method, url, json=json, headers=headers, params=params)
        raw = "raw" in answer.headers.get("content-type", "")
        if not raw:
            got = answer.json() if answer.content else None
            published.check_exchange(method, path, json, answer.status_code, got)
        return answer

    def get(self, path, **options):
        return self.request("GET", path, **options)

    def post(self, path, json=None, **options):
        return self.request("POST", path, json=json, **options)

    def patch(self, path, json=None, **options):
        return self.request("PATCH", path, json=json, **options)

    def dispatch(self, workflow="plan.yaml", ref="main", **inputs):
        body = {"ref": ref, "inputs": inputs, "return_run_details": True}
        return self.post(f"/repos/acme/infra/actions/workflows/{workflow}/dispatches", body)


@pytest.fixture
def client(github):
    client = Client(github)
    yield client
    client.http.close()


class Sink:
    """Somebody's webhook endpoint: keeps what arrives if the signature is right, answers `status`."""

    def __init__(self, secret):
        self.secret = secret
        self.status = 202
        self.arrived = []  # (guid, event, payload)
        self.forged = 0
        sink = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                sink.take(self.headers, body)
                self.send_response(sink.status)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_):
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02})
        self.thread.start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/webhooks"

    def take(self, headers, body):
        expected = "sha256=" + hmac.new(self.secret.encode(), body, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(expected, headers["x-hub-signature-256"]):
            self.forged += 1
            return
        self.arrived.append((headers["x-github-delivery"], headers["x-github-event"], json.loads(body)))

    def names(self):
        return [f"{event}.{payload.get('action', '')}".rstrip(".") for _, event, payload in self.arrived]

    def stop(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def sink(github):
    sink = Sink(github.webhook_secret)
    github.world.set_webhook(sink.url)
    yield sink
    sink.stop()
    assert not sink.forged


@pytest.fixture
def pull(github):
    """An open pull request of octo-dev's on the served world."""
    world = github.world
    world.commit("acme/infra", "feature", {"stacks/dev.yaml": "vars: {a: 1}\n"}, "Set a", author="octo-dev")
    return world.open_pull_request("acme/infra", head="feature", author="octo-dev")


@pytest.fixture
def elapsed():
    start = time.monotonic()
    return lambda: time.monotonic() - start
