"""One run of a workflow: its jobs in the order of their needs, one after another.

GitHub runs independent jobs side by side; here they follow each other, so that a run is the same every time. Whatever is
wrong with the workflow file ends the run as a failure that says why; `execute` raises only what `report` raises.
"""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sonde.sandbox.runner.contexts import Folders, run_contexts
from sonde.sandbox.runner.expressions import condition, interpolate, names_in, resolve
from sonde.sandbox.runner.functions import Status
from sonde.sandbox.runner.job import run_job
from sonde.sandbox.runner.matrix import combinations
from sonde.sandbox.runner.model import (
    Conclusion,
    ExpressionError,
    JobCompleted,
    JobFacts,
    JobQueued,
    JobStarted,
    Report,
    RunCompleted,
    RunnerError,
    RunRequest,
    RunStarted,
)
from sonde.sandbox.runner.start import validate_inputs
from sonde.sandbox.runner.step import JobPlan
from sonde.sandbox.runner.values import to_text, truthy
from sonde.sandbox.runner.workflow import DEFAULT_PERMISSIONS, Job, Workflow, parse


@dataclass
class Run:
    """A run under way. `results` is what `needs` sees: success, failure, cancelled or skipped."""

    request: RunRequest
    workflow: Workflow
    contexts: Mapping[str, Any]
    report: Report
    cancel: threading.Event
    results: dict[str, str] = field(default_factory=dict)
    outputs: dict[str, dict[str, str]] = field(default_factory=dict)
    troubles: list[JobCompleted] = field(default_factory=list)  # jobs that did not succeed, and were not allowed to
    jobs: int = 0  # started so far


def execute(request: RunRequest, report: Report, cancel: threading.Event | None = None) -> Conclusion:
    """Run the workflow for real and report what happens, in order, on this thread. Set `cancel` to end it early.

    Events: RunStarted, then for each job JobQueued, JobStarted, StepCompleted…, JobCompleted, at last RunCompleted.
    A job that does not run has no JobStarted. The folders under `request.work` stay; they are the caller's to remove.
    """
    try:
        workflow = parse(request.workflow_text, request.workflow_path)
        dispatched = request.event_name == "workflow_dispatch"
        inputs = validate_inputs(workflow, request.inputs) if dispatched else {}
        contexts = run_contexts(request, workflow, inputs)
        group = interpolate(workflow.concurrency_group or "", contexts)
        started = RunStarted(request.run_id, title(request, workflow, contexts), group)
    except RunnerError as error:
        report(RunStarted(request.run_id, request.workflow_path))
        report(RunCompleted(request.run_id, "failure", str(error)))
        return "failure"
    report(started)
    run = Run(request, workflow, contexts, report, cancel or threading.Event())
    for job in workflow.jobs.values():
        run_legs(run, job)
    conclusion, because = verdict(run)
    report(RunCompleted(request.run_id, conclusion, because))
    return conclusion


def title(request: RunRequest, workflow: Workflow, contexts: Mapping[str, Any]) -> str:
    """`run-name`; without one the pull request's title, else the workflow's name."""
    rendered = interpolate(workflow.run_name or "", contexts).strip()
    of_pull_request = (request.payload.get("pull_request") or {}).get("title", "")
    return rendered or of_pull_request or workflow.name


def ancestors(workflow: Workflow, job: Job) -> set[str]:
    found = set(job.needs)
    for need in job.needs:
        found |= ancestors(workflow, workflow.jobs[need])
    return found


def status_before(run: Run, job: Job) -> Status:
    """What the job's `if` asks: of all jobs that it needs, directly or not, and of the run."""
    before = [run.results[key] for key in ancestors(run.workflow, job)]
    incomplete = any(result in ("cancelled", "skipped") for result in before)
    return Status(failed="failure" in before, incomplete=incomplete, cancelled=run.cancel.is_set())


def run_legs(run: Run, job: Job) -> None:
    """Run the job, or each leg of its matrix, and keep the result for those that need it."""
    needs = {key: {"result": run.results[key], "outputs": run.outputs[key]} for key in job.needs}
    contexts = {**run.contexts, "needs": needs, "matrix": {}, "strategy": {}}
    status = status_before(run, job)
    try:
        if not condition(job.condition, contexts, status):
            finish(run, job, [(left_out(run, job, contexts, status), contexts)])
            return
        legs = expand(job, contexts)
        shown = [(shown_name(job, leg), environment_of(job, leg)) for leg in legs]
    except ExpressionError as error:
        facts = queue(run, job, job.key, None)
        finish(run, job, [(not_run(run, facts, "failure", f"{job.where}: {error}"), contexts)])
        return
    queued = [queue(run, job, name, environment) for name, environment in shown]
    ended: list[tuple[JobCompleted, Mapping[str, Any]]] = []
    for facts, leg in zip(queued, legs, strict=True):
        ended.append((run_leg(run, job, facts, leg, broken=not all(is_fine(job, *one) for one in ended)), leg))
    finish(run, job, ended)


def expand(job: Job, contexts: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The contexts of each leg: with `matrix` and `strategy`."""
    matrices = [{}] if job.matrix is None else combinations(resolve(job.matrix, contexts))
    strategy = {"fail-fast": resolve(job.fail_fast, contexts), "job-total": len(matrices), "max-parallel": 1}
    return [
        {**contexts, "matrix": matrix, "strategy": {**strategy, "job-index": at}} for at, matrix in enumerate(matrices)
    ]


def shown_name(job: Job, leg: Mapping[str, Any]) -> str:
    """The job's `name`, else its key; with the values of its matrix, unless the name speaks of them itself."""
    name = interpolate(job.name, leg) if job.name else job.key
    values = [to_text(value) for value in leg["matrix"].values() if not isinstance(value, (dict, list))]
    if not values or "matrix" in names_in(job.name or "")[0]:
        return name
    return f"{name} ({', '.join(values)})"


def environment_of(job: Job, leg: Mapping[str, Any]) -> str | None:
    return interpolate(job.environment, leg) or None if job.environment else None


def queue(run: Run, job: Job, name: str, environment: str | None) -> JobFacts:
    granted = job.permissions if job.permissions is not None else run.workflow.permissions
    permissions = dict(DEFAULT_PERMISSIONS if granted is None else granted)
    facts = JobFacts(job.key, name, run.request.allocate_job_id(name), environment, permissions)
    run.report(JobQueued(run.request.run_id, facts))
    return facts


def not_run(run: Run, facts: JobFacts, conclusion: Conclusion, because: str) -> JobCompleted:
    completed = JobCompleted(run.request.run_id, facts, conclusion, {}, "", because)
    run.report(completed)
    return completed


def left_out(run: Run, job: Job, contexts: Mapping[str, Any], status: Status) -> JobCompleted:
    """A job whose `if` says no."""
    facts = queue(run, job, shown_name(job, contexts), environment_of(job, contexts))
    if status.cancelled:
        return not_run(run, facts, "cancelled", "The run was cancelled before this job started.")
    waited_for = [key for key in job.needs if run.results[key] != "success"]
    because = f"It needs {', '.join(waited_for)}, which did not succeed." if waited_for else "Its `if` was false."
    return not_run(run, facts, "skipped", because)


def run_leg(run: Run, job: Job, facts: JobFacts, leg: Mapping[str, Any], *, broken: bool) -> JobCompleted:
    """Run one leg. `broken`: an earlier leg of the matrix did not succeed."""
    if broken and truthy(leg["strategy"]["fail-fast"]):
        return not_run(run, facts, "cancelled", "Another job of the matrix failed, and fail-fast is on.")
    if run.cancel.is_set() and not condition(job.condition, leg, status_before(run, job)):
        return not_run(run, facts, "cancelled", "The run was cancelled before this job started.")
    run.report(JobStarted(run.request.run_id, facts))
    run.jobs += 1
    folders = Folders(run.request.work / f"job{run.jobs}")
    completed = run_job(JobPlan(run.request, run.workflow, job, facts, leg, folders, run.report, run.cancel))
    run.report(completed)
    return completed


def is_fine(job: Job, completed: JobCompleted, leg: Mapping[str, Any]) -> bool:
    """Whether the job succeeded, or failed with its `continue-on-error` on."""
    if completed.conclusion != "failure":
        return completed.conclusion in ("success", "skipped")
    try:
        return truthy(resolve(job.continue_on_error, leg))
    except ExpressionError:
        return False


def finish(run: Run, job: Job, ended: list[tuple[JobCompleted, Mapping[str, Any]]]) -> None:
    """Keep what the job's legs came to: its result and outputs for `needs`, its troubles for the run."""
    troubles = [completed for completed, leg in ended if not is_fine(job, completed, leg)]
    run.troubles += troubles
    if any(one.conclusion == "failure" for one in troubles):
        run.results[job.key] = "failure"
    elif troubles:
        run.results[job.key] = "cancelled"
    else:
        skipped = all(completed.conclusion == "skipped" for completed, _ in ended)
        run.results[job.key] = "skipped" if skipped else "success"
    # A later leg overwrites an earlier one's output, but not with nothing (GitHub docs, jobs.<id>.outputs).
    run.outputs[job.key] = {}
    for completed, _ in ended:
        kept = run.outputs[job.key]
        run.outputs[job.key] = kept | {
            name: text for name, text in completed.outputs.items() if text or name not in kept
        }


def verdict(run: Run) -> tuple[Conclusion, str]:
    """The run's conclusion, and the first job that led to it."""
    order: tuple[Conclusion, ...] = ("failure", "timed_out", "cancelled")
    if run.cancel.is_set():
        order = ("cancelled", "failure", "timed_out")
    for conclusion in order:
        for completed in run.troubles:
            if completed.conclusion == conclusion:
                return conclusion, f"Job {completed.job.name}: {completed.because}"
    if all(result == "skipped" for result in run.results.values()):
        return "skipped", "No job had anything to do."
    return "success", ""
