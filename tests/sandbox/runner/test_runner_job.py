"""Jobs of one run: their order, their outputs, and the combinations of a matrix."""

import pytest

from sonde.sandbox.runner.model import JobStarted


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
