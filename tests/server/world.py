"""A real server on a real database beside the offline GitHub; the loop is pumped by the test, never by a clock."""

import itertools
import json
import os
import urllib.error
import urllib.request
from dataclasses import dataclass

import pytest
import structlog
import uvicorn

from sonde.sandbox.executor import RecordingExecutor
from sonde.sandbox.served import Served
from sonde.sandbox.server import Sandbox
from sonde.server import jobs
from sonde.server.app import make_app
from sonde.server.auth import permissions
from sonde.server.auth.model import Grant, Permission
from sonde.server.kernel.log import log
from sonde.server.kernel.quick import quick
from sonde.server.kernel.tx import Tx
from sonde.server.settings import Settings
from sonde.server.wiring import build
from sonde.server.workspaces import store as workspaces
from sonde.server.workspaces.model import Repository, Workspace

WORKSPACE = "ws_test"
PLAN = """\
name: plan
run-name: plan ${{ inputs.component }} ${{ inputs.stack }} ${{ inputs.atmos_pro_run_id }}
on:
  workflow_dispatch:
    inputs:
      component: {required: true}
      stack: {required: true}
      sha: {}
      atmos_pro_run_id: {}
permissions: {id-token: write}
jobs:
  plan:
    runs-on: ubuntu-latest
    steps: [{run: "true"}]
"""
AFFECTED = """\
name: affected
on:
  pull_request: {types: [opened, synchronize, reopened, closed]}
permissions: {id-token: write, contents: read}
jobs:
  affected:
    runs-on: ubuntu-latest
    steps: [{run: "true"}]
"""
FILES = {
    ".github/workflows/affected.yaml": AFFECTED,
    "README.md": "infra",
    ".github/workflows/plan.yaml": PLAN,
    ".github/workflows/apply.yaml": PLAN.replace("plan", "apply"),
}


def link_with_everything(tx, repository):
    """Link a repository; its jobs may do what each gets by default, and what an administrator must give."""
    permissions.link(tx, repository)
    for more in (Permission.GIT_COMMIT, Permission.STS_MINT):
        permissions.add(tx, Grant(f"perm_{more}_{repository.id}", repository.id, more))


def forget_logs():
    """Log as if nothing had been configured: the stderr of a test is closed when the next one logs."""
    structlog.reset_defaults()
    vars(log).pop("bind", None)  # the logger that was kept (cache_logger_on_first_use)


class ManualEngine:
    """An engine that never pumps by itself."""

    def start(self):
        pass

    def nudge(self):
        pass

    def arrived(self):
        pass

    def stop(self):
        pass


@dataclass
class Answer:
    status: int
    body: dict
    headers: dict

    @property
    def data(self):
        return self.body.get("data") or {}


def built(settings):
    """A site that trusts its sandbox alone: the system's roots take longer to read than most tests last."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", os.devnull)
        patch.setenv("SSL_CERT_DIR", os.devnull)
        return build(settings)


class Server:
    """The app behind a real socket."""

    def __init__(self, settings, prepare=None):
        self.site = built(settings)
        if prepare:
            prepare(self.site.db)
        app = make_app(self.site, ManualEngine())
        self._served = Served(
            uvicorn.Config(
                app,
                http=quick(app.doors),
                ws="none",
                port=0,
                host="127.0.0.1",
                log_config=None,
                proxy_headers=False,
                lifespan="on",
            ),
            "server-under-test",
        )
        self.url = f"http://127.0.0.1:{self._served.port}"

    def request(self, method, path, *, body=None, raw=None, token=None, headers=None):
        data = raw if raw is not None else json.dumps(body).encode() if body is not None else None
        head = {
            "Content-Type": "application/json",
            **({"Authorization": f"Bearer {token}"} if token else {}),
            **(headers or {}),
        }
        request = urllib.request.Request(self.url + path, data=data, method=method, headers=head)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                status, text, got = answer.status, answer.read(), dict(answer.headers)
        except urllib.error.HTTPError as error:
            with error:
                status, text, got = error.code, error.read(), dict(error.headers)
        return Answer(status, json.loads(text) if text.startswith(b"{") else {"text": text.decode()}, got)

    def stop(self):
        self._served.stop()


def settings_beside(sandbox, folder, database_url):
    """The settings with which a server takes this offline GitHub for GitHub."""
    return {
        "data_dir": folder,
        "database_url": database_url,
        "oidc_issuers": (sandbox.issuer_url,),
        "ca_file": sandbox.ca_file,
        "github_api_url": sandbox.api_url,
        "github_app_id": str(sandbox.app_id),
        "github_app_private_key_file": sandbox.app_key_file,
        "github_webhook_secret": sandbox.webhook_secret,
    }


class World:
    """Everything a story needs: `github` (offline), `server`, one workspace, one linked repository `acme/infra`."""

    def __init__(self, folder, database_url, **settings):
        self.runs = RecordingExecutor()
        self.sandbox = Sandbox.start(folder / "github", executor=self.runs, persist=False)
        self.github = self.sandbox.world
        self.infra = self.github.create_repository("acme/infra", dict(FILES))
        self.installation = self.github.install("acme")
        self.github.grant(self.infra, "octo-dev", "write")
        given = {
            **settings_beside(self.sandbox, folder, database_url),
            "dispatch_settle_seconds": 0.2,
            "failures_at_once": 0,  # stories fail from one address; test_strangers.py bounds it
        }
        self.server = Server(Settings(**given | settings))
        self.github.set_webhook(self.server.url + "/webhooks/github")
        self.db = self.server.site.db
        with self.db.write("admin.change") as tx:
            workspaces.put_workspace(tx, Workspace(WORKSPACE, "test"))
            infra, owner = self.infra, self.github.records.accounts["acme"]
            self.repository = Repository("repo_1", WORKSPACE, infra.id, owner.id, "acme", "infra", self.installation.id)
            link_with_everything(tx, self.repository)

    def settle(self):
        """Deliver webhooks and pump until nothing moves."""
        self.sandbox.settle()
        while jobs.pump(self.server.site.loop):
            self.sandbox.settle()

    def advance_clock(self, seconds):
        self.db.clock_offset += int(seconds * 1000)

    def hold_clock(self):
        """From now on the database's clock moves by `advance_clock`, and a millisecond in each transaction: not with ours."""
        held = itertools.count(self.db.clock() - self.db.clock_offset)
        self.db._tx = lambda connection: Tx(connection, next(held) + self.db.clock_offset)

    def open_pull_request(self, branch="feature", author="octo-dev", **more):
        self.github.commit(self.infra, branch, {f"{branch}.txt": "a change"}, author="octo-dev")
        pull = self.github.open_pull_request(self.infra, head=branch, author=author, **more)
        self.settle()
        return pull

    def run_of(self, event="pull_request", **facts):
        """The newest run that GitHub started for an event, as the executor got it."""
        return [
            item
            for item in self.runs.requests.values()
            if item.event_name == event and all(getattr(item, k) == v for k, v in facts.items())
        ][-1]

    def oidc(self, run_id, audience="atmos-pro.com"):
        """A GitHub OIDC token of a job of a run, minted as a job does it."""
        facts = self.runs.begin(run_id)
        grant = self.runs.requests[run_id].oidc(facts)
        import ssl

        context = ssl.create_default_context(cafile=str(self.sandbox.ca_file))
        request = urllib.request.Request(
            f"{grant.url}&audience={audience}", headers={"Authorization": f"Bearer {grant.token}"}
        )
        with urllib.request.urlopen(request, context=context) as answer:
            return json.loads(answer.read())["value"]

    def session(self, run_id):
        answer = self.server.request(
            "POST", "/api/v1/auth/github-oidc", body={"token": self.oidc(run_id), "workspaceId": WORKSPACE}
        )
        assert answer.status == 200, answer.body
        return answer.data["token"]

    def upload(self, head_sha, items, token, base_sha="b" * 40):
        body = {
            "head_sha": head_sha,
            "base_sha": base_sha,
            "repo_owner": "acme",
            "repo_name": "infra",
            "repo_url": "",
            "repo_host": "github.com",
            "stacks": items,
        }
        return self.server.request("POST", "/api/v1/affected-stacks", body=body, token=token)

    def static_token(self, repository=True, days=1, workspace=WORKSPACE, secret=None):
        from sonde.server.auth import store
        from sonde.server.kernel.ids import new_id, new_secret

        secret = secret or new_secret()
        with self.db.write("admin.change") as tx:
            store.put_token(
                tx,
                store.StaticToken(
                    new_id("tok", tx.now),
                    workspace,
                    self.repository.id if repository else None,
                    "test",
                    tx.now + days * 86_400_000,
                ),
                secret,
            )
        return secret

    def dispatched(self):
        """(component, stack) of every dispatched run, in order."""
        return [
            (item.inputs["component"], item.inputs["stack"])
            for item in self.runs.requests.values()
            if item.event_name == "workflow_dispatch"
        ]

    def dispatch_runs(self):
        return {
            f"{item.inputs['stack']}/{item.inputs['component']}": run
            for run, item in self.runs.requests.items()
            if item.event_name == "workflow_dispatch"
        }

    def check(self, sha):
        found = self.github.check_runs(self.infra, sha, name="Atmos Pro")
        assert len(found) == 1, found
        return found[0]

    def comment(self, number):
        found = self.github.comments(self.infra, number)
        assert len(found) == 1, found
        return found[0].body

    def close(self):
        self.server.stop()
        self.sandbox.stop()
        assert not self.github.unknown_requests


def item(
    component,
    stack="dev",
    dependents=(),
    workflow="plan.yaml",
    activities=("opened", "synchronize", "reopened"),
    **more,
):
    """An affected instance as a client uploads it."""
    inputs = {"component": "{{ .atmos_component }}", "stack": "{{ .atmos_stack }}"}
    pro = {
        "enabled": True,
        "pull_request": {activity: {"workflows": {workflow: {"inputs": inputs}}} for activity in activities},
    }
    pro["pull_request"]["merged"] = {"workflows": {"apply.yaml": {"inputs": inputs}}}
    return {
        "component": component,
        "stack": stack,
        "included_in_dependents": False,
        "dependents": list(dependents),
        "settings": {"pro": pro},
        "component_type": "",
        "component_path": "",
        "stack_slug": "",
        "affected": "",
        "affected_all": None,
        **more,
    }


__all__ = ["FILES", "WORKSPACE", "World", "item"]
