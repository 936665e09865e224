"""The crash story: a server in a process of its own that is killed at one point, started again, and driven to the end."""

import http.client
import itertools
import json
import multiprocessing
import ssl
import threading
import urllib.error
import urllib.request

from ports import kept_port
from sqlalchemy import text
from world import FILES, WORKSPACE, item, link_with_everything, settings_beside

from sonde.sandbox.executor import RecordingExecutor
from sonde.sandbox.server import Sandbox
from sonde.server.kernel.db import Database
from sonde.server.workspaces import store as workspaces
from sonde.server.workspaces.model import Repository, Workspace

DEADLINE = 120.0  # seconds for one story, which takes about one: a bound for what hangs, not for a busy machine
ENDED = text("UPDATE effects SET lease_until = 0 WHERE state = 'sending' AND lease_until - sending_since = :lease")
_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload(["sonde.main", "sonde.start", "sonde.server.main", "sonde.server.schema", "crash"])


def serve(given, port, arm):
    """What the child does: `sonde serve`, with a crash point armed."""
    import os
    import sys

    from sonde.server import main, storage
    from sonde.server.kernel import log, points
    from sonde.server.settings import Settings

    sys.stderr = (given["data_dir"] / "serve.log").open("a")
    points.arm(**arm)
    os.environ |= {
        "SSL_CERT_FILE": os.devnull,
        "SSL_CERT_DIR": os.devnull,
    }  # it trusts the sandbox alone (`world.built`)
    os.environ |= {
        "SONDE_CRASH_AT": arm.get("crash_at", ""),
        "SONDE_TRACE_POINTS": arm.get("trace_to", ""),
    }  # for its writers
    settings = Settings(**given, listen=f"127.0.0.1:{port}")
    log.configure(json_lines=True)
    with storage.data_folder(settings):
        main._run(settings)


def answered(request):
    """Status and body, whatever the status."""
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read())


class Story:
    """One pull request, two instances in order, a lock, against a server that may die at any point."""

    def __init__(self, folder, database_url, *, crash_at=(), trace_to=""):
        self.folder = folder
        self.sandbox = Sandbox.start(folder / "github", executor=RecordingExecutor(), persist=False)
        self.github, self.runs = self.sandbox.world, self.sandbox.executor
        self.infra = self.github.create_repository("acme/infra", dict(FILES))
        installation = self.github.install("acme")
        self.github.grant(self.infra, "octo-dev", "write")
        self.port = kept_port()
        self.given = {
            **settings_beside(self.sandbox, folder, database_url),
            "dispatch_settle_seconds": 0.3,
            "poll_seconds": 0.05,
        }
        self.crash_at, self.trace_to = list(crash_at), trace_to  # one point per process, until the list is used up
        db = Database(database_url)
        with db.write("admin.change") as tx:
            workspaces.put_workspace(tx, Workspace(WORKSPACE, "test"))
            owner = self.github.records.accounts["acme"].id
            link_with_everything(
                tx, Repository("repo_1", WORKSPACE, self.infra.id, owner, "acme", "infra", installation.id)
            )
        self.db = db
        self.process = None
        self.exits = []  # the exit code of each server that ended
        self.leases, self.dead = itertools.count(120), []  # seconds: of each server another, and those of the dead
        self.done = {"upload": False, "lock": False, "unlock": False}
        self.reported = set()

    def keep_alive(self):
        """Start the server if it does not run."""
        self.process = self.living(self.process, self.given, self.port, self.crash_at)
        self.run_out()

    def living(self, process, given, port, crash_at):
        """The process while it lives, and then another with the next of the crash points."""
        if process is not None:
            if process.is_alive():
                return process
            self.exits.append(process.exitcode)
            self.let_github_finish()
            self.dead.append(process.lease)
        arm = {"crash_at": crash_at.pop(0) if crash_at else "", "trace_to": self.trace_to}
        lease = next(self.leases)
        made = _processes.Process(target=serve, args=(given | {"effect_lease_seconds": lease}, port, arm), daemon=True)
        made.lease = lease
        made.start()
        return made

    def let_github_finish(self):
        """What a dead server has asked is answered, late or not: GitHub takes seconds here on a busy machine, not minutes."""
        with urllib.request.urlopen(self.sandbox.issuer_url + "/.well-known/jwks", context=self.tls()):
            pass  # so GitHub has read whatever came before
        asked, pause = self.sandbox._served._server.server_state.tasks, threading.Event()
        while asked:
            pause.wait(0.005)

    def run_out(self):
        """The leases of the dead end now instead of two minutes later. On SQLite that is a starting server's affair.

        Those of the living stay, however slow they are. Again and again, since PostgreSQL may still have been committing.
        """
        if self.dead and self.db.dialect == "postgresql":
            with self.db.write("admin.change") as tx:
                for seconds in self.dead:
                    tx.run(ENDED, {"lease": seconds * 1000})

    def tls(self):
        return ssl.create_default_context(cafile=str(self.sandbox.ca_file))

    def call(self, method, path, body, token=None):
        """One request as the real client makes it: a dead server is None, and the caller tries again."""
        self.keep_alive()
        headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {token}"} if token else {})}
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}", json.dumps(body).encode(), headers, method=method
        )
        try:
            return answered(request)
        except (http.client.HTTPException, urllib.error.URLError, ConnectionError, TimeoutError):
            return None  # also where the server dies between the head of an answer and its body

    def session(self, run_id):
        """A session for a job of a run; every try asks GitHub for a new token, as a re-run command does."""
        facts = self.runs._jobs.get(run_id) or self.runs.begin(run_id)
        grant = self.runs.requests[run_id].oidc(facts)
        request = urllib.request.Request(
            f"{grant.url}&audience=atmos-pro.com", headers={"Authorization": f"Bearer {grant.token}"}
        )
        with urllib.request.urlopen(request, context=self.tls()) as answer:
            token = json.loads(answer.read())["value"]
        answer = self.call("POST", "/api/v1/auth/github-oidc", {"token": token, "workspaceId": WORKSPACE})
        return answer[1]["data"]["token"] if answer and answer[0] == 200 else None

    def run(self):
        """Drive to the end; raises where the story does not get there."""
        self.keep_alive()
        self.github.set_webhook(f"http://127.0.0.1:{self.port}/webhooks/github")
        self.wait_ready()
        self.github.commit(self.infra, "feature", {"a.txt": "a change"}, author="octo-dev")
        self.pull = self.github.open_pull_request(self.infra, head="feature", author="octo-dev")
        self.until(self.concluded)
        assert all(self.done.values()), self.done

    def until(self, condition):
        pause = threading.Event()
        for _ in range(int(DEADLINE / 0.05)):
            if condition():
                return
            self.step()
            pause.wait(0.05)
        raise AssertionError(f"not there after {DEADLINE} s: {self.done}, exits {self.exits}, log {self.log()[-3000:]}")

    def log(self):
        return (self.folder / "serve.log").read_text()

    def wait_ready(self):
        pause = threading.Event()
        for _ in range(int(DEADLINE / 0.025)):
            answer = self.call("PATCH", "/api/v1/ready", {})
            if answer is not None:
                return
            if self.exits and self.exits[-1] >= 0:  # it was not killed: it will not start next time either
                break
            pause.wait(0.025)
        raise AssertionError(f"the server does not come up, exits {self.exits}: {self.log()[-3000:]}")

    def step(self):
        """One round of what the world outside does: redeliver lost webhooks, upload, report, end runs, lock and unlock."""
        self.keep_alive()
        self.redeliver()
        first = next((number for number, run in self.runs.requests.items() if run.event_name == "pull_request"), None)
        if first is not None and not all(self.done.values()) and (token := self.session(first)):
            self.client(token)
        for run_id, run in list(self.runs.requests.items()):
            if run.event_name == "workflow_dispatch" and run_id not in self.reported:
                self.finish(run_id, run)

    def client(self, token):
        """Upload, then lock and unlock another instance: each until it is acknowledged, never after."""
        body = {
            "head_sha": self.pull.head_sha,
            "base_sha": "b" * 40,
            "repo_owner": "acme",
            "repo_name": "infra",
            "stacks": [item("network", dependents=[item("database")])],
        }
        key = "acme/infra/dev/elsewhere"
        steps = {
            "upload": ("POST", "/api/v1/affected-stacks", body),
            "lock": ("POST", "/api/v1/locks", {"key": key, "ttl": 60}),
            "unlock": ("DELETE", "/api/v1/locks", {"key": key}),
        }
        for name, (method, path, sent) in steps.items():
            if self.done[name]:
                continue
            answer = self.call(method, path, sent, token)
            if answer is None:
                return
            self.done[name] = answer[0] == 200 or (name == "unlock" and answer[0] == 404)

    def finish(self, run_id, run):
        """A dispatched run reports its plan, then ends."""
        if not (token := self.session(run_id)):
            return
        path = f"/api/v1/repos/acme/infra/instances?stack={run.inputs['stack']}&component={run.inputs['component']}"
        answer = self.call(
            "PATCH", path, {"command": "plan", "exit_code": 2, "last_run": "2026-11-23T10:00:00Z"}, token
        )
        if answer and answer[0] == 200:
            self.reported.add(run_id)
            self.runs.complete(run_id)

    def redeliver(self):
        """Ask GitHub for each webhook again whose last attempt failed: it does not do so by itself."""
        with self.github.lock:
            last = {delivery.guid: delivery for delivery in self.github.records.deliveries.values()}
        for delivery in last.values():
            if delivery.status != "pending" and delivery.status_code != 202:
                self.github.redeliver(delivery.guid)

    def concluded(self):
        found = self.github.check_runs(self.infra, self.pull.head_sha, name="Atmos Pro")
        comments = self.github.comments(self.infra, self.pull.number)
        return (
            bool(found)
            and found[0].status == "completed"
            and comments
            and "all 2 succeeded" in comments[0].body
            and all(self.done.values())
        )

    def dispatched(self):
        return sorted(
            run.inputs["component"] for run in self.runs.requests.values() if run.event_name == "workflow_dispatch"
        )

    def close(self):
        if self.process:
            self.process.terminate()
            self.process.join()
        self.db.close()
        self.sandbox.stop()
