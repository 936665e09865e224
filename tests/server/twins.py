"""One bare server on SQLite and one on PostgreSQL, side by side: no GitHub, one workspace, one linked repository, one token."""

import os
import uuid
from dataclasses import dataclass
from urllib.parse import quote

import psycopg
from world import WORKSPACE, Server

from sonde.server.auth import store as auth
from sonde.server.migrate import upgrade
from sonde.server.settings import Settings
from sonde.server.wiring import EXCHANGE, ROUTES
from sonde.server.workspaces import store as workspaces
from sonde.server.workspaces.model import Repository, Workspace

SECRET = "it's a secret to everybody"
TOKEN = "a-static-token-of-the-twins"
KEY = "acme/infra/dev/vpc"
BODIES = {
    "locks": {"key": KEY, "ttl": 30, "lockMessage": "here", "properties": {"a": 1}},
    "locks/all": {"keys": [KEY, KEY + "-2"], "ttl": 30, "lockMessage": "here"},
    "locks/wait": {"key": KEY, "ttl": 30, "lockMessage": "here", "waiter": "w-1"},
    "affected-stacks": {
        "head_sha": "a" * 40,
        "base_sha": "b" * 40,
        "repo_owner": "acme",
        "repo_name": "infra",
        "stacks": [{"component": "vpc", "stack": "dev", "settings": {"pro": {}}, "dependents": []}],
    },
    "instances": {
        "repo_owner": "acme",
        "repo_name": "infra",
        "instances": [{"component": "vpc", "stack": "dev", "component_type": "terraform", "settings": {"pro": {}}}],
        "batch_id": "b-1",
        "batch_index": 0,
        "batch_total": 1,
    },
    "atmos/exec": {
        "execution_id": "e-1",
        "command": "terraform plan",
        "args": ["vpc"],
        "exit_code": 0,
        "repo_owner": "acme",
        "repo_name": "infra",
        "metrics": {"wall_time_ms": 1},
        "data": {"version": 1, "components": [{"component": "vpc", "stack": "dev", "exit_code": 2}]},
    },
    "atmos/exec/data": {"execution_id": "e-1", "data": {"version": 1, "instances": []}},
    "repos/{owner}/{repo}/instances/{stack}/{component:path}": {"status": "drifted"},
    "repos/{owner:path}/{repo}/instances": {"command": "plan", "exit_code": 0, "last_run": "2026-11-23T10:00:00Z"},
    "git/commit": {
        "branch": "feature",
        "changes": {"additions": [{"path": "a.tf", "contents": "YQ=="}], "deletions": [{"path": "b.tf"}]},
        "commitMessage": "Format",
        "comment": "done",
    },
    "sts": {"sources": ["acme/modules"], "policyName": "default"},
    "auth/github-oidc": {"token": "a.b.c", "workspaceId": WORKSPACE},
}
API = tuple((method, path) for method, path, *_ in [EXCHANGE, *((r.method, r.path) for r in ROUTES)])


def concrete(path, owner="acme", repo="infra", number="1", stack="dev", component="vpc"):
    """A route's path as a client asks for it."""
    given = {"{owner:path}": owner, "{owner}": owner, "{repo}": repo, "{number}": number, "{result}": number}
    for name, value in {**given, "{stack}": stack, "{component:path}": component}.items():
        path = path.replace(name, quote(value, safe="%"))
    query = f"?stack={stack}&component={component}" if path.endswith("instances") else ""
    return f"/api/v1/{path}{query}"


def new_database(kind, folder):
    """The URL of an empty database without tables, or None where there is no PostgreSQL."""
    if kind == "sqlite":
        return f"sqlite:///{folder / 'empty.sqlite'}"
    base = os.environ.get("SONDE_TEST_PG_URL_OF_RUN", "")
    if not base:
        return None
    name = f"own_{uuid.uuid4().hex}"
    with psycopg.connect(base + "postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return base + name


def bare_server(folder, url, **settings):
    """A server without an App on a new database, with the workspace, the repository and the token that BODIES need."""
    given = {"data_dir": folder, "database_url": url, "github_webhook_secret": SECRET, "failures_at_once": 0}
    return Server(Settings(**given | settings), prepare=fill)


def fill(db):
    upgrade(db)
    with db.write("admin.change") as tx:
        workspaces.put_workspace(tx, Workspace(WORKSPACE, "test"))
        workspaces.put_repository(tx, Repository("repo_1", WORKSPACE, 1, 2, "acme", "infra", None))
        auth.put_token(tx, auth.StaticToken("tok_1", WORKSPACE, None, "twins", tx.now + 86_400_000), TOKEN)


@dataclass
class Twins:
    """The two servers by kind of database; one where no PostgreSQL was found."""

    servers: dict

    @classmethod
    def start(cls, folder):
        urls = {kind: new_database(kind, folder) for kind in ("sqlite", "postgresql")}
        return cls({kind: bare_server(folder, url) for kind, url in urls.items() if url})

    def ask(self, method, path, **more):
        """The answer of the first, after both gave the same status."""
        answers = {kind: server.request(method, path, **more) for kind, server in self.servers.items()}
        statuses = {kind: answer.status for kind, answer in answers.items()}
        assert len(set(statuses.values())) == 1, (statuses, {k: a.body for k, a in answers.items()})
        return next(iter(answers.values()))

    def stop(self):
        for server in self.servers.values():
            server.stop()
