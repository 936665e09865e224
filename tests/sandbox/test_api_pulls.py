"""Pull requests and their comments (`sandbox/api/pulls.py`)."""

import pytest

REPO = "/repos/acme/infra"


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
