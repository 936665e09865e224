"""What a client of the field does with this server: ours, and the unmodified Go `atmos` where there is one.

The Go client is the program that SONDE_GO_ATMOS names. Each story runs the real program in a real checkout, with a token
of GitHub's OIDC that the offline GitHub signs, against a real server on each database.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from test_sts_tokens import link
from world import WORKSPACE

from sonde.sandbox import sample
from sonde.server.affected import store as affected
from sonde.server.auth.store import sessions
from sonde.server.chunks import store as chunks
from sonde.server.instances import store as instances

GO = os.environ.get("SONDE_GO_ATMOS", "")
CLIENTS = ("sonde", "go")
needs_terraform = pytest.mark.skipif(not shutil.which("terraform"), reason="no terraform on the PATH")
STS = """
auth:
  providers:
    pro: {{kind: atmos/pro, spec: {{workspace_id: {workspace}}}}}
  identities:
    pro: {{kind: atmos/pro, default: true, via: {{provider: pro}}}}
  integrations:
    gh: {{kind: github/sts, via: {{provider: pro}}, spec: {{repos: [acme/modules]}}}}
"""


@dataclass
class Client:
    """A client in a job of a pull request, in a checkout of acme/infra."""

    world: object
    program: Callable[..., subprocess.CompletedProcess]
    checkout: Path
    home: Path
    grant: object

    def git(self, *argv):
        done = subprocess.run(["git", *argv], cwd=self.checkout, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def run(self, *argv, **env):
        facts = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "NO_COLOR": "1",
            "CI": "true",
            "GITHUB_ACTIONS": "true",
            "GITHUB_REPOSITORY": "acme/infra",
            "SSL_CERT_FILE": str(self.world.sandbox.ca_file),
            "GITHUB_API_URL": self.world.sandbox.api_url,
            "ATMOS_TELEMETRY_ENABLED": "false",
            "ATMOS_VERSION_CHECK_ENABLED": "false",
            "ATMOS_KEYRING_TYPE": "file",
            "ATMOS_KEYRING_PASSWORD": "test-password",
            "ATMOS_PRO_BASE_URL": self.world.server.url,
            "ATMOS_PRO_WORKSPACE_ID": WORKSPACE,
            "ACTIONS_ID_TOKEN_REQUEST_URL": self.grant.url,
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN": self.grant.token,
        }
        return self.program(*argv, cwd=self.checkout, env=facts | env)

    def becomes_a_job_of_the_default_branch(self):
        inputs = {"component": "a", "stack": "b"}
        self.world.github.dispatch(self.world.infra, "plan.yaml", "main", inputs, actor="octo-dev")
        run = self.world.run_of("workflow_dispatch")
        self.grant = run.oidc(self.world.runs.begin(run.run_id))

    def works(self, *argv, **env):
        done = self.run(*argv, **env)
        assert done.returncode == 0, (argv, done.stdout, done.stderr)
        return done


def run_go(*argv, cwd, env):
    return subprocess.run([GO, *argv], cwd=cwd, env=env, capture_output=True, text=True, check=False)


@pytest.fixture(params=CLIENTS)
def client(request, world, tmp_path, program):
    if request.param == "go" and not GO:
        pytest.skip("SONDE_GO_ATMOS names no Go atmos")
    world.github.commit(world.infra, "main", sample.files(), author="octo-dev")
    world.github.commit(world.infra, "grow", dict(sample.change().files), author="octo-dev")
    world.github.open_pull_request(world.infra, head="grow", author="octo-dev")
    world.settle()
    run = world.run_of("pull_request")
    checkout, home = tmp_path / "checkout", tmp_path / "home"
    home.mkdir()
    bare = str(world.github.bare(world.infra))
    subprocess.run(["git", "clone", "-q", "-b", "grow", bare, checkout], check=True)
    run_client = run_go if request.param == "go" else program.run
    made = Client(world, run_client, checkout, home, run.oidc(world.runs.begin(run.run_id)))
    made.git("remote", "set-url", "origin", "https://github.com/acme/infra.git")
    return made


def known(world):
    with world.db.read() as tx:
        return {f"{item.stack}/{item.component}": item for item in instances.of_repository(tx, world.repository.id)}


def uploaded(world):
    """What the one upload says is affected, for the commit that is checked out."""
    with world.db.read() as tx:
        (upload,) = tx.all(affected.uploads.select())
    return json.loads(upload.items)


def locks(world):
    return world.server.request("GET", "/api/v1/repos/acme/infra/locks", token=world.static_token()).data["locks"]


def test_a_client_locks_meets_a_colleagues_lock_and_unlocks(world, client):
    client.works("pro", "lock", "-c", "network", "-s", "dev", "--ttl", "120", "--message", "mine")
    (held,) = locks(world)
    assert (held["key"], held["live"], held["message"]) == ("acme/infra/dev/network", True, "mine")
    body = {"key": "acme/infra/dev/api", "ttl": 600, "lockMessage": "back at three"}
    world.server.request("POST", "/api/v1/locks", body=body, token=world.static_token())
    refused = client.run("pro", "lock", "-c", "api", "-s", "dev")
    assert refused.returncode == 1
    assert "back at three" in " ".join(refused.stderr.split())
    client.works("pro", "unlock", "-c", "network", "-s", "dev")
    assert client.run("pro", "unlock", "-c", "cluster", "-s", "dev").returncode == 1  # nobody ever locked it


ours = pytest.mark.parametrize("client", ["sonde"], indirect=True)


@ours
def test_our_client_locks_several_components_or_none_and_gives_each_back(world, client):
    several = ("network", "cluster", "api", "-s", "dev")
    body = {"key": "acme/infra/dev/api", "ttl": 600, "lockMessage": "back at three"}
    world.server.request("POST", "/api/v1/locks", body=body, token=world.static_token())
    refused = client.run("pro", "lock", *several)
    assert refused.returncode == 1
    assert "back at three" in " ".join(refused.stderr.split())
    assert [held["key"] for held in locks(world) if held["live"]] == ["acme/infra/dev/api"]
    client.works("pro", "unlock", "api", "-s", "dev")
    client.works("pro", "lock", *several)
    client.works("pro", "lock", *several)  # the same job again renews all of them
    assert {held["key"] for held in locks(world) if held["live"]} == {f"acme/infra/dev/{name}" for name in several[:3]}
    client.works("pro", "unlock", *several)
    assert not [held for held in locks(world) if held["live"]]


@ours
def test_our_client_asks_github_for_the_servers_own_audience_where_it_is_told(world, client):
    own = world.server.site.settings.url
    client.works("pro", "lock", "network", "-s", "dev", ATMOS_PRO_OIDC_AUDIENCE=own)
    client.works("pro", "unlock", "network", "-s", "dev")
    with world.db.read() as tx:
        audiences = [json.loads(row.claims)["aud"] for row in tx.all(sessions.select().order_by(sessions.c.id))]
    assert audiences == [own, "atmos-pro.com"]


@pytest.mark.parametrize(("base", "found"), [("grow", 0), ("main", 2)])
def test_a_client_uploads_what_is_affected(world, client, base, found):
    client.git("fetch", "-q", str(world.github.bare(world.infra)), "main:refs/remotes/origin/main")
    base_sha = client.git("rev-parse", f"origin/{base}")
    client.works("describe", "affected", "--upload", "--sha", base_sha, "--include-dependents")
    assert len(uploaded(world)) == found


def test_a_client_uploads_in_parts_and_they_are_one(world, client):
    client.git("fetch", "-q", str(world.github.bare(world.infra)), "main:refs/remotes/origin/main")
    settings = client.checkout / "atmos.yaml"
    settings.write_text(settings.read_text() + "\nsettings:\n  pro:\n    max_payload_bytes: 1500\n")
    client.works("describe", "affected", "--upload", "--sha", client.git("rev-parse", "origin/main"))
    assert sorted(one["component"] for one in uploaded(world)) == ["cluster", "database"]
    with world.db.read() as tx:
        assert len(tx.all(chunks.batch_parts.select())) > 1


def test_a_client_uploads_the_inventory(world, client):
    client.becomes_a_job_of_the_default_branch()
    client.works("list", "instances", "--upload")
    assert sorted(known(world)) == sorted(f"{stack}/{name}" for stack in sample.STACKS for name in sample.COMPONENTS)


@needs_terraform
def test_a_client_reports_plan_and_apply(world, client):
    client.works("terraform", "plan", "network", "-s", "dev", "--upload-status")
    assert (known(world)["dev/network"].last_command, known(world)["dev/network"].exit_code) == ("plan", 2)
    client.works("terraform", "apply", "network", "-s", "dev", "--upload-status", "-auto-approve")
    network = known(world)["dev/network"]
    assert (network.last_command, network.exit_code, network.status) == ("apply", 0, "in_sync")


def test_a_client_commits_to_the_pull_request(world, client):
    (client.checkout / "README.md").write_text("formatted\n")
    client.git("add", "README.md")
    env = {"GITHUB_HEAD_REF": "grow", "GITHUB_ACTOR": "octo-dev", "GITHUB_EVENT_NAME": "pull_request"}
    client.works("pro", "commit", "-m", "Format", **env)
    head = world.github.head(world.infra, "grow")
    shown = subprocess.run(
        ["git", "-C", world.github.bare(world.infra), "show", f"{head}:README.md"], capture_output=True, check=True
    )
    assert shown.stdout == b"formatted\n"


def test_a_client_gets_a_token_for_a_private_source(world, client, tmp_path):
    link(world, "acme/modules")
    source = world.sandbox.api_url.removesuffix("/api/v3") + "/acme/modules.git"
    tool, cloned = tmp_path / "tool", tmp_path / "cloned"
    tool.write_text(f"#!/bin/sh\ntest -d {cloned} || git clone -q {source} {cloned}\n")
    tool.chmod(0o755)
    settings = client.checkout / "atmos.yaml"
    plain = settings.read_text().replace("command: terraform", f"command: {tool}")
    settings.write_text(plain + STS.format(workspace=WORKSPACE))
    client.run("terraform", "plan", "network", "-s", "dev", GIT_SSL_CAINFO=str(world.sandbox.ca_file))
    assert (cloned / "main.tf").read_text() == "module"
