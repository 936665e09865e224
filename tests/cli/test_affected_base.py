"""The base of a comparison from GitHub's events, against real repositories, whole and shallow."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from sonde.cli import affected_base
from sonde.cli.affected_base import Event
from sonde.cli.errors import CliError, GitError
from sonde.stacks.affected.repository import open_repository

GIT = ("git", "-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "init.defaultBranch=main")


class World:
    """A remote with `main` and a branch `feature`, and clones of it."""

    def __init__(self, root: Path) -> None:
        self.root, self.remote = root, root / "remote"
        self.env = {"PATH": os.environ["PATH"], "HOME": str(root), "GIT_CONFIG_NOSYSTEM": "1"}
        self.remote.mkdir()
        self.git("init", "-q")
        self.start = self.commit("start")

    def git(self, *command, cwd=None):
        done = subprocess.run(
            [*GIT, *command], cwd=cwd or self.remote, env=self.env, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    def commit(self, name):
        (self.remote / name).write_text(name)
        self.git("add", "-A")
        self.git("commit", "-q", "-m", name)
        return self.git("rev-parse", "HEAD")

    def commits(self, *names):
        return [self.commit(name) for name in names]

    def clone(self, ref, *, depth=0):
        """What actions/checkout makes: one commit of a reference, detached, no origin/HEAD."""
        folder = self.root / f"clone-{depth}"
        self.git("init", "-q", str(folder))
        self.git("remote", "add", "origin", f"file://{self.remote}", cwd=folder)
        wanted = self.git("rev-parse", ref)
        branches = [] if depth else ["+refs/heads/*:refs/remotes/origin/*"]
        limit = [f"--depth={depth}"] if depth else []
        self.git("fetch", "-q", "--no-tags", *limit, "origin", wanted, *branches, cwd=folder)
        self.git("checkout", "-q", "--detach", wanted, cwd=folder)
        return open_repository(str(folder), self.env)


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


def pull_request(world, *, head="feature", action="synchronize", **more):
    sides = {"head": {"ref": head, "sha": world.git("rev-parse", head)}, "base": {"ref": "main", "sha": world.start}}
    return Event("pull_request", {"action": action, "pull_request": sides | more})


def branch(world, *names):
    world.git("checkout", "-q", "-B", "feature", "main")
    found = world.commits(*names)
    world.git("checkout", "-q", "main")
    return found


def merge_ref(world):
    """GitHub's refs/pull/N/merge: the merge of the pull request into its target."""
    world.git("checkout", "-q", "-B", "merge", "main")
    world.git("merge", "-q", "--no-ff", "-m", "merge", "feature")
    world.git("checkout", "-q", "main")
    return "merge"


@pytest.mark.parametrize("depth", [0, 1])
def test_a_pull_requests_merge_commit_names_its_base(world, depth):
    branch(world, "a", "b")
    target = world.commit("main moves on")
    repository = world.clone(merge_ref(world), depth=depth)
    found = affected_base.from_event(repository, pull_request(world), {})
    assert found.commit == target
    assert found.head == world.git("rev-parse", "feature")
    assert repository.commit(target)


@pytest.mark.parametrize("depth", [0, 1])
def test_a_pull_requests_head_is_compared_with_where_it_left_the_target(world, depth):
    branch(world, *"abcdef")
    world.commits("x", "y")
    repository = world.clone("feature", depth=depth)
    assert affected_base.from_event(repository, pull_request(world), {}).commit == world.start


def test_a_shallow_checkout_is_deepened_no_further_than_needed(world, monkeypatch):
    monkeypatch.setattr(affected_base, "DEEPEN", (3, 3, 3, 3))
    world.commits(*(f"old{number}" for number in range(20)))
    fork = world.git("rev-parse", "main")
    branch(world, "a", "b")
    repository = world.clone("feature", depth=1)
    assert affected_base.from_event(repository, pull_request(world), {}).commit == fork
    assert repository.run("rev-parse", "--is-shallow-repository").stdout.strip() == b"true"
    assert repository.commit(world.start) is None


def test_a_squashed_pull_request_is_compared_with_what_it_was_merged_onto(world):
    """After the merge the merge base of HEAD and the target is HEAD itself: nothing would be affected."""
    branch(world, "a", "b")
    onto = world.commit("of somebody else")
    world.git("merge", "-q", "--squash", "feature")
    world.git("commit", "-q", "-m", "squashed")
    event = pull_request(world, action="closed", merged=True, commits=2)
    for depth in (0, 1):
        repository = world.clone("main", depth=depth)
        assert affected_base.from_event(repository, event, {}).commit == onto


def test_a_merged_pull_request_is_compared_with_the_first_parent(world):
    branch(world, "a", "b")
    onto = world.commit("of somebody else")
    world.git("merge", "-q", "--no-ff", "-m", "merged", "feature")
    event = pull_request(world, action="closed", merged=True, commits=2)
    assert affected_base.from_event(world.clone("main", depth=1), event, {}).commit == onto


@pytest.mark.parametrize("depth", [0, 1])
@pytest.mark.parametrize("recorded", ["start", "merge", ""])
def test_the_head_of_a_merged_pull_request_is_compared_with_where_it_left_the_target(world, depth, recorded):
    """The documented workflow checks out the pull request's head, also after the merge."""
    branch(world, "a", "b", "c")
    world.commit("of somebody else")
    world.git("merge", "-q", "--no-ff", "-m", "merged", "feature")
    merge = world.git("rev-parse", "main")
    world.commit("later")
    payload = dict(pull_request(world, merged=True, commits=3, merge_commit_sha=merge).payload["pull_request"])
    payload["base"] = {"ref": "main", "sha": {"start": world.start, "merge": merge, "": None}[recorded]}
    event = Event("pull_request", {"action": "closed", "pull_request": payload})
    assert affected_base.from_event(world.clone("feature", depth=depth), event, {}).commit == world.start


@pytest.mark.parametrize("depth", [0, 1])
def test_a_rebased_pull_request_keeps_all_of_its_commits(world, depth):
    branch(world, "a", "b")
    head = world.git("rev-parse", "feature")
    world.git("checkout", "-q", "-B", "rebased", "main")
    world.git("cherry-pick", "--no-ff", "main..feature")
    world.git("commit", "-q", "--amend", "--no-edit", "--reset-author", "--date=2001-01-01T00:00:00Z")
    world.git("checkout", "-q", "-B", "main", "rebased")
    assert world.git("rev-parse", "main") != head
    event = pull_request(world, action="closed", merged=True, commits=2)
    assert affected_base.from_event(world.clone("main", depth=depth), event, {}).commit == world.start


def grown(world, *lines):
    """A commit for each line, all of them in one file."""
    for line in lines:
        path = world.remote / "one"
        path.write_text((path.read_text() if path.exists() else "") + f"{line}\n")
        world.git("add", "-A")
        world.git("commit", "-q", "-m", line)


@pytest.mark.parametrize("depth", [0, 1, 2])
@pytest.mark.parametrize("squashed", [False, True])
def test_commits_to_one_file_are_all_counted_whether_they_were_squashed_or_rebased(world, depth, squashed):
    world.git("checkout", "-q", "-B", "feature", "main")
    grown(world, "a", "b", "c")
    world.git("checkout", "-q", "main")
    onto = world.commit("of somebody else")
    if squashed:
        world.git("merge", "-q", "--squash", "feature")
        world.git("commit", "-q", "-m", "squashed")
    else:
        world.git("cherry-pick", "--no-ff", "main..feature")
    sides = dict(pull_request(world, merged=True, commits=3).payload["pull_request"])
    sides["base"] = {"ref": "main", "sha": onto}
    event = Event("pull_request", {"action": "closed", "pull_request": sides})
    assert affected_base.from_event(world.clone("main", depth=depth), event, {}).commit == onto


@pytest.mark.parametrize("depth", [0, 1])
def test_a_job_that_is_run_again_after_the_merge_is_compared_with_where_the_pull_request_left(world, depth):
    """By then the merge base of HEAD and the target is HEAD itself."""
    branch(world, "a", "b")
    event = pull_request(world)
    world.commit("of somebody else")
    world.git("merge", "-q", "--no-ff", "-m", "merged", "feature")
    assert affected_base.from_event(world.clone("feature", depth=depth), event, {}).commit == world.start


@pytest.mark.parametrize("depth", [0, 1])
def test_where_the_target_itself_is_checked_out_nothing_differs(world, depth):
    """pull_request_target does so, unless its workflow says otherwise; the tip may be a merge of something else."""
    branch(world, "other")
    world.commit("of somebody else")
    world.git("merge", "-q", "--no-ff", "-m", "merged", "feature")
    branch(world, "a")
    tip = world.git("rev-parse", "main")
    assert affected_base.from_event(world.clone("main", depth=depth), pull_request(world), {}).commit == tip


def test_a_closed_pull_request_that_was_not_merged_is_compared_as_an_open_one(world):
    branch(world, "a")
    event = pull_request(world, action="closed", merged=False)
    assert affected_base.from_event(world.clone("feature"), event, {}).commit == world.start


def test_without_a_target_branch_the_recorded_base_counts(world):
    branch(world, "a")
    event = pull_request(world)
    sides = {**event.payload["pull_request"], "base": {"ref": "gone", "sha": world.start}}
    repository = world.clone("feature", depth=1)
    assert (
        affected_base.from_event(repository, Event("pull_request", {"pull_request": sides}), {}).commit == world.start
    )


def test_a_merge_group_names_both_ends(world):
    (queued,) = branch(world, "a")
    payload = {"merge_group": {"base_sha": world.start, "head_sha": queued, "base_ref": "refs/heads/main"}}
    found = affected_base.from_event(world.clone("feature", depth=1), Event("merge_group", payload), {})
    assert (found.commit, found.head) == (world.start, queued)


@pytest.mark.parametrize("env", [{}, {"GITHUB_BASE_REF": "main"}])
def test_a_merge_group_without_a_base_falls_back_to_its_branch(world, env):
    branch(world, "a")
    payload = {"merge_group": {"head_sha": "1" * 40, "base_ref": "refs/heads/main"}}
    found = affected_base.from_event(world.clone("feature", depth=1), Event("merge_group", payload), env)
    assert (found.commit, found.head) == (world.start, "1" * 40)


def test_a_push_is_compared_with_what_the_branch_was(world):
    before = world.commit("a")
    world.commits("b", "c")
    event = Event("push", {"before": before, "forced": False})
    found = affected_base.from_event(world.clone("main", depth=1), event, {})
    assert (found.commit, found.head) == (before, world.git("rev-parse", "main"))


def test_a_forced_push_is_compared_with_the_commit_before(world):
    before = world.commit("a")
    world.commit("b")
    event = Event("push", {"before": "f" * 40, "forced": True})
    assert affected_base.from_event(world.clone("main", depth=1), event, {}).commit == before


@pytest.mark.parametrize("event", [Event("push", {"before": "0" * 40}), Event("push", {}), Event("schedule", {})])
@pytest.mark.parametrize("depth", [0, 1])
def test_other_events_are_compared_with_the_default_branch(world, event, depth):
    branch(world, "a")
    repository = world.clone("feature", depth=depth)
    assert repository.commit("refs/remotes/origin/HEAD") is None  # actions/checkout makes none
    assert affected_base.from_event(repository, event, {}).commit == world.start


def test_a_base_that_cannot_be_had_is_gits_error(world):
    payload = {"merge_group": {"base_sha": "f" * 40, "base_ref": "refs/heads/gone"}}
    repository = world.clone("main", depth=1)
    with pytest.raises(GitError) as error:
        affected_base.from_event(repository, Event("merge_group", payload), {})
    assert error.value.exit_code == 128
    assert "f" * 40 in error.value.hints[0]


@pytest.mark.parametrize("name", ["main", "refs/heads/main", ""])
def test_the_remotes_own_state_can_be_asked_for(world, name):
    repository = world.clone("main")
    moved = world.commit("later")
    assert affected_base.from_remote(repository, name).commit == moved
    with pytest.raises(GitError):
        affected_base.from_remote(repository, "gone")


# ---------------------------------------------------------------- which event


def test_events_are_noticed_only_in_actions_and_where_ci_is_enabled(tmp_path):
    path = tmp_path / "event.json"
    path.write_text(json.dumps({"action": "opened"}))
    env = {"GITHUB_ACTIONS": "true", "GITHUB_EVENT_NAME": "pull_request", "GITHUB_EVENT_PATH": str(path)}
    said = []
    found = affected_base.detected_event(env, enabled=True, warn=said.append)
    assert found == Event("pull_request", {"action": "opened"})
    assert affected_base.detected_event(env, enabled=False, warn=said.append) is None
    assert affected_base.detected_event({**env, "GITHUB_ACTIONS": ""}, enabled=True, warn=said.append) is None
    assert said == []


@pytest.mark.parametrize("text", [None, "{"])
def test_an_event_file_that_cannot_be_read_is_named_and_passed_over(tmp_path, text):
    path = tmp_path / "event.json"
    if text:
        path.write_text(text)
    env = {"GITHUB_ACTIONS": "true", "GITHUB_EVENT_NAME": "pull_request", "GITHUB_EVENT_PATH": str(path)}
    said = []
    assert affected_base.detected_event(env, enabled=True, warn=said.append) == Event("pull_request", {})
    assert str(path) in said[0]


def test_a_pull_request_without_a_payload_is_compared_by_the_branch_that_the_environment_names(world):
    branch(world, "a", "b")
    event = Event("pull_request", {})
    assert affected_base.from_event(world.clone("feature"), event, {"GITHUB_BASE_REF": "main"}).commit == world.start


@pytest.mark.parametrize(
    ("name", "allowed"),
    [("pull_request", True), ("pull_request_target", True), ("merge_group", True), ("", True), ("push", False)],
)
def test_uploads_are_for_events_that_a_check_belongs_to(name, allowed):
    affected_base.check_uploadable(None)
    if allowed:
        affected_base.check_uploadable(Event(name, {}))
        return
    with pytest.raises(CliError, match=f'detected CI event "{name}"'):
        affected_base.check_uploadable(Event(name, {}))
