"""The provider that the consumer's contract speaks of: a live server, the offline GitHub, and a door in front of both.

The contract's bearers and its OIDC token are only examples. The door puts in their place what a real job would hold, and
leads `GET /token`, which is GitHub's, to the offline GitHub.
"""

import http.client
import json
import ssl
import urllib.request
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from urllib.parse import urlsplit

from loopback import served
from world import FILES, World, link_with_everything

from sonde.server.locks import store as locks
from sonde.server.workspaces import store as workspaces
from sonde.server.workspaces.model import Repository, Workspace

STATE = "/state"  # where the verifier says what must be true before an interaction
WORKSPACE, BEARER, KEY = "workspace-uuid-1234", "test-token", "org/repo/dev/vpc"


class Provider(World):
    """`org/repo` with a pull request from branch main into trunk, and the token `test-token` for its workspace."""

    def __init__(self, folder, database_url):
        super().__init__(folder, database_url)
        made = self.github.create_repository("org/repo", {**FILES, "old.txt": "old"}, default_branch="trunk")
        installation = self.github.install("org")
        self.github.grant(made, "octo-dev", "write")
        owner = self.github.records.accounts["org"].id
        with self.db.write("admin.change") as tx:
            workspaces.put_workspace(tx, Workspace(WORKSPACE, WORKSPACE))
            link = Repository("repo_pact", WORKSPACE, made.id, owner, "org", "repo", installation.id)
            link_with_everything(tx, link)
        self.static_token(repository=False, workspace=WORKSPACE, secret=BEARER)
        self.github.commit(made, "main", {"feature.txt": "a change"}, author="octo-dev")
        self.github.open_pull_request(made, head="main", author="octo-dev")
        self.settle()
        self.run = self.run_of("pull_request", head_ref="main").run_id
        self.bearer, self.oidc_token = BEARER, ""

    def states(self):
        """The provider states of the contract, each as what makes it true."""
        return {
            "workspace exists and accepts affected stacks": self.nothing,
            "workspace exists and accepts drift detection instances": self.nothing,
            "workspace exists and instance exists for owner/repo": self.instance,
            "workspace exists and stack is unlocked": self.unlocked,
            "workspace exists and stack is locked": self.locked,
            "workspace exists and GitHub App is authorized": self.job,
            "OIDC token is valid and workspace exists": self.token,
            "GitHub Actions OIDC endpoint is available": self.nothing,
        }

    def nothing(self):
        self.bearer = BEARER

    def instance(self):
        self.nothing()
        item = {"component": "vpc", "stack": "dev-us-east-1", "component_type": "terraform"}
        body = {"repo_owner": "org", "repo_name": "repo", "instances": [item]}
        assert self.server.request("POST", "/api/v1/instances", body=body, token=BEARER).status == 200
        self.settle()

    def unlocked(self):
        self.nothing()
        with self.db.write("admin.change") as tx:
            tx.run(locks.locks.delete())

    def locked(self):
        self.unlocked()
        assert self.server.request("POST", "/api/v1/locks", body={"key": KEY}, token=BEARER).status == 200

    def job(self):
        body = {"token": self.oidc(self.run), "workspaceId": WORKSPACE}
        self.bearer = self.server.request("POST", "/api/v1/auth/github-oidc", body=body).data["token"]

    def token(self):
        self.oidc_token = self.oidc(self.run)

    def github_token(self, query):
        """What GitHub's own endpoint answers to a job that asks for a token: status, headers, body."""
        grant = self.runs.requests[self.run].oidc(self.runs.begin(self.run))
        asked = urllib.request.Request(f"{grant.url}&{query}", headers={"Authorization": f"Bearer {grant.token}"})
        trusted = ssl.create_default_context(cafile=str(self.sandbox.ca_file))
        with urllib.request.urlopen(asked, context=trusted) as answer:
            return answer.status, dict(answer.headers), answer.read()

    def ours(self, method, path, headers, body):
        """What our server answers, with a real job's credentials in the place of the examples."""
        headers = {name: value for name, value in headers.items() if name.lower() not in ("host", "content-length")}
        if "authorization" in {name.lower() for name in headers}:
            headers = {name: value for name, value in headers.items() if name.lower() != "authorization"}
            headers["Authorization"] = f"Bearer {self.bearer}"
        if path.endswith("/auth/github-oidc"):
            body = json.dumps({**json.loads(body), "token": self.oidc_token}).encode()
        line = http.client.HTTPConnection(urlsplit(self.server.url).netloc, timeout=30)
        try:
            line.request(method, path, body, headers)
            answer = line.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        finally:
            line.close()


@contextmanager
def door(provider, spoil=lambda _path, answer: answer):
    """The address that the verifier asks; `spoil` may change an answer, for a check of the check."""

    class Handler(BaseHTTPRequestHandler):
        def answered(self):
            address = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if address.path == STATE:
                provider.states()[json.loads(body)["state"]]()
                answer = 200, {"Content-Type": "application/json"}, b"{}"
            elif address.path == "/token":
                answer = provider.github_token(address.query)
            else:
                answer = provider.ours(self.command, self.path, dict(self.headers), body)
            status, headers, text = spoil(address.path, answer)
            self.send_response(status)
            for name, value in headers.items():
                if name.lower() not in ("content-length", "connection", "date", "server"):
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_):
            pass

    for method in ("GET", "POST", "PATCH", "DELETE"):
        setattr(Handler, f"do_{method}", Handler.answered)
    with served(Handler) as address:
        yield address
