"""Workflows, dispatches, runs and their jobs (`sandbox/api/actions.py`)."""

import pytest

from sonde.sandbox.api.actions import created_matches

REPO = "/repos/acme/infra"


def test_a_dispatch_starts_one_run_and_says_which(client, github):
    details = client.dispatch(component="vpc", stack="dev").json()
    run = client.get(f"{REPO}/actions/runs/{details['workflow_run_id']}").json()
    assert (run["event"], run["status"], run["display_title"]) == ("workflow_dispatch", "queued", "plan vpc dev")
    assert (run["actor"]["login"], run["head_branch"]) == ("sonde-sandbox[bot]", "main")
    assert run["url"] == details["run_url"]
    request = github.executor.requests[run["id"]]
    assert (request.ref, request.inputs) == ("refs/heads/main", {"component": "vpc", "stack": "dev"})


def test_a_dispatch_without_the_wish_for_details_is_204(client, github):
    body = {"ref": "main", "inputs": {"component": "vpc"}}
    assert client.post(f"{REPO}/actions/workflows/plan.yaml/dispatches", body).status_code == 204
    assert github.world.counters["dispatch", ".github/workflows/plan.yaml", "component=vpc"] == 1


@pytest.mark.parametrize(
    ("workflow", "ref", "inputs", "status", "sentence"),
    [
        ("none.yaml", "main", {}, 404, "Not Found"),
        ("affected.yaml", "main", {}, 422, "Workflow does not have 'workflow_dispatch' trigger"),
        ("plan.yaml", "none", {"component": "vpc"}, 422, "No ref found for: none"),
        ("plan.yaml", "main", {}, 422, "Required input 'component' not provided"),
        ("plan.yaml", "main", {"component": "a", "x": "1"}, 422, 'Unexpected inputs provided: ["x"]'),
        ("plan.yaml", "main", {"component": "a", "size": "huge"}, 422, "not in the list of allowed values"),
        ("plan.yaml", "main", {f"i{n}": "" for n in range(26)}, 422, "No more than 25 properties are allowed; 26"),
    ],
)
def test_a_wrong_dispatch_is_refused_and_starts_nothing(client, github, workflow, ref, inputs, status, sentence):
    refused = client.dispatch(workflow, ref, **inputs)
    assert refused.status_code == status
    assert sentence in refused.json()["message"]
    assert not github.executor.requests


def test_a_dispatch_without_a_ref_is_refused(client):
    refused = client.post(f"{REPO}/actions/workflows/plan.yaml/dispatches", {"inputs": {}})
    assert (refused.status_code, refused.json()["message"]) == (422, 'Invalid request.\n\n"ref" wasn\'t supplied.')


def test_a_workflow_that_is_only_on_another_branch_cannot_be_dispatched(client, github):
    new = {".github/workflows/new.yaml": "on: workflow_dispatch\njobs: {a: {runs-on: x, steps: [{run: echo}]}}\n"}
    github.world.commit("acme/infra", "feature", new, author="octo-dev")
    assert client.dispatch("new.yaml", "feature").status_code == 404


def test_a_dispatch_runs_the_file_as_it_is_on_the_ref(client, github):
    changed = "name: Changed\non: workflow_dispatch\njobs: {a: {runs-on: x, steps: [{run: echo}]}}\n"
    github.world.commit("acme/infra", "feature", {".github/workflows/plan.yaml": changed}, author="octo-dev")
    number = client.dispatch("plan.yaml", "feature").json()["workflow_run_id"]
    assert github.executor.requests[number].workflow_text == changed


def test_workflows_are_found_by_file_and_by_id(client):
    rows = client.get(f"{REPO}/actions/workflows").json()["workflows"]
    assert [row["path"].rpartition("/")[2] for row in rows] == ["affected.yaml", "closed.yaml", "plan.yaml"]
    for row in rows:
        assert client.get(f"{REPO}/actions/workflows/{row['id']}").json() == row
    assert client.dispatch(str(rows[2]["id"]), component="vpc").status_code == 200


def test_runs_are_found_by_what_a_client_knows(client, github, clock, pull):
    started = clock()
    clock.advance(minutes=5)
    dispatched = client.dispatch(component="vpc").json()["workflow_run_id"]

    def found(path="/actions/runs", **query):
        return [row["id"] for row in client.get(REPO + path, params=query).json()["workflow_runs"]]

    by_pull = next(number for number in github.executor.requests if number != dispatched)
    assert found() == [dispatched, by_pull]
    assert found(event="workflow_dispatch") == [dispatched]
    assert found(head_sha=pull.head_sha) == [by_pull]
    assert found(branch="feature") == [by_pull]
    assert found(actor="sonde-sandbox[bot]") == [dispatched]
    assert found("/actions/workflows/plan.yaml/runs") == [dispatched]
    after = started.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert found(created=f">{after}") == [dispatched]


@pytest.mark.parametrize(
    ("wanted", "matches"),
    [
        ("2026-11-23", True),
        ("2026-11-22", False),
        (">=2026-11-23T10:00:00Z", True),
        (">2026-11-23T10:00:00Z", False),
        ("<2026-11-23T10:00:01+00:00", True),
        ("2026-11-23T09:00:00Z..2026-11-23T10:00:00Z", True),
        ("*..2026-11-22", False),
        ("2026-11-23..*", True),
        (None, True),
    ],
)
def test_created_is_githubs_search_syntax(wanted, matches):
    assert created_matches("2026-11-23T10:00:00Z", wanted) is matches


def test_jobs_of_a_run_are_listed_with_their_check_runs(client, github):
    number = client.dispatch(component="vpc").json()["workflow_run_id"]
    github.executor.begin(number)
    (job,) = client.get(f"{REPO}/actions/runs/{number}/jobs").json()["jobs"]
    assert job["status"] == "in_progress"
    assert client.get(f"{REPO}/actions/jobs/{job['id']}").json() == job
    assert client.get(f"{REPO}/check-runs/{job['id']}").json()["app"]["slug"] == "github-actions"
    github.executor.complete(number, "failure")
    assert client.get(f"{REPO}/actions/runs/{number}").json()["conclusion"] == "failure"


def test_a_run_can_be_cancelled_once(client, github):
    number = client.dispatch(component="vpc").json()["workflow_run_id"]
    assert client.post(f"{REPO}/actions/runs/{number}/cancel").status_code == 202
    assert client.get(f"{REPO}/actions/runs/{number}").json()["conclusion"] == "cancelled"
    refused = client.post(f"{REPO}/actions/runs/{number}/cancel")
    assert (refused.status_code, refused.json()["message"]) == (
        409,
        "Cannot cancel a workflow run that is completed.",
    )
