"""`createCommitOnBranch`: a signed commit by the App, if the branch is where the caller believes it."""

import base64

import pytest

from sonde.sandbox import git

QUERY = "mutation($input: CreateCommitOnBranchInput!) { createCommitOnBranch(input: $input) { commit { oid url } } }"


def encoded(text):
    return base64.b64encode(text.encode()).decode()


def ask(client, head, branch="feature", additions=(), deletions=(), repository="acme/infra", bearer=None, **more):
    client.token = client.token or client.installation_token().json()["token"]
    given = {
        "branch": {"repositoryNameWithOwner": repository, "branchName": branch},
        "message": {"headline": "By the App", "body": "Because: of this"},
        "expectedHeadOid": head,
        "fileChanges": {
            "additions": [{"path": path, "contents": encoded(text)} for path, text in additions],
            "deletions": [{"path": path} for path in deletions],
        },
    }
    url = client.sandbox.api_url.removesuffix("/v3") + "/graphql"
    body = {"query": QUERY, "variables": {"input": given | more}}
    return client.http.post(url, json=body, headers={"Authorization": f"Bearer {bearer or client.token}"})


def refused(answer, kind):
    assert answer.status_code == 200
    assert answer.json()["data"] == {"createCommitOnBranch": None}
    (error,) = answer.json()["errors"]
    assert (error["type"], error["path"]) == (kind, ["createCommitOnBranch"])
    return error["message"]


def test_the_app_commits_on_the_head_it_names(client, github, pull):
    head = pull.head_sha
    answer = ask(client, head, additions=[("stacks/new/file.yaml", "new\n")], deletions=["README.md"])
    sha = answer.json()["data"]["createCommitOnBranch"]["commit"]["oid"]
    assert github.world.head("acme/infra", "feature") == sha == pull.head_sha
    made = git.describe(github.world.bare(github.world.repository("acme/infra")), sha)
    assert (made.parents, made.author_name) == ((head,), "sonde-sandbox[bot]")
    assert made.message == "By the App\n\nBecause: of this"
    shown = client.get(f"/repos/acme/infra/compare/{head}...{sha}").json()
    assert {row["filename"]: row["status"] for row in shown["files"]} == {
        "README.md": "removed",
        "stacks/new/file.yaml": "added",
    }


def test_the_commit_is_a_push_of_the_app_to_the_pull_request(client, github, sink, pull):
    ask(client, pull.head_sha, additions=[("a", "1")])
    github.settle()
    assert {"push", "pull_request.synchronize"} <= set(sink.names())
    assert sink.arrived[-1][2]["sender"]["login"] == "sonde-sandbox[bot]"


def test_a_file_keeps_its_mode(client, github, pull):
    github.world.commit("acme/infra", "feature", {"run.sh": "#!/bin/sh\n"}, author="octo-dev")
    ask(client, pull.head_sha, additions=[("run.sh", "echo\n")])
    bare = github.world.bare(github.world.repository("acme/infra"))
    modes = {entry.path: entry.mode for entry in git.listing(bare, pull.head_sha, "")}
    assert modes["run.sh"] == "100755"


def test_a_moved_head_is_stale_data(client, github, pull):
    before = pull.head_sha
    github.world.commit("acme/infra", "feature", {"meanwhile": "1"}, author="octo-dev")
    assert refused(ask(client, before, additions=[("a", "1")]), "STALE_DATA") == (
        f'Expected branch to point to "{before}" but it did not. Pull and try again.'
    )
    assert "a" not in {
        entry.path for entry in git.listing(github.world.bare(github.world.repository("acme/infra")), pull.head_sha, "")
    }


def test_deleting_what_is_not_there_is_refused(client, pull):
    assert "deletion which does not exist" in refused(ask(client, pull.head_sha, deletions=["none"]), "NOT_FOUND")


@pytest.mark.parametrize("path", ["../a", "/a", "", "a//b", ".git/config", "./a"])
def test_a_malformed_path_is_refused(client, pull, path):
    refused(ask(client, pull.head_sha, additions=[(path, "1")]), "UNPROCESSABLE")


def test_a_token_that_may_only_read_contents_is_refused(client, pull):
    token = client.installation_token(permissions={"contents": "read"}).json()["token"]
    assert refused(ask(client, pull.head_sha, additions=[("a", "1")], bearer=token), "FORBIDDEN") == (
        "Resource not accessible by integration"
    )


def test_a_repository_out_of_reach_and_a_branch_that_is_not_there_are_not_found(client, github, pull):
    github.world.create_repository("else/where", {"a": "1"})
    refused(ask(client, pull.head_sha, repository="else/where", branch="main"), "NOT_FOUND")
    refused(ask(client, pull.head_sha, branch="none"), "NOT_FOUND")


def test_an_input_without_an_expected_head_is_no_commit(client, pull):
    answer = ask(client, None)
    assert "expectedHeadOid" in answer.json()["errors"][0]["message"]


def test_another_query_is_answered_with_what_is_known_here(client):
    client.token = client.installation_token().json()["token"]
    url = client.sandbox.api_url.removesuffix("/v3") + "/graphql"
    answer = client.http.post(
        url, json={"query": "{ viewer { login } }"}, headers={"Authorization": f"Bearer {client.token}"}
    )
    assert "createCommitOnBranch" in answer.json()["errors"][0]["message"]
