"""Runs of real workflows, from the first event to the last: real bash, in real folders."""

import os
import threading
import time
from pathlib import Path

from one_job import steps

from sonde.sandbox.runner.model import JobQueued, OidcGrant, RunStarted, StepCompleted


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


def test_a_step_out_of_time_fails_and_its_children_die(run, tmp_path):
    began = time.monotonic()
    told = run(f"""
        jobs:
          a:
            runs-on: x
            steps:
              - run: sh -c 'echo $$ > {tmp_path}/pid; exec sleep 600' | cat; echo never
                timeout-minutes: 0.002
              - run: echo cleanup
                if: failure()
        """)
    assert time.monotonic() - began < 300
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
    deadline = time.monotonic() + 30
    while is_alive(pid):
        assert time.monotonic() < deadline, "the background process survived its job"


def test_a_file_that_cannot_be_run_ends_as_a_failure_that_says_where(run):
    told = run("jobs:\n  a:\n    runs-on: x\n    container: alpine\n    steps: [{run: x}]")
    assert told.completed.conclusion == "failure"
    assert told.completed.because == ".github/workflows/w.yaml:5: 'container' of job 'a' is not supported"
    assert len(told.events) == 2
