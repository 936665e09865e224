"""A token in the git remote or in the base URL reaches no output, no file of the server and no process list."""

import subprocess
from pathlib import Path

import pytest

SECRET = "ghs_verysecret99"
REMOTE = f"https://x-access-token:{SECRET}@github.com/acme/infra.git"
COMPONENTS = "".join(f"    c{number}: {{settings: {{pro: {{note: {'x' * 80}}}}}}}\n" for number in range(12))


@pytest.fixture
def with_token(checkout):
    """The checkout as actions/checkout leaves it when it is told to: the token is a part of the remote."""

    def git(*words):
        subprocess.run(["git", "-C", str(checkout), *words], check=True)

    git("remote", "set-url", "origin", REMOTE)
    git("update-ref", "refs/remotes/origin/main", "HEAD")
    with (checkout / "atmos.yaml").open("a") as file:
        file.write("settings: {pro: {max_payload_bytes: 900}}\n")
    (checkout / "stacks" / "dev.yaml").write_text(f"vars: {{stage: dev}}\ncomponents:\n  terraform:\n{COMPONENTS}")
    return checkout


def test_a_token_in_the_remote_is_sent_as_the_protocol_has_it_and_kept_nowhere(with_token, control, run):
    env = control.job("tokens") | {"ATMOS_LOGS_LEVEL": "Trace"}
    calls = (
        ("describe", "affected", "--upload", "--base", "main"),
        ("pro", "lock", "c1", "-s", "dev"),
        ("pro", "unlock", "c1", "-s", "dev"),
        ("pro", "config"),
        ("pro", "config", "--format", "json"),
    )
    told = {call: run(*call, env=env) for call in calls}
    assert [code for code, *_ in told.values()] == [0] * len(calls), told
    assert SECRET not in repr(told)
    assert not [path for path in control.home.rglob("*") if path.is_file() and SECRET.encode() in path.read_bytes()]


@pytest.mark.parametrize("reply", [(500, b"<html>"), (404, b"<html>"), ("close", b"")])
def test_a_login_in_the_base_url_is_not_shown_when_the_server_fails(sonde, plane, reply):
    plane.says(reply)
    base = plane.url.replace("http://", f"http://bob:{SECRET}@")
    for argv in (("pro", "lock", "vpc", "-s", "dev"), ("pro", "config"), ("pro", "locks")):
        done = sonde(*argv, env={"ATMOS_PRO_BASE_URL": base, "ATMOS_LOGS_LEVEL": "Trace"})
        assert SECRET not in done.stdout + done.stderr
        if argv == ("pro", "config"):
            assert "***@127.0.0.1" in done.stdout


def test_a_remote_that_names_no_repository_is_shown_without_its_token(sonde, checkout):
    subprocess.run(
        ["git", "-C", str(checkout), "remote", "set-url", "origin", f"https://x:{SECRET}@host/one"], check=True
    )
    done = sonde("pro", "lock", "vpc", "-s", "dev")
    assert done.returncode == 1
    assert "https://***@host/one does not name an owner and a repository" in done.stderr


WATCHER = """#!/bin/sh
cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\000' ' ' >> "$SEEN"
echo done
"""


@pytest.mark.parametrize(
    "words",
    [
        ("plan", "a", "-s", "dev", "--upload-status"),
        ("plan", "--components", "a,b", "-s", "dev", "--max-concurrency", "2", "--upload-status"),
        ("deploy", "a", "-s", "dev"),
    ],
    ids=" ".join,
)
def test_no_secret_is_an_argument_of_any_process_nor_in_a_file_while_terraform_runs(with_token, sonde, tmp_path, words):
    """Whoever shares the machine reads /proc/*/cmdline; the token of the remote, of the API and a variable's value."""
    if not Path("/proc/self/cmdline").exists():
        pytest.skip("there is no /proc")
    tool, seen = tmp_path / "tool", tmp_path / "seen"
    tool.write_text(WATCHER)
    tool.chmod(0o755)
    for name in "ab":
        folder = with_token / "components" / "terraform" / name
        folder.mkdir(parents=True)
        (folder / "main.tf").write_text('variable "password" {\n  sensitive = true\n}\n')
    one = f"{{settings: {{pro: {{enabled: true}}}}, vars: {{password: {SECRET}}}}}"
    (with_token / "stacks" / "dev.yaml").write_text(
        f"vars: {{stage: dev}}\ncomponents:\n  terraform:\n    a: {one}\n    b: {one}\n"
    )
    secrets = ("ATMOS_PRO_TOKEN", "ACTIONS_ID_TOKEN_REQUEST_TOKEN", "ATMOS_PRO_GITHUB_TOKEN", "GITHUB_TOKEN")
    env = dict.fromkeys(secrets, SECRET) | {
        "SEEN": str(seen),
        "ATMOS_COMPONENTS_TERRAFORM_COMMAND": str(tool),
        "ATMOS_LOGS_LEVEL": "Trace",
    }
    done = sonde("terraform", *words, env=env)
    assert done.returncode == 0, done.stderr
    assert str(tool) in seen.read_text()
    assert SECRET not in seen.read_text() + done.stdout + done.stderr
    stack, config = with_token / "stacks" / "dev.yaml", with_token / ".git" / "config"
    held = [path for path in with_token.rglob("*") if path.is_file() and SECRET.encode() in path.read_bytes()]
    assert sorted(held) == sorted([stack, config])
