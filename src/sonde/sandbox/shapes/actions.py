"""Workflows, runs, jobs and check runs."""

from sonde.sandbox.model import CheckRun, Job, Repository, Run
from sonde.sandbox.shapes import accounts, pulls, repositories
from sonde.sandbox.shapes.accounts import Json, node_id, user
from sonde.sandbox.state import State


def workflow(world: State, of: Repository, path: str, name: str) -> Json:
    number = of.workflow_ids[path]
    page = repositories.page_url(world, of)
    file = path.rpartition("/")[2]
    return {
        "id": number,
        "node_id": node_id("W", number),
        "name": name,
        "path": path,
        "state": "active",
        "created_at": of.created_at,
        "updated_at": of.updated_at,
        "url": f"{repositories.api_url(world, of)}/actions/workflows/{number}",
        "html_url": f"{page}/blob/{of.default_branch}/{path}",
        "badge_url": f"{page}/actions/workflows/{file}/badge.svg",
    }


def run_url(world: State, run: Run) -> str:
    return f"{repositories.api_url(world, world.repository(run.repository_id))}/actions/runs/{run.id}"


def run_page(world: State, run: Run) -> str:
    return f"{repositories.page_url(world, world.repository(run.repository_id))}/actions/runs/{run.id}"


def run(world: State, one: Run) -> Json:
    """A run, for REST and for the webhook alike."""
    of = world.repository(one.repository_id)
    head = world.repository(one.head_repository_id)
    api = run_url(world, one)
    repo_api = repositories.api_url(world, of)
    return {
        "id": one.id,
        "name": one.workflow_name,
        "node_id": node_id("WFR", one.id),
        "head_branch": one.head_branch,
        "head_sha": one.head_sha,
        "path": one.workflow_path,
        "display_title": one.title,
        "run_number": one.number,
        "event": one.event,
        "status": one.status,
        "conclusion": one.conclusion,
        "workflow_id": one.workflow_id,
        "check_suite_id": one.check_suite_id,
        "check_suite_node_id": node_id("CS", one.check_suite_id),
        "url": api,
        "html_url": run_page(world, one),
        "pull_requests": pulls.of_head(world, of, one.head_sha) if one.pull_number else [],
        "created_at": one.created_at,
        "updated_at": one.updated_at,
        "actor": user(world, one.actor),
        "triggering_actor": user(world, one.triggered_by),
        "run_attempt": one.attempt,
        "referenced_workflows": [],
        "run_started_at": one.started_at or one.created_at,
        "jobs_url": f"{api}/jobs",
        "logs_url": f"{api}/logs",
        "check_suite_url": f"{repo_api}/check-suites/{one.check_suite_id}",
        "artifacts_url": f"{api}/artifacts",
        "cancel_url": f"{api}/cancel",
        "rerun_url": f"{api}/rerun",
        "previous_attempt_url": f"{api}/attempts/{one.attempt - 1}" if one.attempt > 1 else None,
        "workflow_url": f"{repo_api}/actions/workflows/{one.workflow_id}",
        "head_commit": repositories.simple_commit(world, of, one.head_sha),
        "repository": repositories.minimal(world, of),
        "head_repository": repositories.minimal(world, head),
    }


def job(world: State, one: Job) -> Json:
    parent = world.records.runs[one.run_id]
    of = world.repository(parent.repository_id)
    begun = one.status != "queued"
    return {
        "id": one.id,
        "run_id": one.run_id,
        "workflow_name": parent.workflow_name,
        "head_branch": parent.head_branch,
        "run_url": run_url(world, parent),
        "run_attempt": one.attempt,
        "node_id": node_id("CR", one.id),
        "head_sha": parent.head_sha,
        "url": f"{repositories.api_url(world, of)}/actions/jobs/{one.id}",
        "html_url": f"{run_page(world, parent)}/job/{one.id}",
        "status": one.status,
        "conclusion": one.conclusion,
        "created_at": one.created_at,
        "started_at": one.started_at or one.created_at,
        "completed_at": one.completed_at,
        "name": one.name,
        "steps": [_step(step, one) for step in one.steps],
        "check_run_url": f"{repositories.api_url(world, of)}/check-runs/{one.id}",
        "labels": ["ubuntu-latest"],
        "runner_id": 1 if begun else None,
        "runner_name": "sandbox" if begun else None,
        "runner_group_id": 1 if begun else None,
        "runner_group_name": "Default" if begun else None,
    }


def _step(step: Json, of: Job) -> Json:
    return {
        "name": step["name"],
        "status": "completed",
        "conclusion": step["conclusion"],
        "number": step["number"],
        "started_at": of.started_at,
        "completed_at": step["completed_at"],
    }


def check_run(world: State, one: CheckRun) -> Json:
    """A check run, for REST and for the webhook alike; an external id that was not given is empty, as on GitHub."""
    of = world.repository(one.repository_id)
    api = f"{repositories.api_url(world, of)}/check-runs/{one.id}"
    page = f"{repositories.page_url(world, of)}/runs/{one.id}"
    app = accounts.app(world, one.app_id)
    associated = pulls.of_head(world, of, one.head_sha)
    return {
        "id": one.id,
        "node_id": node_id("CR", one.id),
        "head_sha": one.head_sha,
        "name": one.name,
        "external_id": one.external_id,
        "url": api,
        "html_url": page,
        "details_url": one.details_url or app["external_url"],
        "status": one.status,
        "conclusion": one.conclusion,
        "started_at": one.started_at,
        "completed_at": one.completed_at,
        "output": {
            "title": one.output.get("title"),
            "summary": one.output.get("summary"),
            "text": one.output.get("text"),
            "annotations_count": len(one.annotations),
            "annotations_url": f"{api}/annotations",
        },
        "check_suite": _suite(world, one, app, associated),
        "app": app,
        "pull_requests": associated,
    }


def _suite(world: State, one: CheckRun, app: Json, associated: list[Json]) -> Json:
    of = world.repository(one.repository_id)
    return {
        "id": one.suite_id,
        "node_id": node_id("CS", one.suite_id),
        "head_branch": associated[0]["head"]["ref"] if associated else None,
        "head_sha": one.head_sha,
        "status": one.status,
        "conclusion": one.conclusion,
        "url": f"{repositories.api_url(world, of)}/check-suites/{one.suite_id}",
        "before": None,
        "after": one.head_sha,
        "pull_requests": associated,
        "app": app,
        "created_at": one.created_at,
        "updated_at": one.completed_at or one.created_at,
    }
