"""The REST API answers as GitHub's OpenAPI description says; the client in conftest holds every exchange against it."""

import base64
import hashlib

import pytest
from published import operation

from sonde.sandbox.api.actions import created_matches
from sonde.sandbox.api.routes import ROUTES

REPO = "/repos/acme/infra"


def test_every_route_is_one_of_githubs():
    for route in ROUTES:
        operation(route.method, route.path.replace("{", "").replace("}", ""))


def test_the_app_and_its_installations_are_described(client):
    number = client.as_app("GET", "/app/installations").json()[0]["id"]
    assert client.as_app("GET", "/app").json()["slug"] == "sonde-sandbox"
    assert client.as_app("GET", f"/app/installations/{number}").json()["account"]["login"] == "acme"
    for path in (f"{REPO}/installation", "/orgs/acme/installation"):
        assert client.as_app("GET", path).json()["id"] == number


def test_a_token_lives_one_hour(client, github, clock):
    token = client.installation_token().json()
    assert client.get(REPO, bearer=token["token"]).status_code == 200
    clock.advance(seconds=3599)
    assert client.get(REPO, bearer=token["token"]).status_code == 200
    clock.advance(seconds=1)
    assert client.get(REPO, bearer=token["token"]).json()["message"] == "Bad credentials"


def test_a_token_can_be_narrowed_to_permissions(client):
    token = client.installation_token(permissions={"checks": "read"}).json()["token"]
    refused = client.post(f"{REPO}/actions/workflows/plan.yaml/dispatches", {"ref": "main"}, bearer=token)
    assert (refused.status_code, refused.json()["message"]) == (403, "Resource not accessible by integration")


def test_a_token_for_one_repository_does_not_see_another(client, github):
    other = github.world.create_repository("acme/other", {"a": "1"})
    token = client.installation_token(repository_ids=[other.id]).json()
    assert [one["name"] for one in token["repositories"]] == ["other"]
    assert client.get(REPO, bearer=token["token"]).status_code == 404
    listed = client.get("/installation/repositories", bearer=token["token"]).json()
    assert [one["full_name"] for one in listed["repositories"]] == ["acme/other"]


def test_more_permission_than_was_granted_is_refused(client):
    refused = client.installation_token(permissions={"metadata": "write"})
    sentence = "The permissions requested are not granted to this installation."
    assert (refused.status_code, refused.json()["message"]) == (422, sentence)


def test_a_revoked_token_is_dead(client):
    token = client.installation_token().json()["token"]
    assert client.request("DELETE", "/installation/token", bearer=token).status_code == 204
    assert client.get(REPO, bearer=token).status_code == 401


@pytest.mark.parametrize(
    ("claims", "sentence"),
    [
        ({"iss": "1"}, "could not be decoded"),
        ({"exp": 1}, "must be a numeric value representing the future time"),
        ({"exp": 99_999_999_999}, "is too far in the future"),
        ({"iat": 99_999_999_999}, "'Issued at' claim"),
    ],
)
def test_a_wrong_app_jwt_is_refused_with_githubs_sentence(client, claims, sentence):
    refused = client.request("GET", "/app", bearer=client.app_jwt(**claims))
    assert refused.status_code == 401
    assert sentence in refused.json()["message"]


def test_an_app_jwt_with_another_signature_is_refused(client):
    good = client.app_jwt()
    forged = good[:-8] + ("AAAAAAAA" if not good.endswith("AAAAAAAA") else "BBBBBBBB")
    assert client.request("GET", "/app", bearer=forged).status_code == 401


def test_a_suspended_installation_mints_nothing_and_its_tokens_die(client, github):
    token = client.installation_token().json()["token"]
    github.world.suspend("acme")
    assert client.installation_token().status_code == 403
    assert client.get(REPO, bearer=token).status_code == 401


def test_a_repository_is_found_without_regard_to_case_and_after_a_rename_by_its_new_name(client, github):
    assert client.get("/repos/ACME/Infra").json()["full_name"] == "acme/infra"
    github.world.rename("acme/infra", "acme/platform")
    assert client.get("/repos/acme/platform").json()["id"] == github.world.repository("acme/platform").id
    assert client.get(REPO).status_code == 404


# --- contents


def test_a_file_has_gits_own_blob_sha(client):
    shown = client.get(f"{REPO}/contents/README.md").json()
    assert base64.b64decode(shown["content"]) == b"hello\n"
    assert shown["sha"] == hashlib.sha1(b"blob 6\0hello\n").hexdigest()


def test_an_unchanged_file_is_304_and_costs_nothing(client):
    first = client.get(f"{REPO}/contents/README.md")
    again = client.get(f"{REPO}/contents/README.md", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["x-ratelimit-remaining"] == first.headers["x-ratelimit-remaining"]


def test_a_file_can_be_had_raw_and_at_a_ref(client, github):
    github.world.commit("acme/infra", "feature/deep", {"README.md": "other\n"}, author="octo-dev")
    raw = client.get(
        f"{REPO}/contents/README.md",
        params={"ref": "feature/deep"},
        headers={"Accept": "application/vnd.github.raw+json"},
    )
    assert raw.content == b"other\n"


def test_a_folder_lists_its_files(client):
    rows = client.get(f"{REPO}/contents/.github/workflows").json()
    assert [row["name"] for row in rows] == ["affected.yaml", "closed.yaml", "plan.yaml"]


@pytest.mark.parametrize(
    ("path", "message"),
    [("/contents/none", "Not Found"), ("/contents/README.md?ref=none", "No commit found for the ref none")],
)
def test_what_is_not_there_is_404(client, path, message):
    refused = client.get(REPO + path.partition("?")[0], params={"ref": "none"} if "?" in path else None)
    assert (refused.status_code, refused.json()["message"]) == (404, message)


def test_branches_refs_and_commits(client, github):
    sha = github.world.commit("acme/infra", "feature/x", {"a": "1"}, author="octo-dev")
    github.world.release("acme/infra", "v1", author="octo-dev")
    assert client.get(f"{REPO}/branches/feature/x").json()["commit"]["sha"] == sha
    assert client.get(f"{REPO}/git/ref/heads/feature/x").json()["object"]["sha"] == sha
    assert client.get(f"{REPO}/git/ref/tags/v1").json()["object"]["sha"] == github.world.head("acme/infra")
    assert client.get(f"{REPO}/commits/feature/x").json()["sha"] == sha
    assert client.get(f"{REPO}/branches/none").json()["message"] == "Branch not found"
    assert client.get(f"{REPO}/releases/tags/v1").json() == client.get(f"{REPO}/releases/latest").json()
    assert [one["tag_name"] for one in client.get(f"{REPO}/releases").json()] == ["v1"]


@pytest.mark.parametrize(
    ("login", "permission", "role"),
    [("octo-dev", "write", "write"), ("keeper", "write", "maintain"), ("stranger", "none", "none")],
)
def test_a_collaborators_permission(client, github, login, permission, role):
    github.world.grant("acme/infra", "keeper", "maintain")
    github.world.add_user("stranger")
    shown = client.get(f"{REPO}/collaborators/{login}/permission").json()
    assert (shown["permission"], shown["role_name"]) == (permission, role)


# --- pull requests and comments


def test_a_pull_request_with_its_files_and_counts(client, pull):
    shown = client.get(f"{REPO}/pulls/1").json()
    assert (shown["head"]["sha"], shown["mergeable"], shown["changed_files"]) == (pull.head_sha, True, 1)
    assert (shown["additions"], shown["deletions"], shown["commits"]) == (1, 1, 1)
    assert [row["filename"] for row in client.get(f"{REPO}/pulls/1/files").json()] == ["stacks/dev.yaml"]
    assert client.get(f"{REPO}/pulls/2").status_code == 404


def test_pull_requests_are_found_by_commit_before_and_after_the_merge(client, github, pull):
    def numbers(sha):
        return [row["number"] for row in client.get(f"{REPO}/commits/{sha}/pulls").json()]

    assert numbers(pull.head_sha) == [1]
    merged = github.world.merge(pull)
    assert numbers(merged) == [1]
    assert client.get(f"{REPO}/commits/{'0' * 40}/pulls").status_code == 422


def test_pull_requests_are_listed_by_state(client, github, pull):
    github.world.commit("acme/infra", "second", {"b": "2"}, author="octo-dev")
    github.world.open_pull_request("acme/infra", head="second", author="octo-dev")
    github.world.close(pull)
    for state, expected in (("open", [2]), ("closed", [1]), ("all", [2, 1])):
        rows = client.get(f"{REPO}/pulls", params={"state": state}).json()
        assert [row["number"] for row in rows] == expected


def test_comments_are_written_changed_listed_and_deleted(client, github, pull):
    made = client.post(f"{REPO}/issues/1/comments", {"body": "<!-- sonde -->hello"}).json()
    assert made["user"]["login"] == "sonde-sandbox[bot]"
    changed = client.patch(f"{REPO}/issues/comments/{made['id']}", {"body": "again"}).json()
    assert changed["body"] == "again"
    assert client.get(f"{REPO}/issues/comments/{made['id']}").json() == changed
    assert client.get(f"{REPO}/issues/1/comments").json() == [changed]
    assert client.request("DELETE", f"{REPO}/issues/comments/{made['id']}").status_code == 204
    assert client.get(f"{REPO}/issues/1/comments").json() == []
    assert github.world.counters["comment created", "acme/infra", "1"] == 1


@pytest.mark.parametrize(("body", "status"), [("x" * 65_536, 201), ("x" * 65_537, 422), ("", 422)])
def test_a_comment_has_githubs_greatest_length(client, pull, body, status):
    assert client.post(f"{REPO}/issues/1/comments", {"body": body}).status_code == status


def test_lists_are_paged_with_links(client, github, pull):
    for number in range(5):
        github.world.create_comment(github.world.repository("acme/infra"), 1, str(number), author="octo-dev")
    first = client.get(f"{REPO}/issues/1/comments", params={"per_page": "2"})
    assert [row["body"] for row in first.json()] == ["0", "1"]
    assert first.links["next"]["url"].endswith("?per_page=2&page=2")
    last = client.get(f"{REPO}/issues/1/comments", params={"per_page": "2", "page": "3"})
    assert [row["body"] for row in last.json()] == ["4"]
    assert "next" not in last.links


# --- check runs


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


# --- workflows


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


# --- the App's webhook


def test_the_hook_is_configured_by_its_own_route(client, github):
    config = client.as_app("PATCH", "/app/hook/config", json={"url": "https://sonde.example/webhooks", "secret": "s"})
    assert config.json()["url"] == "https://sonde.example/webhooks"
    assert client.as_app("GET", "/app/hook/config").json()["secret"] == "********"
    assert github.world.records.app.webhook_secret == "s"


def test_what_is_unknown_is_404_and_is_recorded(client, github):
    answer = client.http.get(f"{github.api_url}/zen")
    assert (answer.status_code, answer.json()["message"]) == (404, "Not Found")
    assert github.world.unknown_requests == ["GET /zen"]
    github.world.unknown_requests.clear()


def test_an_exhausted_budget_is_refused_until_its_reset(client, github, clock):
    assert client.get(REPO).headers["x-ratelimit-limit"] == "5000"
    github.api.exhaust(seconds=120)
    refused = client.get(REPO)
    assert (refused.status_code, refused.headers["x-ratelimit-remaining"]) == (403, "0")
    assert "API rate limit exceeded for installation ID" in refused.json()["message"]
    assert int(refused.headers["x-ratelimit-reset"]) == int(clock().timestamp()) + 120
    clock.advance(seconds=120)
    assert client.get(REPO).status_code == 200


def test_requests_are_counted_by_route(client, github):
    client.get(f"{REPO}/contents/README.md")
    client.get(f"{REPO}/contents/stacks/dev.yaml")
    assert github.world.counters["request", "GET", "/repos/{owner}/{repo}/contents/{path}"] == 2
