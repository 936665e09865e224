"""Runs of real workflows: real bash, in real folders."""

import json
import os
import textwrap
import threading
import time
from pathlib import Path

import pytest

from sonde.sandbox.runner.model import JobQueued, JobStarted, OidcGrant, RunStarted, StepCompleted


def steps(*scripts):
    """A one-job workflow with these scripts as its steps."""
    lines = ["jobs:", "  a:", "    runs-on: x", "    steps:"]
    for script in scripts:
        lines += ["      - run: |", *("          " + line for line in textwrap.dedent(script).strip().split("\n"))]
    return "\n".join(lines)


def is_alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    except FileNotFoundError:
        return False


def test_a_run_tells_its_story_in_order(run):
    told = run(steps("echo hello", "echo done >&2"), allocate_job_id=lambda _name: 77)
    assert [type(event).__name__ for event in told.events] == [
        "RunStarted",
        "JobQueued",
        "JobStarted",
        "StepCompleted",
        "StepCompleted",
        "JobCompleted",
        "RunCompleted",
    ]
    assert [(step.number, step.name, step.conclusion, step.log) for step in told.steps] == [
        (1, "Run echo hello", "success", "hello\n"),
        (2, "Run echo done >&2", "success", "done\n"),
    ]
    assert told.steps[0].job.check_run_id == 77
    assert told.completed.conclusion == "success"


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


def test_secrets_are_masked_in_logs_and_summaries(run):
    told = run(
        """
        jobs:
          a:
            runs-on: x
            steps:
              - run: |
                  printf "%s and line2\\n" "$KEY"; echo "::add-mask::pass phrase"
                  echo "$KEY" >> $GITHUB_STEP_SUMMARY
                env: {KEY: "${{ secrets.KEY }}"}
              - run: echo "pass phrase"
        """,
        secrets={"KEY": "line1\nline2", "EMPTY": ""},
    )
    assert told.steps[0].log == "*** and ***\n::add-mask::***\n"
    assert "line1" not in told.log
    assert "line2" not in told.log
    assert "pass phrase" not in told.log
    assert told.jobs["a"].summary.strip("*\n") == ""


def test_a_job_gets_an_identity_only_with_the_permission_to_write_it(run):
    asked = []

    def oidc(job):
        asked.append((job.key, job.environment))
        return OidcGrant("https://oidc.example/token?x=1", "grant-token")

    told = run(
        """
        permissions: {contents: read}
        jobs:
          without:
            runs-on: x
            steps: [{run: 'echo "url=$ACTIONS_ID_TOKEN_REQUEST_URL"'}]
          with:
            runs-on: x
            environment: prod
            permissions: {id-token: write}
            steps: [{run: 'echo "url=$ACTIONS_ID_TOKEN_REQUEST_URL $ACTIONS_ID_TOKEN_REQUEST_TOKEN"'}]
        """,
        oidc=oidc,
    )
    assert [step.log for step in told.steps] == ["url=\n", "url=https://oidc.example/token?x=1 ***\n"]
    assert asked == [("with", "prod")]
    assert told.jobs["with"].job.permissions == {"id-token": "write"}
    assert told.jobs["without"].job.permissions == {"contents": "read"}


def test_write_all_includes_the_identity(run):
    told = run(
        "permissions: write-all\n" + steps("echo $ACTIONS_ID_TOKEN_REQUEST_URL"),
        oidc=lambda _job: OidcGrant("https://u?", "grant-token"),
    )
    assert told.log == "https://u?\n"


def test_jobs_follow_their_needs_and_see_their_outputs(run):
    told = run("""
        jobs:
          last:
            needs: [first, broken]
            if: always()
            runs-on: x
            steps:
              - run: echo "${{ needs.first.outputs.word }} ${{ needs.broken.result }} ${{ toJSON(needs.skipped) }}"
          after_broken:
            needs: broken
            runs-on: x
            steps: [{run: echo never}]
          on_failure:
            needs: after_broken
            if: failure()
            runs-on: x
            steps: [{run: echo repaired}]
          first:
            runs-on: x
            outputs: {word: "${{ steps.s.outputs.w }}"}
            steps: [{id: s, run: echo w=hello >> $GITHUB_OUTPUT}]
          broken:
            runs-on: x
            steps: [{run: exit 1}]
          skipped:
            if: github.event_name == 'pull_request'
            runs-on: x
            steps: [{run: echo never}]
          after_skipped:
            needs: skipped
            runs-on: x
            steps: [{run: echo never}]
        """)
    assert {name: job.conclusion for name, job in told.jobs.items()} == {
        "first": "success",
        "broken": "failure",
        "last": "success",
        "after_broken": "skipped",
        "on_failure": "success",
        "skipped": "skipped",
        "after_skipped": "skipped",
    }
    assert "hello failure null" in told.log
    assert told.jobs["after_broken"].because == "It needs broken, which did not succeed."
    assert told.completed.conclusion == "failure"
    started = {event.job.key for event in told.events if isinstance(event, JobStarted)}
    assert started == {"first", "broken", "last", "on_failure"}


def test_a_run_in_which_every_job_is_skipped_is_skipped(run):
    told = run("jobs: {a: {if: false, runs-on: x, steps: [{run: exit 1}]}}")
    assert (told.completed.conclusion, told.jobs["a"].because) == ("skipped", "Its `if` was false.")


def test_continue_on_error_forgives_a_step_and_a_job(run):
    told = run("""
        jobs:
          a:
            runs-on: x
            steps:
              - id: s
                run: exit 1
                continue-on-error: true
              - run: echo "${{ steps.s.outcome }} ${{ steps.s.conclusion }} ${{ job.status }}"
          b:
            runs-on: x
            continue-on-error: true
            steps: [{run: exit 1}]
          c:
            needs: b
            runs-on: x
            steps: [{run: 'echo ${{ needs.b.result }}'}]
        """)
    assert told.steps[1].log == "failure success success\n"
    assert told.jobs["b"].conclusion == "failure"
    assert told.jobs["c"].conclusion == "success"
    assert told.completed.conclusion == "success"


def test_a_matrix_runs_each_combination(run):
    told = run("""
        jobs:
          a:
            runs-on: x
            strategy:
              matrix:
                stack: [dev, prod]
                size: [1, 2]
                exclude: [{stack: prod, size: 1}]
                include: [{stack: dev, colour: red}, {stack: test, size: 9}]
            outputs: {"last": "${{ matrix.stack }}"}
            steps: [{run: 'echo ${{ matrix.stack }}-${{ matrix.size }}-${{ matrix.colour }} of ${{ strategy.job-total }}'}]
          b:
            needs: a
            runs-on: x
            name: for ${{ matrix.n }}
            strategy: {matrix: "${{ fromJSON('{\\"n\\": [1, 2]}') }}"}
            steps: [{run: 'echo ${{ needs.a.outputs.last }}'}]
        """)
    logs = [step.log.strip() for step in told.steps]
    assert logs == ["dev-1-red of 4", "dev-2-red of 4", "prod-2- of 4", "test-9- of 4", "test", "test"]
    assert list(told.jobs) == ["a (dev, 1, red)", "a (dev, 2, red)", "a (prod, 2)", "a (test, 9)", "for 1", "for 2"]


def test_a_failed_leg_cancels_the_later_ones_unless_told_otherwise(run):
    text = """
        jobs:
          a:
            runs-on: x
            strategy: {fail-fast: %s, matrix: {n: [0, 1, 2]}}
            steps: [{run: 'exit $(( ${{ matrix.n }} == 1 ))'}]
        """
    told = run(text % "true")
    assert [job.conclusion for job in told.jobs.values()] == ["success", "failure", "cancelled"]
    assert told.completed.conclusion == "failure"


def test_without_fail_fast_every_leg_runs(run):
    told = run("""
        jobs:
          a:
            runs-on: x
            strategy: {fail-fast: false, matrix: {n: [1, 0]}}
            steps: [{run: 'exit ${{ matrix.n }}'}]
        """)
    assert [job.conclusion for job in told.jobs.values()] == ["failure", "success"]


@pytest.mark.parametrize("matrix", ["{n: []}", "'${{ fromJSON(''[]'') }}'", "{n: [1], exclude: [{n: 1}]}"])
def test_a_matrix_without_combinations_fails_its_job(run, matrix):
    told = run(f"jobs: {{a: {{runs-on: x, strategy: {{matrix: {matrix}}}, steps: [{{run: 'true'}}]}}}}")
    assert told.jobs["a"].conclusion == "failure"
    assert told.jobs["a"].because.startswith(".github/workflows/w.yaml:2: ")


def test_a_step_out_of_time_fails_and_its_children_die(run, tmp_path):
    began = time.monotonic()
    told = run(f"""
        jobs:
          a:
            runs-on: x
            steps:
              - run: sh -c 'echo $$ > {tmp_path}/pid; exec sleep 30' | cat; echo never
                timeout-minutes: 0.002
              - run: echo cleanup
                if: failure()
        """)
    assert time.monotonic() - began < 5
    assert not is_alive(int((tmp_path / "pid").read_text()))
    assert [step.conclusion for step in told.steps] == ["failure", "success"]
    assert "The action has timed out." in told.log
    assert told.jobs["a"].conclusion == "failure"


def test_a_job_out_of_time_is_timed_out_and_still_cleans_up(run):
    told = run("""
        jobs:
          a:
            runs-on: x
            timeout-minutes: 0.002
            steps:
              - run: sleep 30
              - run: echo never
              - run: echo "cleanup ${{ job.status }}"
                if: always()
          b:
            needs: a
            if: always()
            runs-on: x
            steps: [{run: 'echo ${{ needs.a.result }}'}]
        """)
    assert [step.conclusion for step in told.steps] == ["timed_out", "skipped", "success", "success"]
    assert "cleanup cancelled\n" in told.log
    assert told.steps[-1].log == "cancelled\n"
    assert (told.jobs["a"].conclusion, told.completed.conclusion) == ("timed_out", "timed_out")


def test_cancelling_ends_the_step_at_work_and_runs_what_asks_for_it(run, tmp_path):
    cancel = threading.Event()
    ready = tmp_path / "ready"
    os.mkfifo(ready)

    def press():
        ready.read_bytes()  # returns once the step has opened the pipe
        cancel.set()

    finger = threading.Thread(target=press)
    finger.start()
    told = run(
        f"""
        jobs:
          a:
            runs-on: x
            steps:
              - run: |
                  trap 'echo gave the lock back; exit 1' INT
                  echo > {ready}
                  sleep 30 & wait
              - run: echo never
              - run: echo cleanup
                if: cancelled()
          b:
            runs-on: x
            steps: [{{run: echo never}}]
        """,
        cancel=cancel,
    )
    finger.join()
    assert [step.conclusion for step in told.steps] == ["cancelled", "skipped", "success"]
    assert "gave the lock back" in told.log
    assert {name: job.conclusion for name, job in told.jobs.items()} == {"a": "cancelled", "b": "cancelled"}
    assert told.completed.conclusion == "cancelled"


def test_a_run_cancelled_between_two_steps_is_cancelled(run):
    cancel = threading.Event()

    def watch(event):
        if isinstance(event, StepCompleted):
            cancel.set()

    told = run(steps("echo one", "echo two"), cancel=cancel, watch=watch)
    assert [step.conclusion for step in told.steps] == ["success", "skipped"]
    assert told.completed.conclusion == "cancelled"


def test_a_run_cancelled_before_it_starts_runs_nothing(run):
    cancel = threading.Event()
    cancel.set()
    told = run(steps("echo one"), cancel=cancel)
    assert [type(event) for event in told.events[:2]] == [RunStarted, JobQueued]
    assert (told.jobs["a"].conclusion, told.steps) == ("cancelled", [])


def test_what_a_step_leaves_in_the_background_lives_until_the_job_ends(run, tmp_path):
    told = run(steps("sleep 300 & echo $! > ../pid", "kill -0 $(cat ../pid) && echo alive"))
    assert "alive" in told.log
    pid = int((tmp_path / "work/job1/pid").read_text())
    deadline = time.monotonic() + 2
    while is_alive(pid):
        assert time.monotonic() < deadline, "the background process survived its job"


def test_a_file_that_cannot_be_run_ends_as_a_failure_that_says_where(run):
    told = run("jobs:\n  a:\n    runs-on: x\n    container: alpine\n    steps: [{run: x}]")
    assert told.completed.conclusion == "failure"
    assert told.completed.because == ".github/workflows/w.yaml:5: 'container' of job 'a' is not supported"
    assert len(told.events) == 2


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
