"""Workflows, their runs and jobs."""

from collections.abc import Iterable

from sonde.sandbox.accounts import not_found
from sonde.sandbox.api.call import SECOND_VERSION, Call, Reply, paged
from sonde.sandbox.model import Run
from sonde.sandbox.shapes import actions


def list_workflows(call: Call) -> Reply:
    files = call.world.workflow_files(call.repository)
    page, links = paged(call, files)
    rows = [actions.workflow(call.world, call.repository, file.path, file.name) for file in page]
    return Reply(200, {"total_count": len(files), "workflows": rows}, links)


def get_workflow(call: Call) -> Reply:
    file = call.world.workflow_file(call.repository, call.params["workflow_id"])
    return Reply(200, actions.workflow(call.world, call.repository, file.path, file.name))


def dispatch(call: Call) -> Reply:
    """POST …/dispatches: 204, or 200 with the run if `return_run_details` or API version 2026-03-10 asks for it."""
    ref = call.required("ref")
    inputs = call.json.get("inputs") or {}
    run = call.world.dispatch(call.repository, call.params["workflow_id"], ref, inputs, actor=call.login)
    if not call.json.get("return_run_details") and call.version < SECOND_VERSION:
        return Reply(204)
    details = {
        "workflow_run_id": run.id,
        "run_url": actions.run_url(call.world, run),
        "html_url": actions.run_page(call.world, run),
    }
    return Reply(200, details)


def list_runs(call: Call) -> Reply:
    return _runs(call, call.world.records.runs.values())


def list_workflow_runs(call: Call) -> Reply:
    path = call.world.workflow_file(call.repository, call.params["workflow_id"]).path
    return _runs(call, (run for run in call.world.records.runs.values() if run.workflow_path == path))


def _runs(call: Call, candidates: Iterable[Run]) -> Reply:
    query = call.request.query

    def wanted(run: Run) -> bool:
        return (
            run.repository_id == call.repository.id
            and query.get("event") in (None, run.event)
            and query.get("head_sha") in (None, run.head_sha)
            and query.get("branch") in (None, run.head_branch)
            and query.get("actor") in (None, run.actor)
            and query.get("status") in (None, run.status, run.conclusion)
            and query.get("check_suite_id") in (None, str(run.check_suite_id))
            and created_matches(run.created_at, query.get("created"))
        )

    found = sorted(filter(wanted, candidates), key=lambda run: -run.id)
    page, links = paged(call, found)
    rows = [actions.run(call.world, run) for run in page]
    return Reply(200, {"total_count": len(found), "workflow_runs": rows}, links)


def created_matches(created: str, wanted: str | None) -> bool:
    """GitHub's search syntax for dates: `2026-11-23`, `>=2026-11-23T10:00:00Z`, `A..B` with `*` for no bound.

    A bound without a time means the whole day; times are compared as texts, all in UTC.
    """
    if not wanted:
        return True
    if ".." in wanted:
        low, _, high = wanted.partition("..")
        return (low == "*" or created_matches(created, f">={low}")) and (
            high == "*" or created_matches(created, f"<={high}")
        )
    operator = next((one for one in (">=", "<=", ">", "<") if wanted.startswith(one)), "")
    bound = wanted.removeprefix(operator).replace("+00:00", "Z")
    seen = created[: len(bound)]
    answers = {">=": seen >= bound, "<=": seen <= bound, ">": seen > bound, "<": seen < bound, "": seen == bound}
    return answers[operator]


def _run(call: Call) -> Run:
    run: Run = call.of_repository(call.world.records.runs, "run_id")
    return run


def get_run(call: Call) -> Reply:
    return Reply(200, actions.run(call.world, _run(call)))


def list_jobs(call: Call) -> Reply:
    jobs = call.world.jobs_of(_run(call).id)
    page, links = paged(call, jobs)
    return Reply(200, {"total_count": len(jobs), "jobs": [actions.job(call.world, one) for one in page]}, links)


def cancel(call: Call) -> Reply:
    call.world.cancel(_run(call).id)
    return Reply(202, {})


def rerun(call: Call) -> Reply:
    """POST …/rerun and …/rerun-failed-jobs: the next attempt of a completed run, here always the whole of it."""
    call.world.rerun(_run(call).id, actor=call.login)
    return Reply(201, {})


def get_job(call: Call) -> Reply:
    job = call.world.records.jobs.get(call.number("job_id"))
    if job is None or call.world.records.runs[job.run_id].repository_id != call.repository.id:
        raise not_found()
    return Reply(200, actions.job(call.world, job))
