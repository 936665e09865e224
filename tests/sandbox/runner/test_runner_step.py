"""One step: its shell, its environment, and what it says to later steps."""

import json

import pytest
from one_job import steps


def test_a_failing_step_ends_the_job_and_says_why(run):
    told = run(steps("exit 3", "echo never"))
    assert [step.conclusion for step in told.steps] == ["failure", "skipped"]
    assert told.steps[0].log == "Error: Process completed with exit code 3.\n"
    assert told.jobs["a"].because == "Step 1 (Run exit 3): Process completed with exit code 3."
    assert told.completed.because == f"Job a: {told.jobs['a'].because}"


def test_the_default_shell_stops_at_an_error_and_shell_bash_also_at_one_in_a_pipe(run):
    told = run("""
        jobs:
          a:
            runs-on: x
            steps:
              - run: |
                  false | cat
                  echo survived
              - run: |
                  false
                  echo unreached
                if: always()
              - run: |
                  false | cat
                  echo unreached
                shell: bash
                if: always()
              - run: print("from python")
                shell: python
                if: always()
        """)
    assert [step.conclusion for step in told.steps] == ["success", "failure", "failure", "success"]
    assert "unreached" not in told.log
    assert "from python" in told.log


def test_nothing_of_the_callers_environment_leaks(run, monkeypatch, tmp_path):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "leak")
    told = run(steps("env"), env={"SSL_CERT_FILE": "/certs/ca.pem"}, secrets={"TOP": "hush-hush"})
    names = {line.partition("=")[0] for line in told.log.splitlines()}
    shell_own = {"PWD", "SHLVL", "_", "OLDPWD"}
    ours = {"PATH", "HOME", "LANG", "USER", "TMPDIR", "CI", "SSL_CERT_FILE"}
    assert {name for name in names if not name.startswith(("GITHUB_", "RUNNER_"))} <= shell_own | ours
    assert "leak" not in told.log
    assert "hush-hush" not in told.log
    assert f"HOME={tmp_path}/work/job1/home" in told.log


def test_the_default_variables_tell_of_the_event(run, repository):
    payload = {"action": "opened", "number": 7, "pull_request": {"title": "Bigger database", "head": {"sha": "abc"}}}
    told = run(
        """
        on: pull_request
        name: plan
        jobs:
          a:
            runs-on: x
            steps:
              - run: env | grep ^GITHUB_ | sort; cat "$GITHUB_EVENT_PATH"
              - run: echo "sha=$GITHUB_SHA"
                env:
                  GITHUB_SHA: ${{ github.event.pull_request.head.sha }}
        """,
        event_name="pull_request",
        payload=payload,
        ref="refs/pull/7/merge",
        sha=repository.shas["merge"],
        head_ref="feature",
        base_ref="main",
    )
    lines = told.steps[0].log.splitlines()
    for line in (
        "GITHUB_ACTIONS=true",
        "GITHUB_ACTOR=octocat",
        "GITHUB_BASE_REF=main",
        "GITHUB_EVENT_NAME=pull_request",
        "GITHUB_HEAD_REF=feature",
        "GITHUB_JOB=a",
        "GITHUB_REF=refs/pull/7/merge",
        "GITHUB_REF_NAME=7/merge",
        "GITHUB_REPOSITORY=acme/infra",
        "GITHUB_REPOSITORY_ID=11",
        "GITHUB_REPOSITORY_OWNER_ID=22",
        "GITHUB_RUN_ATTEMPT=1",
        "GITHUB_RUN_ID=1001",
        "GITHUB_RUN_NUMBER=5",
        f"GITHUB_SHA={repository.shas['merge']}",
        "GITHUB_WORKFLOW=plan",
        "GITHUB_WORKFLOW_REF=acme/infra/.github/workflows/w.yaml@refs/pull/7/merge",
    ):
        assert line in lines
    assert json.loads(lines[-1]) == payload
    assert told.steps[1].log == "sha=abc\n"
    assert told.started.title == "Bigger database"


def test_a_dispatch_has_its_inputs_typed_in_one_context_and_as_texts_in_the_event(run):
    told = run(
        """
        on:
          workflow_dispatch:
            inputs:
              stack: {required: true}
              dry: {type: boolean, default: false}
        run-name: plan ${{ inputs.stack }}
        concurrency: plan-${{ inputs.stack }}
        jobs:
          a:
            runs-on: x
            steps:
              - run: echo '${{ toJSON(inputs) }}' '${{ toJSON(github.event.inputs) }}' | tr -d ' \\n'
              - run: echo never
                if: inputs.dry
        """,
        event_name="workflow_dispatch",
        inputs={"stack": "prod"},
    )
    assert (told.started.title, told.started.concurrency_group) == ("plan prod", "plan-prod")
    assert told.steps[0].log == '{"stack":"prod","dry":false}{"stack":"prod","dry":"false"}'
    assert told.steps[1].conclusion == "skipped"


def test_steps_speak_to_later_steps_through_files(run):
    told = run("""
        jobs:
          a:
            runs-on: x
            env: {COLOUR: red}
            outputs:
              answer: ${{ steps.one.outputs.answer }}
              empty: ${{ steps.none.outputs.x }}
            steps:
              - id: one
                run: |
                  mkdir -p "$RUNNER_TEMP/bin"
                  printf '#!/bin/sh\\necho from the tool\\n' > "$RUNNER_TEMP/bin/tool"; chmod +x "$RUNNER_TEMP/bin/tool"
                  echo "$RUNNER_TEMP/bin" >> "$GITHUB_PATH"
                  echo "COLOUR=blue" >> "$GITHUB_ENV"
                  printf 'answer=42\\ntext<<END\\na=b\\nc\\nEND\\n' >> "$GITHUB_OUTPUT"
                  echo "### Plan" >> "$GITHUB_STEP_SUMMARY"
              - run: tool; echo "$COLOUR ${{ env.COLOUR }} ${{ env.OWN }}"; echo '${{ steps.one.outputs.text }}'
                env: {OWN: "${{ env.COLOUR }}-er"}
              - run: echo "${COLOUR} ${{ steps.one.conclusion }}"; echo "### Done" >> "$GITHUB_STEP_SUMMARY"
                env: {COLOUR: green}
        """)
    assert told.steps[1].log == "from the tool\nblue blue blue-er\na=b\nc\n"
    assert told.steps[2].log == "green success\n"
    assert told.jobs["a"].outputs == {"answer": "42", "empty": ""}
    assert told.jobs["a"].summary == "### Plan\n\n### Done\n"


@pytest.mark.parametrize(
    ("line", "because"),
    [("no equals sign", "Invalid format 'no equals sign'"), ("x<<END", "does not end"), ("=5", "Invalid format '=5'")],
)
def test_a_broken_output_file_fails_its_step(run, line, because):
    told = run(steps(f"echo '{line}' >> $GITHUB_OUTPUT"))
    assert told.completed.conclusion == "failure"
    assert because in told.steps[0].log


def test_an_expression_that_fails_at_run_time_fails_its_step(run):
    told = run(steps("echo ${{ fromJSON(github.event.nothing).x }}"))
    assert told.steps[0].conclusion == "failure"
    assert "fromJSON() cannot read" in told.steps[0].log


def test_a_working_directory_that_is_not_there_is_named(run):
    told = run("jobs: {a: {runs-on: x, steps: [{run: pwd, working-directory: infra/live}]}}")
    assert "infra/live' does not exist. Is there a checkout before it?" in told.log


def test_a_nul_in_the_environment_fails_the_step_and_not_the_runner(run):
    told = run(r"""
        jobs:
          a:
            runs-on: x
            env: {A: "${{ fromJSON('\"\\u0000\"') }}"}
            steps: [{run: echo never}]
        """)
    assert told.steps[0].conclusion == "failure"
    assert "null byte" in told.steps[0].log
