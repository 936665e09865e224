"""Promises of `POST /api/v1/git/commit`, over HTTP against the offline GitHub, on both databases."""

import base64
import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from sonde.sandbox import git
from sonde.server.auth import store as auth
from sonde.server.commits import store
from sonde.server.commits.decide import path_refused

BOT = "sonde-sandbox[bot]"


def encoded(content):
    return base64.b64encode(content if isinstance(content, bytes) else content.encode()).decode()


def body(additions=(("main.tf", "formatted\n"),), deletions=(), branch="feature", **more):
    changes = {
        "additions": [{"path": path, "contents": encoded(content)} for path, content in additions],
        "deletions": [{"path": path} for path in deletions],
    }
    return {"branch": branch, "changes": changes, "commitMessage": "Format", **more}


class Job:
    """A job of a pull request that asks for commits."""

    def __init__(self, world, pull, branch="feature"):
        self.world, self.pull = world, pull
        self.run = world.run_of("pull_request", head_ref=branch).run_id
        self.token = world.session(self.run)

    def commit(self, **more):
        return self.ask(body(**more))

    def ask(self, request):
        return self.world.server.request("POST", "/api/v1/git/commit", body=request, token=self.token)


@pytest.fixture
def job(world):
    return Job(world, world.open_pull_request())


@pytest.fixture(scope="module")
def shared_job(shared_world):
    return Job(shared_world, shared_world.open_pull_request())


def bare(world):
    return world.github.bare(world.infra)


def commits(world, base, branch="feature"):
    """Of the App, on the branch since `base`, oldest first."""
    found = [
        git.describe(bare(world), sha) for sha in git.log(bare(world), base, world.github.head(world.infra, branch))
    ]
    return [commit for commit in found if commit.author_name == BOT]


def rows(world):
    with world.db.read() as tx:
        return tx.all(store.commits.select())


def whenever(world, path, action):
    """Do something each time our server has sent a request, before GitHub looks at it."""
    answer = world.sandbox.api.answer

    def acting(request):
        if request.path == path:
            action()
        return answer(request)

    object.__setattr__(world.sandbox._web.api, "answer", acting)


def refused(answer, status, *words):
    assert answer.status == status, answer.body
    for word in words:
        assert word in answer.body["errorMessage"]


def test_a_job_commits_to_the_branch_of_its_pull_request(world, job):
    base = job.pull.head_sha
    answer = job.commit(additions=[("main.tf", "a\n"), ("new/é.tf", "b\n")], deletions=["README.md"])
    assert answer.status == 200, answer.body
    (made,) = commits(world, base)
    assert answer.data == {"sha": made.sha}
    assert job.pull.head_sha == made.sha
    assert made.message.splitlines()[0] == "Format"
    assert {change.status for change in git.diff(bare(world), base, made.sha)} == {"added", "removed"}
    assert git.read(bare(world), made.sha, "README.md") is None
    assert git.read(bare(world), made.sha, "new/é.tf")[1] == b"b\n"


def test_a_retry_gets_the_same_commit(world, job):
    base = job.pull.head_sha
    shas = {job.commit().data["sha"] for _ in range(3)}
    assert len(shas) == 1
    assert len(commits(world, base)) == 1


def test_many_retries_at_once_make_one_commit(world, job):
    base = job.pull.head_sha
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: job.commit(), range(6)))
    (made,) = commits(world, base)
    assert {answer.data["sha"] for answer in answers if answer.status == 200} == {made.sha}
    assert {answer.status for answer in answers} <= {200, 503}
    assert job.commit().data["sha"] == made.sha


@pytest.mark.parametrize("lose", ["fail_next", "drop_next"])
def test_a_commit_whose_answer_was_lost_is_found_and_not_made_again(world, job, lose):
    base = job.pull.head_sha
    getattr(world.sandbox.faults, lose)("POST", "/graphql", after_effect=True)
    answer = job.commit()
    (made,) = commits(world, base)
    assert answer.data == {"sha": made.sha}


def test_a_commit_that_never_arrived_is_sent_again(world, job):
    base = job.pull.head_sha
    world.sandbox.faults.fail_next("POST", "/graphql", status=502)
    assert job.commit().status == 200
    assert len(commits(world, base)) == 1


def test_a_client_that_was_told_to_try_again_gets_the_commit_that_stands_below_later_pushes(world, job):
    base, faults = job.pull.head_sha, world.sandbox.faults
    whenever(world, "/graphql", lambda: faults.fail_next("GET", "*/branches/feature", times=1))
    faults.fail_next("POST", "/graphql", after_effect=True)
    refused(job.commit(), 503, "Try again")
    (made,) = commits(world, base)
    world.github.commit(world.infra, "feature", {"later": "1"}, author="octo-dev")
    assert job.commit().data == {"sha": made.sha}
    assert len(commits(world, base)) == 1


def test_a_process_that_died_before_it_wrote_the_answer_down_finds_its_commit_below_later_pushes(world, job):
    base = job.pull.head_sha
    sha = job.commit(comment="formatted").data["sha"]
    with world.db.write("admin.change") as tx:  # as if it had died after GitHub's answer
        tx.run(store.commits.update().values(state="sending", sha=""))
    world.github.commit(world.infra, "feature", {"later": "1"}, author="octo-dev")
    assert job.commit(comment="formatted").data["sha"] == sha
    assert len(commits(world, base)) == 1


def moving(world, times):
    """Somebody pushes between our look at the branch and our commit, so many times."""
    names = [f"meanwhile{number}" for number in range(times)]
    whenever(
        world,
        "/graphql",
        lambda: names and world.github.commit(world.infra, "feature", {names.pop(): "1"}, author="octo-dev"),
    )


def test_a_branch_that_was_rewritten_since_a_lost_try_is_committed_to(world, job):
    sha = job.commit().data["sha"]
    with world.db.write("admin.change") as tx:
        tx.run(store.commits.update().values(state="sending", sha="", head="f" * 40))
    world.github.commit(world.infra, "feature", {"main.tf": None}, author="octo-dev")
    answer = job.commit()
    assert (answer.status, answer.data["sha"] != sha) == (200, True)


def test_a_branch_that_moves_meanwhile_is_tried_once_more(world, job):
    base = job.pull.head_sha
    moving(world, 1)
    answer = job.commit()
    (made,) = commits(world, base)
    assert answer.data == {"sha": made.sha}
    assert git.read(bare(world), made.sha, "meanwhile0")


def test_a_branch_that_moves_twice_is_a_conflict_and_nothing_is_committed(world, job):
    base = job.pull.head_sha
    moving(world, 2)
    answer = job.commit()
    refused(answer, 409, "nothing was committed")
    assert answer.body["errorTag"] == "HeadMoved"
    assert not commits(world, base)


def test_the_same_change_on_top_of_itself_is_answered_with_the_commit_that_stands(world, job):
    first = job.commit().data["sha"]
    world.settle()
    again = Job(world, job.pull)
    assert again.run != job.run
    assert again.commit(commitMessage="Format, run 2").data["sha"] == first
    assert job.pull.head_sha == first


def test_the_same_change_is_made_again_once_somebody_took_it_back(world, job):
    first = job.commit().data["sha"]
    world.github.commit(world.infra, "feature", {"main.tf": None}, author="octo-dev")
    world.settle()
    second = Job(world, job.pull).commit().data["sha"]
    assert second != first
    assert git.read(bare(world), job.pull.head_sha, "main.tf")


def test_a_trailer_in_somebody_elses_commit_is_not_taken_for_ours(world, job):
    job.commit()
    (row,) = rows(world)
    world.github.commit(
        world.infra, "feature", {"main.tf": "x"}, f"Mine\n\nSonde-Change: {row.change}", author="octo-dev"
    )
    world.settle()
    head = job.pull.head_sha
    assert Job(world, job.pull).commit().data["sha"] != head


def test_a_comment_is_made_once(world, job):
    for _ in range(2):
        assert job.commit(comment="Formatted by CI <!-- sonde:pull-request -->").status == 200
        world.settle()
    told = [item.body for item in world.github.comments(world.infra, job.pull.number) if "Formatted by CI" in item.body]
    assert len(told) == 1
    assert "<!-- sonde:pull-request -->" not in told[0]


def test_a_comment_whose_answer_was_lost_is_made_once(world, job):
    world.sandbox.faults.fail_next("POST", "*/comments", after_effect=True)
    job.commit(comment="Formatted by CI")
    world.settle()
    world.advance_clock(6)
    world.settle()
    told = [item.body for item in world.github.comments(world.infra, job.pull.number) if "Formatted by CI" in item.body]
    assert len(told) == 1


def test_a_static_token_names_no_pull_request(world, job):
    answer = world.server.request("POST", "/api/v1/git/commit", body=body(), token=world.static_token())
    refused(answer, 403, "static token", "id-token: write")


def test_the_branch_must_be_that_of_the_session(world, job):
    world.github.commit(world.infra, "other", {"a": "1"}, author="octo-dev")
    refused(job.commit(branch="other"), 403, "'other'", "'feature'")
    refused(job.commit(branch="main"), 403)
    refused(job.commit(branch="refs/heads/feature"), 403)


def test_a_dispatched_job_has_no_branch_to_commit_to(world, job):
    run = world.github.dispatch(world.infra, "plan.yaml", "main", {"component": "a", "stack": "b"}, actor="octo-dev")
    token = world.session(run.id)
    answer = world.server.request("POST", "/api/v1/git/commit", body=body(branch="main"), token=token)
    refused(answer, 403, "pull_request")


def test_a_pull_request_of_the_default_branch_is_refused(world):
    world.github.commit(world.infra, "release", {"a": "1"}, author="octo-dev")
    world.github.commit(world.infra, "main", {"b": "1"}, author="octo-dev")
    pull = world.github.open_pull_request(world.infra, head="main", base="release", author="octo-dev")
    world.settle()
    refused(Job(world, pull, "main").commit(branch="main"), 403, "default branch")


def test_a_pull_request_of_a_fork_is_refused_though_the_branch_has_the_same_name(world, job):
    before = job.pull.head_sha
    fork = world.github.fork(world.infra, "stranger")
    world.github.commit(fork, "feature", {"theirs": "1"}, author="stranger")
    pull = world.github.open_pull_request(world.infra, head="stranger:feature", author="stranger")
    with world.db.write("admin.change") as tx:  # where a repository gives the jobs of forks tokens that write
        (session,) = tx.all(auth.sessions.select())
        claims = json.loads(session.claims) | {"ref": f"refs/pull/{pull.number}/merge"}
        tx.run(auth.sessions.update().values(claims=json.dumps(claims)))
    refused(job.commit(), 403, "fork")
    assert world.github.head(world.infra, "feature") == before


def test_a_protected_branch_and_a_closed_pull_request_are_refused(world, job):
    world.infra.protected_branches.append("feature")
    refused(job.commit(), 403, "protected")
    world.infra.protected_branches.clear()
    world.github.close(job.pull)
    refused(job.commit(), 403, "closed")


def test_what_github_refuses_is_told_and_may_be_asked_again(world, job):
    refused(job.commit(deletions=["none.tf"]), 422, "leave it out of the commit")
    assert [row.state for row in rows(world)] == ["failed"]
    world.github.commit(world.infra, "feature", {"none.tf": "1"}, author="octo-dev")
    assert job.commit(deletions=["none.tf"]).status == 200


def test_a_repository_without_an_installation_says_how_to_go_on(world, job):
    from sonde.server.workspaces import store as workspaces

    with world.db.write("admin.change") as tx:
        tx.run(workspaces.repositories.update().values(installation_id=None))
    refused(job.commit(), 404, "--installation-id")


def test_a_rate_limit_is_503_and_nothing_happened(world, job):
    world.sandbox.faults.limit_next("POST", "/graphql", retry_after=1)
    base = job.pull.head_sha
    refused(job.commit(), 503, "rate limit")
    assert not commits(world, base)


LIMITS = {
    "no message": body(commitMessage=" "),
    "a long message": body(commitMessage="é" * 251),
    "a long comment": body(comment="é" * 1001),
    "nothing": body(additions=()),
    "201 files": body(
        additions=[(f"f{number}", "") for number in range(150)], deletions=[f"g{number}" for number in range(51)]
    ),
    "a big file": body(additions=[("big", b"x" * (2 * 1024 * 1024 + 1))]),
    "a path twice": body(deletions=["main.tf"]),
    "no base64": {**body(), "changes": {"additions": [{"path": "a", "contents": "a*b"}], "deletions": []}},
}


@pytest.mark.parametrize("request_body", LIMITS.values(), ids=LIMITS)
def test_a_request_over_a_limit_is_refused(shared_world, shared_job, request_body):
    refused(shared_job.ask(request_body), 400)
    assert not rows(shared_world)


def test_a_request_at_each_limit_is_taken(world, job):
    additions = [(f"f{number}", "") for number in range(198)] + [("big", b"x" * 2 * 1024 * 1024)]
    answer = job.commit(additions=additions, deletions=["README.md"], commitMessage="é" * 250, comment="é" * 1000)
    assert answer.status == 200, answer.body


FORBIDDEN_PATHS = (
    "", "/etc/passwd", "../a", "a/../../b", "a/..", "./a", "a/./b", "a//b", "a/", "a\\b", "..\\a", "a\nb", "a\tb", "a\x7fb",
    ".github/workflows/x.yaml", ".GitHub/workflows/x.yaml", ".GITHUB/x", ".github", "./.github/x", ".github./x", ".github /x",
    ".git\u200bhub/x", ".\uff47\uff49\uff54\uff48\uff55\uff42/x", ".git/config", "a/.GIT/hooks/x", "git~1/config", "GITHUB~1/x", ".git", "a/.git", "a/.../b", "x" * 5000,
)  # fmt: skip


@pytest.mark.parametrize("path", FORBIDDEN_PATHS, ids=lambda path: repr(path[:30]))
def test_a_path_out_of_bounds_is_refused(path):
    assert path_refused(path)


@pytest.mark.parametrize(
    "path", ["main.tf", "a b/c.tf", "é/ü.tf", ".gitignore", "a/.github/x", ".githubx", "a..b", "..a/b"]
)
def test_an_ordinary_path_is_taken(path):
    assert not path_refused(path)


def test_a_forbidden_path_refuses_the_whole_request_wherever_it_stands(world, job):
    base = job.pull.head_sha
    refused(job.commit(additions=[("a", "1"), (".GitHub/workflows/x.yaml", "on: push")]), 400, ".github/")
    refused(job.commit(deletions=[".github/workflows/plan.yaml"]), 400, ".github/")
    assert job.pull.head_sha == base


def test_no_content_is_kept_in_the_database(world, job):
    job.commit(additions=[("secret", "hunter2")], comment="note")
    assert encoded("hunter2") not in json.dumps([list(row) for row in rows(world)])
