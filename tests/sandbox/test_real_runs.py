"""Workflows run for real: a checkout from the world's git, steps, an OIDC token over https, logs and conclusions."""

import base64
import json
import os
import subprocess
import sys
import textwrap

import pytest

from sonde.sandbox.server import Sandbox

MINT = """\
name: Mint
run-name: mint ${{ inputs.word }}
on:
  workflow_dispatch:
    inputs:
      word: {required: true}
jobs:
  mint:
    runs-on: ubuntu-latest
    permissions: {id-token: write, contents: read}
    environment: ${{ inputs.word }}
    steps:
      - uses: actions/checkout@v4
      - run: test "$(cat README.md)" = hello
      - id: token
        shell: python
        run: |
          import json, os, urllib.request
          url = os.environ["ACTIONS_ID_TOKEN_REQUEST_URL"] + "&audience=atmos-pro.com"
          bearer = "Bearer " + os.environ["ACTIONS_ID_TOKEN_REQUEST_TOKEN"]
          request = urllib.request.Request(url, headers={"Authorization": bearer})
          with urllib.request.urlopen(request) as answer:
              claims = json.load(answer)["value"].split(".")[1]
          print("claims=" + claims)
      - run: exit 3
        if: inputs.word == 'fail'
"""
SLOW = """\
on: {workflow_dispatch: {}}
jobs:
  slow:
    runs-on: ubuntu-latest
    steps:
      - run: sleep 600
"""


@pytest.fixture
def github(folder):
    """Served with the real executor and the real time."""
    with Sandbox.start(folder) as sandbox:
        files = {".github/workflows/mint.yaml": MINT, ".github/workflows/slow.yaml": SLOW}
        sandbox.world.commit("acme/infra", "main", files)
        yield sandbox


def dispatch(github, workflow, **inputs):
    world = github.world
    return world.dispatch(world.repository("acme/infra"), workflow, "main", inputs, actor=world.bot)


def steps(github, run):
    (job,) = github.world.jobs_of(run.id)
    return {step["number"]: step for step in job.steps}


def test_a_dispatched_workflow_checks_out_runs_and_mints_a_token(github):
    run = dispatch(github, "mint.yaml", word="dev")
    github.settle()
    assert (run.status, run.conclusion, run.because) == ("completed", "success", "")
    (job,) = github.world.jobs_of(run.id)
    minted = next(step["log"] for step in job.steps if "claims=" in step["log"]).partition("claims=")[2].split()[0]
    claims = json.loads(base64.urlsafe_b64decode(minted + "=="))
    assert claims["sub"] == "repo:acme/infra:environment:dev"
    assert (claims["run_id"], claims["check_run_id"], claims["environment"]) == (str(run.id), str(job.id), "dev")
    assert [one.action for one in github.world.deliveries("workflow_run")] == ["requested", "in_progress", "completed"]
    assert run.title == "mint dev"


def test_a_failing_step_fails_the_run_and_says_why(github):
    run = dispatch(github, "mint.yaml", word="fail")
    github.settle()
    (job,) = github.world.jobs_of(run.id)
    assert (run.conclusion, job.conclusion) == ("failure", "failure")
    assert github.world.check_runs("acme/infra", run.head_sha)[0].conclusion == "failure"
    assert "3" in job.because


def test_a_running_workflow_can_be_cancelled(github):
    run = dispatch(github, "slow.yaml")
    github.world.wait_until(lambda: any(job.status == "in_progress" for job in github.world.jobs_of(run.id)))
    github.world.cancel(run.id)
    github.settle()
    assert run.conclusion == "cancelled"


def test_a_pull_request_starts_its_workflow_for_real(github):
    github.world.commit("acme/infra", "feature", {"a": "1"}, author="octo-dev")
    github.world.open_pull_request("acme/infra", head="feature", author="octo-dev")
    github.settle()
    (run,) = github.world.records.runs.values()
    assert (run.event, run.conclusion) == ("pull_request", "success")


def test_it_can_be_started_by_hand(tmp_path):
    command = [sys.executable, "-m", "sonde.sandbox", str(tmp_path / "world"), "http://127.0.0.1:9/webhooks"]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        lines = dict(process.stdout.readline().split() for _ in range(6))
        process.send_signal(2)
        assert process.wait(timeout=20) == 0
    assert lines["api_url"].startswith("https://localhost:")
    assert (tmp_path / "world" / "state.json").exists()


def test_the_example_of_the_package_runs(tmp_path):
    """The docstring of sonde.sandbox, line by line, with a stand-in for the server that it speaks of."""
    import sonde.sandbox

    code = textwrap.dedent("    " + sonde.sandbox.__doc__.partition("\n\n    ")[2])
    code = code.replace("127.0.0.1:8080", "127.0.0.1:9")  # discard: nobody listens
    answer = 'world.create_check_run(infra, {"name": "Sonde", "head_sha": pull.head_sha})'
    code = code.replace("    world.wait_until", f"    {answer}\n    world.wait_until")
    plan = "on: [pull_request]\njobs: {a: {runs-on: x, steps: [{run: echo}]}}\n"
    exec(compile(code, "docstring", "exec"), {"folder": tmp_path / "example", "PLAN": plan})
