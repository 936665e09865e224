"""What an App writes to a repository: commits through the git database, files, pull requests, reviews, reruns."""

import base64

import pytest

REPO = "/repos/acme/infra"


@pytest.fixture
def feature(github):
    github.world.commit("acme/infra", "feature", {"stacks/dev.yaml": "vars: {a: 1}\n"}, "Set a", author="octo-dev")
    return github.world.open_pull_request("acme/infra", head="feature", author="octo-dev")


def commit_on(client, tip, content="vars: {a: 2}\n"):
    base = client.get(f"{REPO}/commits/{tip}").json()["commit"]["tree"]["sha"]
    blob = client.post(
        f"{REPO}/git/blobs", {"content": base64.b64encode(content.encode()).decode(), "encoding": "base64"}
    )
    rows = [
        {"path": "stacks/dev.yaml", "mode": "100644", "type": "blob", "sha": blob.json()["sha"]},
        {"path": "stacks/new.yaml", "mode": "100644", "type": "blob", "content": "new\n"},
        {"path": "README.md", "mode": "100644", "type": "blob", "sha": None},
    ]
    tree = client.post(f"{REPO}/git/trees", {"base_tree": base, "tree": rows}).json()["sha"]
    return client.post(f"{REPO}/git/commits", {"message": "By the App", "tree": tree, "parents": [tip]}).json()


def test_an_app_builds_a_commit_and_moves_the_branch_of_a_pull_request(client, github, feature):
    tip = feature.head_sha
    made = commit_on(client, tip)
    assert made["verification"]["verified"] is True
    assert made["author"]["name"] == "sonde-sandbox[bot]"
    moved = client.patch(f"{REPO}/git/refs/heads/feature", {"sha": made["sha"]})
    assert moved.json()["object"]["sha"] == made["sha"] == feature.head_sha
    shown = client.get(f"{REPO}/compare/{tip}...{made['sha']}").json()
    files = {row["filename"]: row["status"] for row in shown["files"]}
    assert files == {"README.md": "removed", "stacks/dev.yaml": "modified", "stacks/new.yaml": "added"}
    assert (shown["status"], shown["ahead_by"], shown["behind_by"]) == ("ahead", 1, 0)
    synchronize = github.world.payload(github.world.deliveries("pull_request", "synchronize")[0])
    assert synchronize["sender"]["login"] == "sonde-sandbox[bot]"


def test_a_commit_on_a_stale_tip_is_no_fast_forward(client, github, feature):
    made = commit_on(client, feature.head_sha)
    github.world.commit("acme/infra", "feature", {"meanwhile": "1"}, author="octo-dev")
    refused = client.patch(f"{REPO}/git/refs/heads/feature", {"sha": made["sha"]})
    assert (refused.status_code, refused.json()["message"]) == (422, "Update is not a fast forward")
    forced = client.patch(f"{REPO}/git/refs/heads/feature", {"sha": made["sha"], "force": True})
    assert forced.status_code == 200


def test_refs_are_made_once_and_deleted(client, github):
    sha = github.world.head("acme/infra")
    body = {"ref": "refs/heads/bot/branch", "sha": sha}
    assert client.post(f"{REPO}/git/refs", body).status_code == 201
    assert client.post(f"{REPO}/git/refs", body).json()["message"] == "Reference already exists"
    assert client.request("DELETE", f"{REPO}/git/refs/heads/bot/branch").status_code == 204
    assert client.request("DELETE", f"{REPO}/git/refs/heads/bot/branch").status_code == 422


@pytest.mark.parametrize("path", ["/etc/passwd", "a/../../b", ""])
def test_a_path_outside_of_the_tree_is_refused(client, path):
    rows = [{"path": path, "mode": "100644", "type": "blob", "content": "x"}]
    assert client.post(f"{REPO}/git/trees", {"tree": rows}).status_code == 422


def test_a_file_is_written_with_its_old_blob_named(client, github):
    path, body = f"{REPO}/contents/README.md", {"message": "m", "content": base64.b64encode(b"new\n").decode()}
    assert client.request("PUT", path, json=body).status_code == 422
    assert client.request("PUT", path, json={**body, "sha": "0" * 40}).status_code == 409
    sha = client.get(path).json()["sha"]
    written = client.request("PUT", path, json={**body, "sha": sha})
    assert (written.status_code, client.get(path).json()["sha"]) == (200, written.json()["content"]["sha"])
    assert client.request("PUT", f"{REPO}/contents/NEW.md", json=body).status_code == 201
    gone = client.request("DELETE", path, json={"message": "m", "sha": written.json()["content"]["sha"]})
    assert (gone.status_code, client.get(path).status_code) == (200, 404)


def test_an_app_opens_edits_closes_and_merges_a_pull_request(client, github):
    github.world.commit("acme/infra", "idea", {"i": "1"}, author="octo-dev")
    made = client.post(f"{REPO}/pulls", {"title": "Idea", "head": "idea", "base": "main", "body": "please"}).json()
    path = f"{REPO}/pulls/{made['number']}"
    assert client.patch(path, {"title": "Better idea", "state": "closed"}).json()["state"] == "closed"
    assert client.patch(path, {"state": "open"}).json()["title"] == "Better idea"
    assert client.get(f"{path}/merge").status_code == 404
    assert client.request("PUT", f"{path}/merge", json={"sha": "0" * 40}).status_code == 409
    merged = client.request("PUT", f"{path}/merge", json={"merge_method": "squash"}).json()
    assert merged["sha"] == github.world.head("acme/infra")
    assert client.get(f"{path}/merge").status_code == 204
    assert client.request("PUT", f"{path}/merge", json={}).status_code == 405


def test_a_pull_request_of_a_branch_that_is_not_there_is_refused(client):
    refused = client.post(f"{REPO}/pulls", {"title": "x", "head": "none", "base": "main"})
    assert refused.status_code == 422
    assert refused.json()["errors"] == [{"resource": "PullRequest", "field": "head", "code": "invalid"}]


def test_the_app_reviews_and_takes_its_review_back(client, github, feature):
    path = f"{REPO}/pulls/1/reviews"
    made = client.post(path, {"event": "APPROVE", "body": "all plans passed"}).json()
    assert (made["state"], made["commit_id"]) == ("APPROVED", feature.head_sha)
    assert client.get(path).json() == [made]
    gone = client.request("PUT", f"{path}/{made['id']}/dismissals", json={"message": "a new push"})
    assert gone.json()["state"] == "DISMISSED"
    assert client.post(path, {"event": "REQUEST_CHANGES"}).status_code == 422


def test_nobody_approves_his_own_pull_request(client, github):
    github.world.commit("acme/infra", "idea", {"i": "1"}, author="octo-dev")
    client.post(f"{REPO}/pulls", {"title": "Idea", "head": "idea", "base": "main"})
    refused = client.post(f"{REPO}/pulls/1/reviews", {"event": "APPROVE"})
    assert refused.json()["errors"] == ["Can not approve your own pull request"]


def test_a_rerun_is_the_next_attempt_of_the_same_run(client, github):
    number = client.dispatch(component="vpc").json()["workflow_run_id"]
    path = f"{REPO}/actions/runs/{number}"
    assert client.post(f"{path}/rerun").status_code == 403
    github.executor.complete(number, "failure")
    first = github.executor.requests[number]
    assert client.post(f"{path}/rerun-failed-jobs").status_code == 201
    again = github.executor.requests[number]
    assert (again.run_attempt, again.sha, again.inputs) == (2, first.sha, first.inputs)
    assert again.work != first.work
    shown = client.get(path).json()
    assert (shown["run_attempt"], shown["status"], shown["conclusion"]) == (2, "queued", None)
    assert shown["previous_attempt_url"].endswith("/attempts/1")
    assert client.get(f"{path}/jobs").json()["total_count"] == 0
    github.executor.begin(number)
    assert client.get(f"{path}/jobs").json()["jobs"][0]["run_attempt"] == 2


def test_what_a_job_writes_with_its_own_token_starts_nothing(client, github):
    number = client.dispatch(component="vpc").json()["workflow_run_id"]
    token = github.executor.requests[number].secrets["GITHUB_TOKEN"]
    github.world.commit("acme/infra", "idea", {"i": "1"}, author="octo-dev")
    made = client.post(f"{REPO}/pulls", {"title": "Idea", "head": "idea", "base": "main"}, bearer=token).json()
    assert made["user"]["login"] == "github-actions[bot]"
    assert list(github.executor.requests) == [number]


def test_the_newer_api_version_always_tells_the_run(client):
    body = {"ref": "main", "inputs": {"component": "vpc"}}
    newer = {"X-GitHub-Api-Version": "2026-03-10"}
    answer = client.post(f"{REPO}/actions/workflows/plan.yaml/dispatches", body, headers=newer)
    assert (answer.status_code, set(answer.json())) == (200, {"workflow_run_id", "run_url", "html_url"})
