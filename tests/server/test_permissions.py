"""Who may do what: the decision and its table, and the rows as requests and upgrades meet them."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text
from test_migrations import upgrade_to
from twins import new_database
from world import WORKSPACE

from sonde.server.auth import permission_store, permissions
from sonde.server.auth.decide import Allowed, decide, facts_of, granted
from sonde.server.auth.model import DEFAULTS, EVERY, UNFORCED, Grant, Permission
from sonde.server.auth.store import sessions
from sonde.server.kernel.db import Database
from sonde.server.migrate import upgrade

TABLE = Path(__file__).parents[1] / "data" / "server" / "permissions.md"
JOB = {
    "event_name": "push",
    "ref": "refs/heads/main",
    "head_ref": "",
    "base_ref": "",
    "workflow_ref": "acme/infra/.github/workflows/plan.yaml@refs/heads/main",
    "job_workflow_ref": "acme/shared/.github/workflows/deploy.yaml@refs/heads/main",
}
PULL = {"ref": "refs/pull/7/merge", "head_ref": "feature", "base_ref": "main"}
EVENTS = {
    "pull_request": PULL,
    "pull_request_target": {"head_ref": "feature", "base_ref": "main"},
    "merge_group": {"ref": "refs/heads/gh-readonly-queue/main/pr-7-abc"},
    "push": {},
    "release": {"ref": "refs/tags/v1"},
    "workflow_dispatch": {},
    "schedule": {},
    "workflow_run": {},
    "issue_comment": {},
    "repository_dispatch": {},
    "(no event_name)": {"event_name": None},
}


def job(event, **more):
    claims = JOB | {"event_name": event} | EVENTS.get(event, {}) | more
    return {name: value for name, value in claims.items() if value is not None}


def rows(*permitted, **patterns):
    return [Grant(f"perm_{n}", "repo_1", str(one), **patterns) for n, one in enumerate(permitted)]


def mark(grants, event, permission):
    return "yes" if isinstance(decide(permission, grants, facts_of(job(event))), Allowed) else "-"


def table(title, grants):
    lines = [f"## {title}", "", f"| | {' | '.join(EVENTS)} |", f"| --- |{' --- |' * len(EVENTS)}"]
    for permission in Permission:
        lines.append(f"| `{permission}` | {' | '.join(mark(grants, event, permission) for event in EVENTS)} |")
    return "\n".join([*lines, ""])


def tables():
    parts = [
        "# Who may do what\n\nMade by `python -m test_permissions` in tests/server; the tests hold it against the code.\n",
        table("The rows of a new repository", rows(*DEFAULTS)),
        table("A row for each permission", rows(*Permission)),
        table("A row for each permission, strangers too", rows(*Permission, strangers=True)),
        table("A row for each permission, on the branch main", rows(*Permission, branch="main")),
        table("A row for each permission, in the environment prod", rows(*Permission, environment="prod")),
    ]
    return "\n".join(parts)


def test_the_table_of_events_and_permissions_is_the_committed_one():
    assert len(EVENTS) == 11  # ten of GitHub's, and a token that names none
    assert tables() == TABLE.read_text()


claim_values = st.sampled_from(
    ["", "main", "feature", "refs/heads/main", "refs/heads/prod-1", "refs/tags/main", "refs/pull/7/merge"]
)
claims = st.fixed_dictionaries(
    {},
    optional={
        "event_name": st.sampled_from([*EVENTS, "", "x"]),
        "ref": claim_values,
        "head_ref": claim_values,
        "base_ref": claim_values,
        "workflow_ref": st.sampled_from(["o/r/.github/workflows/plan.yaml@refs/heads/main", "plan.yaml", "a@b", ""]),
        "job_workflow_ref": st.sampled_from(["o/r/.github/workflows/plan.yaml@refs/heads/main", "plan.yaml", ""]),
        "environment": st.sampled_from(["prod", "dev", ""]) | st.integers() | st.none(),
    },
)
patterns = st.sampled_from(
    ["*", "main", "plan.yaml", "prod", ".*", "(prod)?", "^(main|develop)$", "[^m].*", "(", "refs/.*"]
)
grants = st.lists(
    st.builds(
        Grant,
        id=st.just("perm_1"),
        repository_id=st.just("repo_1"),
        permission=st.sampled_from(sorted(EVERY)),
        workflow=patterns,
        branch=patterns,
        environment=patterns,
        strangers=st.booleans(),
    ),
    max_size=6,
)


@given(grants, claims, st.sampled_from([*JOB, "environment"]))
def test_taking_a_claim_away_never_gives_more(some, facts, name):
    without = {key: value for key, value in facts.items() if key != name}
    assert granted(some, without) <= granted(some, facts)


@given(grants, claims, st.data())
def test_taking_a_row_away_never_gives_more(some, facts, data):
    fewer = [one for one in some if data.draw(st.booleans())]
    assert granted(fewer, facts) <= granted(some, facts)


def test_without_a_row_nothing_is_given():
    assert granted([], job("push")) == frozenset()
    assert granted(rows(*Permission), {}) == frozenset()


@pytest.mark.parametrize(
    ("patterns", "event", "more", "given"),
    [
        ({"workflow": "plan.yaml"}, "push", {}, True),
        ({"workflow": "apply.yaml"}, "push", {}, False),
        ({"workflow": JOB["workflow_ref"]}, "push", {}, True),
        ({"workflow": JOB["job_workflow_ref"]}, "push", {}, True),
        ({"workflow": "deploy.yaml"}, "push", {}, False),  # the caller's name counts, not that of what it calls
        ({"workflow": "plan.yaml"}, "push", {"workflow_ref": None}, False),
        ({"branch": "main"}, "push", {}, True),
        ({"branch": "main"}, "push", {"ref": "refs/tags/main"}, False),
        ({"branch": "refs/tags/v.*"}, "release", {}, True),
        ({"branch": "main"}, "pull_request", {}, False),
        ({"branch": "feature"}, "pull_request", {}, True),
        ({"branch": "main"}, "pull_request", {"head_ref": None}, False),
        ({"environment": "prod"}, "push", {}, False),
        ({"environment": "prod"}, "push", {"environment": "prod"}, True),
        ({"environment": ".*"}, "push", {}, False),
        ({"environment": "*"}, "push", {}, True),
    ],
)
def test_a_row_gives_its_permission_to_the_jobs_that_fit(patterns, event, more, given):
    answer = granted(rows(Permission.LOCKS_DELETE, **patterns), job(event, **more))
    assert answer == ({"locks:delete"} if given else set())


# --- over HTTP, on both databases


@pytest.fixture
def run_id(world):
    world.open_pull_request()
    return world.run_of("pull_request").run_id


LOCK = {"key": "acme/infra/dev/vpc"}


def lock(world, token):
    return world.server.request("POST", "/api/v1/locks", body=LOCK, token=token)


def only(world, *kept):
    """Leave a repository these rows and no others."""
    with world.db.write("admin.change") as tx:
        for row in permission_store.of_repository(tx, "repo_1"):
            permissions.remove(tx, row)
        for row in kept:
            permissions.add(tx, row)


def test_a_refusal_names_the_missing_row_and_the_command_that_adds_it(world, run_id):
    only(world, Grant("perm_1", "repo_1", "locks:create", workflow="apply.yaml", branch="main"))
    answer = lock(world, world.session(run_id))
    assert (answer.status, answer.body["errorTag"]) == (403, "Forbidden")
    assert answer.body["context"] == {"permission": "locks:create"}
    assert answer.body["errorMessage"] == (
        "acme/infra does not give locks:create to workflow affected.yaml, branch feature, event pull_request: its rows for "
        "it want workflow apply.yaml, branch main. To allow it: sonde admin permission add locks:create "
        f"--workspace {WORKSPACE} --repo acme/infra --workflow affected.yaml"
    )


def test_a_row_that_is_added_or_removed_counts_at_once_for_sessions_that_live(world, run_id):
    only(world)
    token = world.session(run_id)
    assert lock(world, token).status == 403
    row = Grant("perm_1", "repo_1", "locks:create", branch="feature")
    only(world, row)
    assert lock(world, token).status == 200
    only(world)
    assert lock(world, token).status == 403


def test_of_a_session_and_a_row_that_is_taken_away_at_once_the_session_never_keeps_it(world, run_id):
    from concurrent.futures import ThreadPoolExecutor

    tokens = [world.oidc(run_id) for _ in range(8)]
    body = [{"token": token, "workspaceId": WORKSPACE} for token in tokens]
    with ThreadPoolExecutor(9) as pool:
        opened = [pool.submit(world.server.request, "POST", "/api/v1/auth/github-oidc", body=one) for one in body]
        pool.submit(only, world).result()
    assert [one.result().status for one in opened] == [200] * 8
    assert [lock(world, one.result().data["token"]).status for one in opened] == [403] * 8


def test_a_job_of_pull_request_target_may_read_and_writes_only_where_a_row_says_strangers(world):
    world.github.commit(world.infra, "main", {".github/workflows/target.yaml": TARGET}, author="octo-dev")
    world.open_pull_request()
    token = world.session(world.run_of("pull_request_target").run_id)
    refused = lock(world, token)
    assert (refused.status, "pull_request_target" in refused.body["errorMessage"]) == (403, True)
    assert refused.body["errorMessage"].endswith("--workflow target.yaml --strangers")
    assert world.server.request("GET", "/api/v1/repos/acme/infra/locks", token=token).status == 200
    only(world, Grant("perm_1", "repo_1", "locks:create", workflow="target.yaml", strangers=True))
    assert lock(world, token).status == 200
    assert world.server.request("GET", "/api/v1/repos/acme/infra/locks", token=token).status == 403


TARGET = """\
on: {pull_request_target: {types: [opened]}}
permissions: {id-token: write}
jobs: {one: {runs-on: ubuntu-latest, steps: [{run: "true"}]}}
"""


def test_a_new_repository_gets_the_defaults_once(world):
    with world.db.write("admin.change") as tx:
        permissions.link(tx, world.repository)
        before = permission_store.of_repository(tx, "repo_1")
        for row in before:
            permissions.remove(tx, row)
        permissions.link(tx, world.repository)
        assert permission_store.of_repository(tx, "repo_1") == []
    assert {row.permission for row in before} == UNFORCED


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_who_could_do_everything_before_the_upgrade_still_can(kind, tmp_path):
    url = new_database(kind, tmp_path)
    if url is None:
        pytest.skip("no PostgreSQL binaries were found")
    db = Database(url)
    upgrade_to(db, "0007")
    with db.write("admin.change") as tx:
        for statement in (
            "INSERT INTO workspaces (id, name, created_at) VALUES ('ws_1', 'one', 1)",
            "INSERT INTO repositories (id, workspace_id, github_id, owner_id, owner, name, created_at) VALUES ('r1', 'ws_1', 1, 2, 'a', 'b', 3)",
            "INSERT INTO sessions (id, workspace_id, repository_id, holder, name, claims, created_at, expires_at) VALUES ('s', 'ws_1', 'r1', 'h', 'n', '{}', 1, 9)",
            "INSERT INTO tokens (id, workspace_id, name, sha256, created_at, expires_at) VALUES ('t', 'ws_1', 'n', 'x', 1, 9)",
        ):
            tx.run(text(statement))
    upgrade(db)
    with db.read() as tx:
        assert {row.permission for row in permission_store.of_repository(tx, "r1")} == UNFORCED
        for table in ("sessions", "tokens"):
            assert set(tx.one(text(f"SELECT granted FROM {table}"))[0].split()) == UNFORCED
    db.close()


def test_the_claims_of_a_session_that_are_no_text_give_nothing(world, run_id):
    token = world.session(run_id)
    with world.db.write("admin.change") as tx:
        tx.run(sessions.update().values(claims=json.dumps({"event_name": 1, "ref": [], "workflow_ref": {}})))
        permissions.add(tx, Grant("perm_x", "repo_1", "locks:create", branch="x"))
    assert lock(world, token).status == 403


if __name__ == "__main__":
    TABLE.parent.mkdir(exist_ok=True)
    TABLE.write_text(tables())
