"""Which repository a checkout is, and which commit stands at its HEAD."""

import subprocess

import pytest

from sonde.cli import git
from sonde.cli.errors import GitError
from sonde.cli.git import Repository


@pytest.mark.parametrize(
    ("url", "host", "owner", "name"),
    [
        ("https://github.com/acme/infra.git", "github.com", "acme", "infra"),
        ("https://github.com/acme/infra", "github.com", "acme", "infra"),
        ("https://github.com/acme/infra/", "github.com", "acme", "infra"),
        ("https://token:x@github.com/acme/infra.git", "github.com", "acme", "infra"),
        ("git@github.com:acme/infra.git", "github.com", "acme", "infra"),
        ("https://github.com/acme/infra/tree", "github.com", "acme", "infra"),
        ("ssh://git@github.com:2222/acme/infra.git", "github.com", "acme", "infra"),
        ("https://ghe.acme.example/Platform/Infra_Live.git", "ghe.acme.example", "Platform", "Infra_Live"),
        ("https://gitlab.com/acme/platform/infra.git", "gitlab.com", "acme/platform", "infra"),
        ("git@gitlab.example.com:group/sub/repo.git", "gitlab.example.com", "group/sub", "repo"),
        ("https://git.acme.example/a/b/c/infra.git", "git.acme.example", "a/b/c", "infra"),
        ("https://code.acme.example/a/b/infra.git", "code.acme.example", "a", "b/infra"),
        ("https://dev.azure.com/acme/platform/_git/infra", "dev.azure.com", "acme", "infra"),
        ("git@ssh.dev.azure.com:v3/acme/platform/infra", "dev.azure.com", "acme", "infra"),
        ("https://GitHub.com/Acme/Infra.git", "GitHub.com", "Acme", "Infra"),
        ("https://www.github.com/acme/infra", "github.com", "acme", "infra"),
        ("https://gitlab.com/a%20b/c", "gitlab.com", "a b", "c"),
        ("https://git.acme.example/infra.git", "git.acme.example", "", "infra"),
    ],
)
def test_a_remote_url_names_host_owner_and_repository(url, host, owner, name):
    assert git.parse_remote(url) == Repository(url=url, host=host, owner=owner, name=name)


@pytest.mark.parametrize("url", ["/srv/git/infra.git", "../infra", "file:///srv/git/infra.git", "https://github.com/x"])
def test_a_remote_that_names_no_repository_on_a_host_is_refused(url):
    with pytest.raises(GitError, match="failed to get repository info"):
        git.parse_remote(url)


def test_a_checkout_without_a_remote_has_an_empty_repository(checkout):
    subprocess.run(["git", "remote", "remove", "origin"], cwd=checkout, check=True)
    assert git.repository(git.find(checkout)) == Repository()


def test_origin_wins_over_a_remote_that_stands_before_it(checkout):
    config = checkout / ".git" / "config"
    config.write_text('[remote "a"]\n\turl = https://github.com/other/fork.git\n' + config.read_text())
    assert git.repository(git.find(checkout)).owner == "acme"


def test_without_origin_the_first_remote_in_the_file_is_taken(checkout):
    for name in ("zz", "aa"):
        subprocess.run(["git", "remote", "add", name, f"https://github.com/{name}/infra.git"], cwd=checkout, check=True)
    subprocess.run(["git", "remote", "remove", "origin"], cwd=checkout, check=True)
    assert git.repository(git.find(checkout)).owner == "zz"


def test_a_remote_in_an_included_file_is_found(checkout):
    (checkout / "extra.cfg").write_text('[remote "origin"]\n\turl = https://github.com/inc/luded.git\n')
    (checkout / ".git" / "config").write_text("[include]\n\tpath = ../extra.cfg\n")
    assert git.repository(git.find(checkout)).owner == "inc"


@pytest.mark.parametrize(
    ("rules", "url"),
    [
        ({"https://github.com/": "gh:"}, "https://github.com/acme/infra"),
        ({"https://x.example/": "g", "https://github.com/": "gh:"}, "https://github.com/acme/infra"),
        ({"https://bot:secret@github.com/": "gh:"}, "https://github.com/acme/infra"),
        ({"https://github.com/": "other:"}, "gh:acme/infra"),
    ],
)
def test_what_the_checkout_writes_instead_of_a_remote_counts_without_its_password(checkout, rules, url):
    subprocess.run(["git", "remote", "set-url", "origin", "gh:acme/infra"], cwd=checkout, check=True)
    for base, prefix in rules.items():
        subprocess.run(["git", "config", f"url.{base}.insteadOf", prefix], cwd=checkout, check=True)
    assert git.repository(git.find(checkout)).url == url


@pytest.mark.parametrize(
    "text",
    [
        '[remote "origin"]\n\turl = "https://x/a;b" ; said\n',
        '[REMOTE "origin"] url="https://x/a;b"\n',
        '[remote "origin"]\nurl = https://x/\\\na\\;b\n'.replace("\\;", '";"'),
    ],
)
def test_quotes_comments_and_continued_lines_of_a_config_are_read(text):
    assert list(git.entries(text)) == [("remote", "origin", "url", "https://x/a;b")]


def test_our_reading_of_a_config_agrees_with_git(checkout):
    subprocess.run(["git", "config", 'remote.we"ird.url', "https://x/y # z"], cwd=checkout, check=True)
    listed = subprocess.run(
        ["git", "config", "--local", "--list", "-z"], cwd=checkout, check=True, capture_output=True, text=True
    )
    theirs = [entry.split("\n") for entry in listed.stdout.split("\0") if entry]
    text = (checkout / ".git" / "config").read_text()
    ours = [[".".join(part for part in (name, sub, key) if part), value] for name, sub, key, value in git.entries(text)]
    assert ours == theirs


def rev_parse(folder):
    done = subprocess.run(["git", "rev-parse", "HEAD"], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.mark.parametrize("how", [["status"], ["pack-refs", "--all"], ["checkout", "-q", "--detach"]])
def test_head_is_what_git_says_it_is(checkout, how):
    subprocess.run(["git", *how], cwd=checkout, check=True, capture_output=True)
    assert git.head_sha(git.find(checkout)) == rev_parse(checkout)


def test_a_repository_without_a_commit_has_no_head(tmp_path):
    subprocess.run(["git", "init", "-q", tmp_path / "new"], check=True)
    assert git.head_sha(git.find(tmp_path / "new")) == ""


def test_a_linked_worktree_knows_its_own_head_and_the_shared_remote(checkout, tmp_path):
    subprocess.run(["git", "worktree", "add", "-q", "-b", "other", tmp_path / "wt"], cwd=checkout, check=True)
    subprocess.run(
        ["git", "-c", "user.name=t", "-c", "user.email=t@x", "commit", "-q", "--allow-empty", "-m", "2"],
        cwd=tmp_path / "wt",
        check=True,
    )
    found = git.find(tmp_path / "wt")
    assert git.head_sha(found) == rev_parse(tmp_path / "wt") != rev_parse(checkout)
    assert git.repository(found).owner == "acme"


def test_the_repository_is_found_from_a_folder_below(checkout):
    assert git.find(checkout / "stacks").root == checkout


def test_outside_of_a_repository_the_error_says_so(tmp_path):
    with pytest.raises(GitError, match="repository does not exist"):
        git.find(tmp_path)
