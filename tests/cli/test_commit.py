"""`sonde pro commit`: what of the index travels, and what is said about the rest."""

import base64
import subprocess

import pytest

PR = {"GITHUB_HEAD_REF": "feature/x"}
SHA = {"success": True, "data": {"sha": "c0ffee"}}


@pytest.fixture
def commit(sonde, plane):
    plane.says((200, SHA))

    def run(*argv, env=None):
        return sonde("pro", "commit", "-m", "style: fmt", *argv, env=PR | (env or {}))

    return run


def git(checkout, *argv):
    subprocess.run(["git", *argv], cwd=checkout, check=True, capture_output=True)


def test_staged_files_and_deletions_are_sent_and_the_sha_printed(commit, plane, checkout):
    (checkout / "new.bin").write_bytes(b"\x00\xff")
    (checkout / "not-staged").write_text("x")
    git(checkout, "add", "new.bin")
    git(checkout, "rm", "-q", "README")
    done = commit("--comment", "formatted")
    assert (done.returncode, done.stdout) == (0, "c0ffee\n")
    assert plane.seen[0].body == {
        "branch": "feature/x",
        "changes": {
            "additions": [{"path": "new.bin", "contents": base64.b64encode(b"\x00\xff").decode()}],
            "deletions": [{"path": "README"}],
        },
        "commitMessage": "style: fmt",
        "comment": "formatted",
    }


def test_all_stages_every_change(commit, plane, checkout):
    (checkout / "a.tf").write_text("a")
    assert commit("-A").returncode == 0
    assert [item["path"] for item in plane.seen[0].body["changes"]["additions"]] == ["a.tf"]


def test_a_pattern_that_matches_nothing_ends_with_gits_own_code(commit, plane):
    assert commit("--add", "*.nothing").returncode == 128
    assert not plane.seen


def test_nothing_staged_is_a_success_without_a_request(commit, plane):
    done = commit()
    assert (done.returncode, done.stdout) == (0, "")
    assert "No changes to commit" in done.stderr
    assert not plane.seen


def test_a_rename_does_not_travel_and_that_is_said(commit, plane, checkout):
    git(checkout, "mv", "stacks/dev.yaml", "stacks/moved.yaml")
    done = commit()
    assert "Skipping stacks/dev.yaml → stacks/moved.yaml" in done.stderr
    assert not plane.seen


def test_renames_travel_when_git_shows_them_as_two_changes(commit, plane, checkout):
    git(checkout, "mv", "stacks/dev.yaml", "stacks/moved.yaml")
    git(checkout, "config", "diff.renames", "false")
    assert commit().returncode == 0
    changes = plane.seen[0].body["changes"]
    assert (changes["additions"][0]["path"], changes["deletions"][0]["path"]) == (
        "stacks/moved.yaml",
        "stacks/dev.yaml",
    )


def test_workflows_and_links_out_of_the_checkout_are_left_out(commit, plane, checkout, tmp_path):
    (tmp_path / "secret").write_text("s")
    (checkout / "link").symlink_to(tmp_path / "secret")
    (checkout / ".github").mkdir()
    (checkout / ".github" / "x.yaml").write_text("x")
    git(checkout, "add", "-A")
    done = commit()
    assert "all files were filtered out" in done.stderr
    assert "Skipping link: a link to what is outside" in done.stderr
    assert not plane.seen


@pytest.mark.parametrize(
    ("env", "argv", "says"),
    [
        ({"GITHUB_HEAD_REF": ""}, (), "GITHUB_HEAD_REF is not set"),
        ({"GITHUB_HEAD_REF": "fix/#12"}, (), "branch name contains invalid characters"),
        ({"GITHUB_HEAD_REF": "b" * 257}, (), "branch name is 257 characters"),
        ({}, ("-m", "é" * 251), "message is 502 characters"),
        ({}, ("--comment", "c" * 2001), "comment is 2001 characters"),
        ({}, ("--add", "*.tf", "-A"), "mutually exclusive"),
        ({"ATMOS_PRO_TOKEN": ""}, (), "not running in GitHub Actions"),
    ],
)
def test_what_the_server_would_refuse_is_refused_before_any_request(commit, plane, env, argv, says):
    done = commit("-A", *argv, env=env) if "--add" not in argv else commit(*argv, env=env)
    assert done.returncode == 1
    assert says in done.stderr
    assert not plane.seen


@pytest.mark.parametrize(
    ("env", "requests"),
    [
        ({"GITHUB_ACTOR": "atmos-pro[bot]"}, 0),
        ({"GITHUB_ACTOR": "dependabot[bot]"}, 1),
        ({"GITHUB_ACTOR": "atmos-pro[bot]", "ATMOS_GITHUB_USERNAME": "me"}, 1),
    ],
)
def test_the_apps_own_run_does_not_commit_again(commit, plane, checkout, env, requests):
    (checkout / "a").write_text("a")
    assert commit("-A", env=env).returncode == 0
    assert len(plane.seen) == requests
