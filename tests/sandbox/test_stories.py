"""What happens in the world, without HTTP: git is real, runs are recorded."""

import subprocess

import pytest

from sonde.sandbox import git
from sonde.sandbox.accounts import Refused
from sonde.sandbox.executor import RecordingExecutor
from sonde.sandbox.state import Ids
from sonde.sandbox.world import World


def show(world, of, *arguments):
    return git.text(world.bare(of), *arguments)


def events(world, event):
    return [one.action for one in world.deliveries(event)]


def runs(world):
    return [(run.event, run.workflow_path.rpartition("/")[2]) for run in world.records.runs.values()]


@pytest.fixture
def pull(world, infra):
    world.commit(infra, "feature", {"stacks/dev.yaml": "vars: {a: 1}\n"}, "Set a", author="octo-dev")
    return world.open_pull_request(infra, head="feature", author="octo-dev")


def test_a_commit_is_in_real_git_with_its_author(world, infra):
    sha = world.commit(infra, "feature", {"deploy.sh": "#!/bin/sh\n", "README.md": None}, "Say it", author="octo-dev")
    assert show(world, infra, "log", "-1", "--format=%H %an %s", "feature") == f"{sha} octo-dev Say it"
    assert show(world, infra, "ls-tree", "feature", "deploy.sh").startswith("100755 blob")
    assert "README.md" not in show(world, infra, "ls-tree", "--name-only", "feature")


def test_a_clone_can_push_to_a_branch(world, infra, tmp_path):
    clone = tmp_path / "clone"
    user = ["-c", "user.name=U", "-c", "user.email=u@example.com"]
    subprocess.run(["git", "clone", "-q", str(world.bare(infra)), str(clone)], check=True)
    (clone / "new.txt").write_text("new\n")
    subprocess.run(["git", "-C", str(clone), "add", "."], check=True)
    subprocess.run(["git", "-C", str(clone), *user, "commit", "-qm", "New"], check=True)
    sha = world.push(infra, "feature", clone, sender="octo-dev")
    assert world.head(infra, "feature") == sha
    assert world.payload(world.deliveries("push")[-1])["commits"][0]["added"] == ["new.txt"]


def test_a_push_to_its_branch_synchronizes_a_pull_request(world, infra, pull):
    sha = world.commit(infra, "feature", {"a": "2"}, author="octo-dev")
    assert pull.head_sha == sha
    assert events(world, "pull_request") == ["opened", "synchronize"]


def test_a_forced_push_says_so(world, infra, pull):
    git.update_ref(world.bare(infra), "refs/heads/other", world.head(infra))
    sha = world.commit(infra, "other", {"b": "1"}, author="octo-dev")
    world.push(infra, "feature", world.bare(infra), revision=sha, sender="octo-dev")
    assert world.payload(world.deliveries("push")[-1])["forced"] is True
    assert pull.head_sha == sha


def test_a_push_to_the_base_moves_the_test_merge_and_tells_nobody(world, infra, pull):
    before = pull.merge_commit_sha
    sha = world.commit(infra, "main", {"other": "1"}, author="octo-dev")
    assert pull.base_sha == sha
    assert pull.merge_commit_sha != before
    assert show(world, infra, "rev-parse", "refs/pull/1/merge") == pull.merge_commit_sha
    assert events(world, "pull_request") == ["opened"]


def test_a_merge_makes_a_real_merge_commit(world, infra, pull):
    base = world.head(infra)
    sha = world.merge(pull, sender="octo-dev")
    assert show(world, infra, "log", "-1", "--format=%P", "main").split() == [base, pull.head_sha]
    assert world.head(infra) == sha == pull.merge_commit_sha
    payload = world.payload(world.deliveries("pull_request", "closed")[0])["pull_request"]
    assert (payload["merged"], payload["merge_commit_sha"], payload["merged_by"]["login"]) == (True, sha, "octo-dev")


def test_a_squash_makes_one_commit_on_the_base(world, infra, pull):
    base = world.head(infra)
    sha = world.merge(pull, method="squash")
    assert show(world, infra, "log", "-1", "--format=%P %s", sha) == f"{base} Set a (#1)"
    assert show(world, infra, "show", "main:stacks/dev.yaml") == "vars: {a: 1}"


def test_a_pull_request_in_conflict_is_not_mergeable_and_starts_nothing(world, infra, pull):
    world.commit(infra, "main", {"stacks/dev.yaml": "vars: {a: 9}\n"}, author="octo-dev")
    assert not pull.mergeable
    started = len(world.records.runs)
    world.commit(infra, "feature", {"stacks/dev.yaml": "vars: {a: 3}\n"}, author="octo-dev")
    assert len(world.records.runs) == started
    with pytest.raises(Refused, match="not mergeable"):
        world.merge(pull)


def test_a_draft_is_not_merged_before_it_is_ready(world, infra, pull):
    world.set_draft(pull, draft=True)
    with pytest.raises(Refused, match="not mergeable"):
        world.merge(pull)
    world.set_draft(pull, draft=False)
    world.merge(pull)


def test_a_closed_pull_request_can_be_reopened_and_a_merged_one_cannot(world, pull):
    world.close(pull)
    with pytest.raises(Refused):
        world.close(pull)
    world.reopen(pull)
    world.merge(pull)
    with pytest.raises(Refused):
        world.reopen(pull)


def test_the_merge_queue_tests_its_own_commit_and_lands_it(world, infra, pull):
    queued = world.enqueue(pull)
    branch = f"gh-readonly-queue/main/pr-1-{world.head(infra)}"
    assert world.head(infra, branch) == queued
    world.land(pull, queued)
    assert world.head(infra) == queued == pull.merge_commit_sha
    assert git.resolve(world.bare(infra), f"refs/heads/{branch}") is None
    assert events(world, "merge_group") == ["checks_requested", "destroyed"]


# --- which workflows start


def test_types_and_branches_decide_which_workflows_start(world, infra, pull):
    assert runs(world) == [("pull_request", "affected.yaml")]
    world.close(pull)
    assert runs(world)[1:] == [("pull_request", "closed.yaml")]
    world.commit(infra, "develop", {"x": "1"}, author="octo-dev")
    world.commit(infra, "feature2", {"y": "1"}, author="octo-dev")
    world.open_pull_request(infra, head="feature2", base="develop", author="octo-dev")
    assert len(runs(world)) == 2


def test_a_run_of_a_pull_request_sees_the_test_merge(world, infra, pull):
    (request,) = world.executor.requests.values()
    assert (request.ref, request.sha) == ("refs/pull/1/merge", pull.merge_commit_sha)
    assert (request.head_ref, request.base_ref) == ("feature", "main")
    (run,) = world.records.runs.values()
    assert (run.head_sha, run.head_branch, run.title) == (pull.head_sha, "feature", "Set a")


def test_a_run_of_a_merged_pull_request_sees_the_base_branch(world, infra, pull):
    sha = world.merge(pull)
    request = list(world.executor.requests.values())[-1]
    assert (request.ref, request.sha, request.payload["action"]) == ("refs/heads/main", sha, "closed")


def test_a_workflow_that_cannot_be_read_starts_nothing_and_is_named(world, infra):
    world.commit(infra, "broken", {".github/workflows/affected.yaml": "on: [pull_request]\n"}, author="octo-dev")
    world.open_pull_request(infra, head="broken", author="octo-dev")
    assert not world.records.runs
    assert "affected.yaml" in world.refused_workflows[0]


def test_a_run_from_a_fork_gets_neither_secrets_nor_oidc(world, infra):
    infra.secrets["CLOUD"] = "hunter2"
    world.fork(infra, "stranger")
    world.commit("stranger/infra", "idea", {"z": "1"}, author="stranger")
    pull = world.open_pull_request(infra, head="stranger:idea", author="stranger")
    (request,) = world.executor.requests.values()
    assert set(request.secrets) == {"GITHUB_TOKEN"}
    assert request.oidc(world.executor.begin(request.run_id)) is None
    assert world.payload(world.deliveries("pull_request")[0])["pull_request"]["author_association"] == "NONE"
    assert show(world, infra, "rev-parse", "refs/pull/1/head") == pull.head_sha


def test_a_run_from_the_repository_itself_gets_its_secrets_and_variables(world, infra, pull):
    infra.secrets["CLOUD"] = "hunter2"
    world.dispatch(infra, "plan.yaml", "main", {"component": "vpc"}, actor="octo-dev")
    request = list(world.executor.requests.values())[-1]
    assert request.secrets["CLOUD"] == "hunter2"
    assert request.vars == {"ATMOS_PRO_WORKSPACE_ID": "ws_1"}


def test_a_run_ends_once_whatever_is_reported_later(world, infra):
    run = world.dispatch(infra, "plan.yaml", "main", {"component": "vpc"}, actor=world.bot)
    world.executor.complete(run.id, "success")
    world.executor.complete(run.id, "failure")
    assert run.conclusion == "success"
    assert events(world, "workflow_run") == ["requested", "in_progress", "completed"]


# --- memory


def test_a_later_process_reads_the_same_world(world, infra, pull):
    world.create_check_run(infra, {"name": "Sonde", "head_sha": pull.head_sha})
    world.create_comment(infra, 1, "hello", author=world.bot)
    world.release(infra, "v1", author="octo-dev")
    again = World.load(world.folder)
    assert again.records == world.records
    again.executor = RecordingExecutor()
    assert again.commit(infra, "feature", {"a": "9"}, author="octo-dev") == again.pull(infra, 1).head_sha
    assert again.deliveries()[-1].id > world.deliveries()[-1].id


def test_a_refused_action_changes_nothing_on_disk(world, infra):
    before = (world.folder / "state.json").read_bytes()
    with pytest.raises(Refused):
        world.open_pull_request(infra, head="none", author="octo-dev")
    with pytest.raises(KeyError):
        world.commit("acme/none", "main", {"a": "1"})
    assert (world.folder / "state.json").read_bytes() == before


def test_ids_and_time_can_be_given(tmp_path, clock):
    class Counted(Ids):
        def __init__(self):
            self.count = 0

        def guid(self):
            self.count += 1
            return f"00000000-0000-4000-8000-{self.count:012}"

    worlds = [World.create(tmp_path / name, now=clock, ids=Counted()) for name in ("one", "two")]
    for world in worlds:
        of = world.create_repository("acme/infra", {"a": "1"})
        world.install("acme")
        world.commit(of, "feature", {"a": "2"})
    one, two = worlds
    assert one.head("acme/infra", "feature") == two.head("acme/infra", "feature")
    assert [delivery.guid for delivery in one.deliveries()] == [delivery.guid for delivery in two.deliveries()]


def test_waiting_ends_with_the_change_that_was_waited_for(world, infra):
    with pytest.raises(TimeoutError, match="did not come to that"):
        world.wait_until(lambda: bool(world.records.pulls), timeout=0.01)


# --- concurrency groups

GROUPED = """\
on:
  workflow_dispatch: {inputs: {stack: {}}}
concurrency:
  group: apply-${{ inputs.stack }}
  cancel-in-progress: CANCEL
jobs:
  a:
    runs-on: ubuntu-latest
    steps: [{run: echo}]
"""


def grouped(world, infra, *, cancel="false"):
    world.commit(infra, "main", {".github/workflows/grouped.yaml": GROUPED.replace("CANCEL", cancel)})

    def start(stack):
        return world.dispatch(infra, "grouped.yaml", "main", {"stack": stack}, actor=world.bot)

    return start


def test_a_newer_run_takes_the_place_of_the_one_that_waits_in_its_group(world, infra):
    start = grouped(world, infra)
    first, second, other, third = start("dev"), start("dev"), start("prod"), start("dev")
    assert list(world.executor.requests) == [first.id, other.id]
    assert (second.conclusion, second.because.partition(" since")[0]) == ("cancelled", "Canceling")
    world.executor.complete(first.id)
    assert list(world.executor.requests) == [first.id, other.id, third.id]
    assert (first.conclusion, third.status) == ("success", "queued")


def test_cancel_in_progress_ends_the_older_run(world, infra):
    start = grouped(world, infra, cancel="true")
    first, second = start("dev"), start("dev")
    assert first.conclusion == "cancelled"
    world.executor.complete(second.id)
    assert second.conclusion == "success"


def test_a_run_that_waits_can_be_cancelled(world, infra):
    start = grouped(world, infra)
    first, second = start("dev"), start("dev")
    world.cancel(second.id)
    assert second.conclusion == "cancelled"
    world.executor.complete(first.id)
    assert list(world.executor.requests) == [first.id]
