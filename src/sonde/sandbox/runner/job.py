"""One job: its steps, one after another, in folders of its own."""

import json
import time
from typing import Any

from sonde.sandbox.runner import checkout, commands, process
from sonde.sandbox.runner.contexts import default_environment, job_contexts, texts
from sonde.sandbox.runner.expressions import interpolate, resolve
from sonde.sandbox.runner.functions import Status
from sonde.sandbox.runner.model import Conclusion, ExpressionError, JobCompleted, StepCompleted
from sonde.sandbox.runner.step import JobPlan, Running, StepResult, run_step, seconds_of
from sonde.sandbox.runner.values import truthy
from sonde.sandbox.runner.workflow import Step

AFTER_CANCEL_SECONDS = 300.0  # what `if: always()` steps get once the job is cancelled or out of time, as on GitHub


def run_job(plan: JobPlan) -> JobCompleted:
    """Run the job's steps and report each. The answer is the job's end, which the caller reports."""
    try:
        plan.folders.make()
        running = start(plan)
    except (ExpressionError, OSError) as error:
        return JobCompleted(plan.request.run_id, plan.facts, "failure", {}, "", f"The job could not start: {error}")
    ended: list[tuple[Conclusion, str]] = []
    try:
        for number, step in enumerate(plan.job.steps, 1):
            ended.append(take_step(plan, running, number, step))
        outputs = texts(plan.job.outputs, running.contexts)
    except ExpressionError as error:
        ended, outputs = [*ended, ("failure", f"outputs: {error}")], {}
    finally:
        process.sweep(running.processes)
    if running.status.cancelled:
        ended.append(("cancelled", "The operation was canceled."))  # perhaps between two steps
    conclusion, because = verdict(ended)
    summary = commands.masked("\n".join(running.summary), running.secrets)
    return JobCompleted(plan.request.run_id, plan.facts, conclusion, outputs, summary, because)


def start(plan: JobPlan) -> Running:
    """The job's environment and contexts; its OIDC grant only if its permissions have `id-token: write`."""
    contexts = job_contexts(plan.contexts, plan.facts, plan.folders)
    plan.folders.event.write_text(json.dumps(contexts["github"]["event"]))
    (plan.folders.home / ".gitconfig").write_text(checkout.git_config(plan.request))
    base = default_environment(plan.request, contexts, plan.folders)
    secrets = {value for value in plan.request.secrets.values() if value}
    grant = plan.request.oidc(plan.facts) if plan.facts.permissions.get("id-token") == "write" else None
    if grant:
        base |= {"ACTIONS_ID_TOKEN_REQUEST_URL": grant.url, "ACTIONS_ID_TOKEN_REQUEST_TOKEN": grant.token}
        secrets.add(grant.token)
    env = texts(plan.workflow.env, contexts) | texts(plan.job.env, contexts)
    seconds = seconds_of(plan.job.timeout_minutes, contexts)
    contexts |= {"env": env, "steps": {}, "job": {"status": "success", "check_run_id": plan.facts.check_run_id}}
    return Running(contexts, base, env, time.monotonic() + seconds, secrets)


def verdict(ended: list[tuple[Conclusion, str]]) -> tuple[Conclusion, str]:
    """The job's conclusion and why: a job out of time, else cancelled, else failed; the first of its kind says why.

    `timed_out` is a word of GitHub's API; its own runs are seen to end `cancelled` when a job exceeds its time.
    """
    for conclusion in ("timed_out", "cancelled", "failure"):
        for found, because in ended:
            if found == conclusion:
                return found, because
    return "success", ""


def take_step(plan: JobPlan, running: Running, number: int, step: Step) -> tuple[Conclusion, str]:
    """Run one step, report it, and let the next ones know. The answer is its conclusion, and why."""
    if plan.cancel.is_set():
        stop(running)
    running.contexts["job"] = {**running.contexts["job"], "status": job_status(running.status)}
    result = run_step(plan, running, number, step)
    conclusion = after_continue_on_error(running, step, result)
    if step.id:
        running.contexts["steps"][step.id] = remembered(result, conclusion)
    name = shown_name(running, step)
    running.contexts["env"] = running.env
    if conclusion in ("cancelled", "timed_out"):
        stop(running)
    elif conclusion == "failure":
        running.status = Status(failed=True, cancelled=running.status.cancelled)
    log = commands.masked(result.log, running.secrets)
    plan.report(StepCompleted(plan.request.run_id, plan.facts, number, name, conclusion, log))
    return conclusion, f"Step {number} ({name}): {commands.masked(result.because, running.secrets)}"


def stop(running: Running) -> None:
    """From here on only steps that ask for it run, and they get a time of their own."""
    if not running.status.cancelled:
        running.status = Status(failed=running.status.failed, cancelled=True)
        running.deadline = time.monotonic() + AFTER_CANCEL_SECONDS


def job_status(status: Status) -> str:
    if status.cancelled:
        return "cancelled"
    return "failure" if status.failed else "success"


def after_continue_on_error(running: Running, step: Step, result: StepResult) -> Conclusion:
    if result.outcome != "failure":
        return result.outcome
    try:
        return "success" if truthy(resolve(step.continue_on_error, running.contexts)) else "failure"
    except ExpressionError:
        return "failure"


def remembered(result: StepResult, conclusion: Conclusion) -> dict[str, Any]:
    """`steps.ID`. GitHub knows four results there; a job out of time is `cancelled`."""

    def known(word: Conclusion) -> str:
        return "cancelled" if word == "timed_out" else word

    return {"outputs": dict(result.outputs), "outcome": known(result.outcome), "conclusion": known(conclusion)}


def shown_name(running: Running, step: Step) -> str:
    """The step's `name`, else `Run` and its first line."""
    first_line = (step.uses or step.run or "").strip().split("\n", 1)[0]
    text = step.name or f"Run {first_line}"
    try:
        return commands.masked(interpolate(text, running.contexts), running.secrets)
    except ExpressionError:
        return text
