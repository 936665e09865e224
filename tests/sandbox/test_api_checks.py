"""Check runs (`sandbox/api/checks.py`)."""

import pytest

REPO = "/repos/acme/infra"


def test_a_check_run_is_made_changed_and_found(client, pull):
    made = client.post(f"{REPO}/check-runs", {"name": "Sonde", "head_sha": pull.head_sha, "external_id": "e1"}).json()
    assert made["status"] == "queued"
    path = f"{REPO}/check-runs/{made['id']}"
    output = {"title": "2 of 3", "summary": "…", "text": "…"}
    assert client.patch(path, {"status": "in_progress", "output": output}).json()["output"]["title"] == "2 of 3"
    done = client.patch(path, {"conclusion": "neutral", "actions": []}).json()
    assert (done["status"], done["conclusion"], done["external_id"]) == ("completed", "neutral", "e1")
    assert client.get(path).json() == done
    found = client.get(f"{REPO}/commits/{pull.head_sha}/check-runs", params={"check_name": "Sonde"}).json()
    assert found == {"total_count": 1, "check_runs": [done]}


def test_only_the_latest_check_run_of_a_name_is_listed_by_default(client, pull):
    for _ in range(2):
        client.post(f"{REPO}/check-runs", {"name": "Sonde", "head_sha": pull.head_sha})
    path = f"{REPO}/commits/{pull.head_sha}/check-runs"
    assert client.get(path).json()["total_count"] == 1
    assert client.get(path, params={"filter": "all"}).json()["total_count"] == 2


def test_the_check_run_of_a_job_is_not_ours_to_change(client, github, pull):
    run_id = next(iter(github.executor.requests))
    job = github.executor.begin(run_id)
    refused = client.patch(f"{REPO}/check-runs/{job.check_run_id}", {"conclusion": "success"})
    assert refused.status_code == 403
    assert "can only be modified by the GitHub App that created it" in refused.json()["message"]


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"head_sha": "0" * 40}, "No commit found for SHA"),
        (
            {"output": {"title": "t", "summary": "x" * 65_536}},
            "Only 65535 characters are allowed; 65536 were supplied.",
        ),
        ({"status": "completed"}, '"conclusion" wasn\'t supplied.'),
        ({"name": None}, '"name" wasn\'t supplied.'),
    ],
)
def test_a_wrong_check_run_is_refused(client, github, pull, fields, sentence):
    refused = client.post(f"{REPO}/check-runs", {"name": "Sonde", "head_sha": pull.head_sha} | fields)
    assert refused.status_code == 422
    assert sentence in refused.json()["message"]
    assert not github.world.check_runs("acme/infra", pull.head_sha)
