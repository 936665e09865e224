"""Kept answers that git had a part in: git is asked again, so that a commit, a branch or an edit is seen."""

import os
import subprocess

import pytest
from cache_project import STACK, Project
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sonde.stacks.cache import watching

AFFECTED = ("describe", "affected", "--base", "main~1")
CALLS = (AFFECTED, ("list", "affected", "--base", "main~1"), ("describe", "stacks"))
IDENTITY = ("-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false")
NEW = STACK.format(stage="new")


def git(project, *args):
    done = subprocess.run(
        ["git", *IDENTITY, *args],
        cwd=project.root / "tree",
        env=project.env,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip()


def commit(project, name, text):
    project.write(name, text)
    git(project, "add", "-A")
    git(project, "commit", "-qm", name)


def begun(root):
    project = Project(root)
    git(project, "init", "-q", "-b", "main")
    git(project, "remote", "add", "origin", "https://github.com/acme/infra.git")
    commit(project, "README.md", "one")
    commit(project, "stacks/catalog/one.yaml", "vars: {one: 2}\n")
    return project


EDITS = {
    "nothing": lambda project: None,
    "commit a manifest": lambda project: commit(project, "stacks/catalog/one.yaml", "vars: {one: 3}\n"),
    "commit it back": lambda project: commit(project, "stacks/catalog/one.yaml", "vars: {one: 1}\n"),
    "commit something else": lambda project: commit(project, "README.md", os.urandom(4).hex()),
    "edit a manifest": lambda project: project.write("stacks/catalog/one.yaml", "vars: {one: 4}\n"),
    "edit a component": lambda project: project.write("components/terraform/app/main.tf", "# x\n"),
    "add a manifest": lambda project: project.write("stacks/deploy/new.yaml", NEW),
    "ignore everything": lambda project: project.write(".gitignore", "*\n"),
    "move the base": lambda project: git(project, "update-ref", "refs/heads/main", "main~1"),
    "another branch": lambda project: git(project, "checkout", "-q", "-B", "topic"),
    "go back": lambda project: git(project, "reset", "-q", "--hard", "HEAD~1"),
    "replace a commit": lambda project: git(project, "replace", "-f", "main~1", "main"),
    "a variable": lambda project: project.env.update(REGION="there"),
}


@given(steps=st.lists(st.tuples(st.sampled_from(sorted(EDITS)), st.sampled_from(CALLS)), min_size=2, max_size=4))
@settings(
    max_examples=int(os.environ.get("SONDE_TEST_EXAMPLES", "2")),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
def test_a_kept_comparison_is_the_comparison_after_any_edit(tmp_path_factory, steps):
    project = begun(tmp_path_factory.mktemp("repository"))
    for call in {call for _, call in steps}:
        project.run(*call, settled=0.05)
    for edit, call in steps:
        EDITS[edit](project)
        for _ in range(2):
            kept = project.run(*call, settled=0.05)
            assert kept[:3] == project.run(*call, SONDE_CACHE="off")[:3], (edit, call, kept[3])


@pytest.mark.parametrize("call", [*CALLS, ("describe", "affected", "--ref", "main~1")], ids=" ".join)
def test_an_unchanged_repository_is_answered_from_disk_with_the_warnings(tmp_path, call):
    project = begun(tmp_path)
    first, second = project.run(*call), project.run(*call)
    assert (first[0], first[3], second[3]) == (0, False, True)
    assert second[:3] == first[:3]
    assert first[1]
    assert ("--ref" in call) == (b"deprecated" in first[2])


@pytest.mark.parametrize("edit", sorted(set(EDITS) - {"nothing", "another branch", "commit it back"}))
def test_what_git_would_tell_otherwise_is_seen(tmp_path, edit):
    project = begun(tmp_path)
    project.run(*AFFECTED)
    EDITS[edit](project)
    kept = project.run(*AFFECTED)
    assert not kept[3]
    assert kept[:3] == project.run(*AFFECTED, SONDE_CACHE="off")[:3]


def test_a_value_of_git_is_asked_for_again(tmp_path):
    project = begun(tmp_path)
    commit(project, "stacks/catalog/one.yaml", "vars: {one: !git.sha none}\n")
    first = project.run("describe", "stacks")
    assert git(project, "rev-parse", "HEAD").encode() in first[1]
    assert project.run("describe", "stacks")[3]
    commit(project, "README.md", "two")
    assert git(project, "rev-parse", "HEAD").encode() in project.run("describe", "stacks")[1]


@pytest.mark.parametrize("command", [("fetch", "origin"), ("cat-file", "--filters", "--path=x", "0" * 40)])
def test_a_question_that_reaches_beyond_the_checkout_is_not_asked_again(command):
    with watching.watch() as watch:
        watching.git_told("/", command, 0, b"")
    assert watch.facts({}) is None
