"""Repositories, files and git objects as the API shows them (`sandbox/api/repos.py`, `gitdata.py`)."""

import base64
import hashlib

import pytest

REPO = "/repos/acme/infra"


def test_a_repository_is_found_without_regard_to_case_and_after_a_rename_by_its_new_name(client, github):
    assert client.get("/repos/ACME/Infra").json()["full_name"] == "acme/infra"
    github.world.rename("acme/infra", "acme/platform")
    assert client.get("/repos/acme/platform").json()["id"] == github.world.repository("acme/platform").id
    assert client.get(REPO).status_code == 404


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
