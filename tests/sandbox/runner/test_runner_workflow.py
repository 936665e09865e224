"""Reading workflow files: what they mean, and that nothing unsupported passes in silence."""

import textwrap

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sonde.sandbox.runner.model import UnsupportedWorkflow
from sonde.sandbox.runner.workflow import Defaults, parse

WHOLE = """\
name: plan
run-name: plan ${{ inputs.component }}/${{ inputs.stack }}/${{ inputs.atmos_pro_run_id }}
on:
  workflow_dispatch:
    inputs:
      sha: {description: Commit, required: false, type: string}
      stack:
        required: true
      dry:
        type: boolean
        default: true
      level:
        type: choice
        options: [low, high]
        default: low
permissions:
  id-token: write
  contents: read
env:
  ANSWER: 42
  YES: yes
  REAL: true
defaults:
  run:
    shell: bash
    working-directory: infra
concurrency:
  group: ${{ inputs.stack }}-${{ inputs.component }}
  cancel-in-progress: false
jobs:
  apply:
    needs: [plan]
    runs-on: ubuntu-latest
    environment: {name: "${{ inputs.stack }}", url: https://example.com}
    steps:
      - run: echo apply
  plan:
    name: ${{ inputs.component }}-${{ inputs.stack }}
    runs-on: [self-hosted, linux]
    if: ${{ inputs.sha != '' }}
    timeout-minutes: 5
    outputs:
      code: ${{ steps.plan.outputs.code }}
    strategy:
      fail-fast: false
      matrix:
        stack: [dev, prod]
        include:
          - stack: dev
            size: 1
    steps:
      - uses: actions/checkout@v4
        with:
          ref: ${{ inputs.sha }}
          fetch-depth: 0
      - id: plan
        name: Plan
        shell: sh
        working-directory: .
        continue-on-error: true
        env:
          GITHUB_SHA: ${{ inputs.sha }}
        run: |
          terraform plan
"""


def test_a_whole_workflow_is_read():
    workflow = parse(WHOLE, "plan.yaml")
    assert (workflow.name, workflow.env) == ("plan", {"ANSWER": "42", "YES": "yes", "REAL": "true"})
    assert workflow.permissions == {"id-token": "write", "contents": "read"}
    assert workflow.defaults == Defaults("bash", "infra")
    assert workflow.concurrency_group == "${{ inputs.stack }}-${{ inputs.component }}"
    inputs = workflow.triggers["workflow_dispatch"].inputs
    assert (inputs["stack"].required, inputs["dry"].default, inputs["level"].options) == (True, True, ("low", "high"))
    assert list(workflow.jobs) == ["plan", "apply"]  # in the order of needs
    plan = workflow.jobs["plan"]
    assert plan.matrix == {"stack": ["dev", "prod"], "include": [{"stack": "dev", "size": 1}]}
    assert (plan.fail_fast, plan.timeout_minutes, plan.outputs) == (
        False,
        5,
        {"code": "${{ steps.plan.outputs.code }}"},
    )
    assert plan.steps[0].with_ == {"ref": "${{ inputs.sha }}", "fetch-depth": "0"}
    assert plan.steps[1].env == {"GITHUB_SHA": "${{ inputs.sha }}"}
    assert workflow.jobs["apply"].environment == "${{ inputs.stack }}"


@pytest.mark.parametrize(
    ("on", "events"),
    [
        ("on: push", ["push"]),
        ("on: [push, pull_request]", ["push", "pull_request"]),
        ("on:\n  push:\n  pull_request: {types: [opened], branches: main}", ["push", "pull_request"]),
        ("'on': {schedule: [{cron: '0 8 * * *'}]}", ["schedule"]),
    ],
)
def test_on_has_three_shapes(on, events):
    workflow = parse(on + "\njobs: {a: {runs-on: x, steps: [{run: 'true'}]}}")
    assert list(workflow.triggers) == events


JOBS = "jobs: {a: {runs-on: x, steps: [{run: 'true'}]}}"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"on: push\n{JOBS}\nfoo: 1", "w.yaml:3: 'foo' of the workflow is not supported"),
        (f"on: pushed\n{JOBS}", "w.yaml:1: the event 'pushed' is not supported"),
        (f"on: workflow_call\n{JOBS}", "w.yaml:1: the event 'workflow_call' is not supported"),
        (f"on:\n  pull_request:\n    tags: [v1]\n{JOBS}", "w.yaml:3: 'tags' of on.pull_request is not supported"),
        (f"on:\n  push:\n    types: [opened]\n{JOBS}", "w.yaml:3: 'types' of on.push is not supported"),
        (
            f"on:\n  pull_request:\n    types: [merged]\n{JOBS}",
            "w.yaml:3: on.pull_request has no activity type 'merged'",
        ),
        (f"on: {{push: {{branches: [a], branches-ignore: [b]}}}}\n{JOBS}", "both branches and branches-ignore"),
        (f"on: {{push: {{branches: ['!a']}}}}\n{JOBS}", "only takes away"),
        (f"on: {{push: {{branches: ['+a']}}}}\n{JOBS}", "'+a' is no pattern"),
        (
            f"on:\n  workflow_dispatch:\n    inputs: {{a: {{type: choice}}}}\n{JOBS}",
            "`options` belong to `type: choice`",
        ),
        (
            f"on:\n  workflow_dispatch:\n    inputs: {{a: {{type: map}}}}\n{JOBS}",
            "type of input 'a' 'map' is not supported",
        ),
        (f"on: push\npermissions: {{teleport: write}}\n{JOBS}", "'teleport' of permissions is not supported"),
        (f"on: push\npermissions: admin\n{JOBS}", "permissions 'admin' is not supported"),
        (f"on: push\nenv: {{A: '${{{{ env.B }}}}'}}\n{JOBS}", "w.yaml:2: the context 'env' is not available here"),
        (f"on: push\nrun-name: ${{{{ gitlab.x }}}}\n{JOBS}", "w.yaml:2: Unrecognized named-value: 'gitlab'"),
        (f"on: push\nname: 'x\n{JOBS}", "w.yaml:"),
        (f"on: push\non: push\n{JOBS}", "w.yaml:2: 'on' is already defined"),
        ("on: push", "w.yaml:1: the workflow has no `jobs`"),
        ("- a", "w.yaml:1: a workflow must be a mapping"),
        ("a: &x {b: *x}", "w.yaml:1: an alias refers to what it stands in"),
    ],
)
def test_what_is_not_supported_in_a_workflow_is_an_error_with_its_place(text, message):
    with pytest.raises(UnsupportedWorkflow) as raised:
        parse(text, "w.yaml")
    assert message in str(raised.value)


@pytest.mark.parametrize(
    ("job", "message"),
    [
        ("steps: [{run: x}]", "w.yaml:3: job 'a' has no `runs-on`"),
        ("runs-on: x", "job 'a' has no `steps`"),
        ("runs-on: x\ncontainer: alpine\nsteps: [{run: x}]", "w.yaml:5: 'container' of job 'a' is not supported"),
        ("uses: ./.github/workflows/x.yaml", "'uses' of job 'a' is not supported"),
        ("runs-on: x\nneeds: b\nsteps: [{run: x}]", "w.yaml:3: job 'a' needs 'b', which does not exist"),
        ("runs-on: x\nneeds: a\nsteps: [{run: x}]", "w.yaml:3: the jobs a need each other in a circle"),
        ("runs-on: x\nif: steps.a.outcome\nsteps: [{run: x}]", "w.yaml:5: the context 'steps' is not available here"),
        ("runs-on: x\nsteps: [{run: x, uses: y}]", "w.yaml:5: a step has either `run` or `uses`"),
        ("runs-on: x\nsteps:\n- uses: hashicorp/setup-terraform@v3", "w.yaml:6: uses: hashicorp/setup-terraform@v3"),
        (
            "runs-on: x\nsteps:\n- uses: actions/checkout@v4\n  with: {repository: a/b}",
            "'repository' of actions/checkout",
        ),
        (
            "runs-on: x\nsteps:\n- uses: actions/checkout@v4\n  with: {submodules: true}",
            "submodules: true is not supported",
        ),
        ("runs-on: x\nsteps: [{run: x, shell: pwsh}]", "shell 'pwsh' is not supported"),
        ("runs-on: x\nsteps: [{run: x, retries: 3}]", "'retries' of a step of job 'a' is not supported"),
        ("runs-on: x\nsteps: [{run: x, id: s}, {run: y, id: s}]", "the step id 's' of job 'a' is used twice"),
        ("runs-on: x\nsteps:\n- run: ${{ hashFiles('x') }}", "w.yaml:6: This runner does not do hashFiles()"),
        ("runs-on: x\nsteps:\n- run: ${{ success() }}", "w.yaml:6: success() is available in `if` only"),
        ("runs-on: x\nsteps:\n- run: x\n  if: ${{ env.A }} == 1", "w.yaml:7: `if` mixes"),
        ("runs-on: x\nstrategy: {matrix: {a: 1}}\nsteps: [{run: x}]", "matrix.a must be a list"),
    ],
)
def test_what_is_not_supported_in_a_job_is_an_error_with_its_place(job, message):
    text = "on: push\njobs:\n  a:\n" + textwrap.indent(job, "    ")
    with pytest.raises(UnsupportedWorkflow) as raised:
        parse(text, "w.yaml")
    assert message in str(raised.value)


@pytest.mark.parametrize(
    ("permissions", "id_token", "contents"),
    [
        ("write-all", "write", "write"),
        ("read-all", None, "read"),
        ("{}", None, None),
        ("{contents: none}", None, "none"),
    ],
)
def test_permissions_have_three_shapes(permissions, id_token, contents):
    given = parse(f"on: push\npermissions: {permissions}\n{JOBS}").permissions
    assert (given.get("id-token"), given.get("contents")) == (id_token, contents)


def test_jobs_in_a_circle_are_named():
    job = "{runs-on: x, steps: [{run: x}], needs: %s}"
    text = f"on: push\njobs:\n  a: {job % 'b'}\n  b: {job % 'a'}\n  c: {job % '[]'}"
    with pytest.raises(UnsupportedWorkflow, match="the jobs a, b need each other in a circle"):
        parse(text)


WORDS = [
    "on",
    "jobs",
    "push",
    "a",
    "runs-on",
    "steps",
    "run",
    "if",
    "${{ x }}",
    "1",
    "",
    "~",
    "*x",
    "&x",
    "!t",
    "'",
    "[",
    "{",
]
LINES = st.tuples(st.integers(0, 3), st.sampled_from(WORDS), st.sampled_from([":", ": ", ": x", ""]))


@given(st.lists(LINES, max_size=8).map(lambda lines: "\n".join(" " * 2 * n + word + end for n, word, end in lines)))
def test_any_text_either_is_a_workflow_or_an_error_with_its_place(text):
    refused = refusal(text)
    assert refused is None or refused.startswith("w.yaml:")


def refusal(text):
    try:
        parse(text, "w.yaml")
    except UnsupportedWorkflow as error:
        return str(error)
    return None


def test_a_file_nested_too_deep_is_an_error():
    with pytest.raises(UnsupportedWorkflow, match="nested too deep"):
        parse("on: " + "[" * 5000)
