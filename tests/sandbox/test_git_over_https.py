"""`git clone` and `git push` with the address that the API advertises, by the real git."""

import os
import subprocess

import pytest


@pytest.fixture
def git(github, tmp_path):
    """Runs git as somebody who trusts the sandbox's CA and has no other configuration."""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_SSL_CAINFO": str(github.ca_file),
        "GIT_TERMINAL_PROMPT": "0",
        **{f"GIT_{who}_NAME": "Octo" for who in ("AUTHOR", "COMMITTER")},
        **{f"GIT_{who}_EMAIL": "octo@example.com" for who in ("AUTHOR", "COMMITTER")},
    }

    def run(*arguments, check=True):
        done = subprocess.run(["git", *arguments], env=environment, capture_output=True, text=True, check=False)
        assert not check or done.returncode == 0, done.stderr
        return done

    return run


def address(github, client, token):
    return client.get("/repos/acme/infra").json()["clone_url"].replace("https://", f"https://x:{token}@")


def test_a_collaborator_clones_and_pushes_and_the_pull_request_follows(github, client, git, pull, tmp_path):
    clone = str(tmp_path / "clone")
    git(
        "clone",
        "--quiet",
        "--branch",
        "feature",
        address(github, client, github.world.personal_token("octo-dev")),
        clone,
    )
    (tmp_path / "clone" / "new.txt").write_text("new\n")
    git("-C", clone, "add", "new.txt")
    git("-C", clone, "commit", "--quiet", "-m", "New")
    git("-C", clone, "push", "--quiet")
    sha = git("-C", clone, "rev-parse", "HEAD").stdout.strip()
    assert pull.head_sha == sha
    payload = github.world.payload(github.world.deliveries("pull_request", "synchronize")[0])
    assert (payload["after"], payload["sender"]["login"]) == (sha, "octo-dev")


def test_an_installation_token_clones(github, client, git, tmp_path):
    token = client.installation_token(permissions={"contents": "read"}).json()["token"]
    git("clone", "--quiet", address(github, client, token), str(tmp_path / "clone"))
    assert (tmp_path / "clone" / "README.md").read_text() == "hello\n"


def test_a_token_that_only_reads_does_not_push(github, client, git, tmp_path):
    token = client.installation_token(permissions={"contents": "read"}).json()["token"]
    clone, before = str(tmp_path / "clone"), github.world.head("acme/infra")
    git("clone", "--quiet", address(github, client, token), clone)
    git("-C", clone, "commit", "--quiet", "--allow-empty", "-m", "Empty")
    assert git("-C", clone, "push", check=False).returncode != 0
    assert github.world.head("acme/infra") == before


@pytest.mark.parametrize("login", ["stranger", None])
def test_a_private_repository_is_closed_to_strangers(github, client, git, tmp_path, login):
    github.world.add_user("stranger")
    token = github.world.personal_token(login) if login else "wrong"
    assert git("clone", address(github, client, token), str(tmp_path / "clone"), check=False).returncode != 0


def test_a_public_repository_is_open_to_all(github, git, tmp_path):
    github.world.create_repository("acme/public", {"a": "1"}, private=False)
    git("clone", "--quiet", f"{github.world.html_url}/acme/public.git", str(tmp_path / "clone"))
