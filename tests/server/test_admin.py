"""`sonde admin`: straight on the database, with or without a server beside it; the same command again changes nothing."""

import json
import os
import subprocess
import sys

import pytest
from commands import facts, refused, runner
from sqlalchemy import text
from twins import bare_server, new_database
from world import WORKSPACE

from sonde.cli import errors
from sonde.main import cli
from sonde.server.kernel.db import Database
from sonde.server.schema import metadata

REPO = ("repo", "add", "acme/infra", "--repository-id", "11", "--owner-id", "22", "--workspace")


pytestmark = pytest.mark.usefixtures("environment")


def rows(url):
    db = Database(url)
    try:
        with db.read() as tx:
            return {table.name: tx.all(table.select()) for table in metadata.sorted_tables}
    finally:
        db.close()


def test_a_workspace_is_created_once_and_the_same_again_says_its_id(admin, database_url):
    made = facts(admin("workspace", "create", "platform", "--json"))
    before = rows(database_url)
    assert facts(admin("workspace", "create", "platform", "--json")) == made
    assert facts(admin("workspace", "create", "platform", "--id", made["id"], "--json")) == made
    assert admin("workspace", "create", "platform") == (0, f"Workspace platform: {made['id']}\n", "")
    assert rows(database_url) == before


def test_a_workspace_takes_the_id_it_is_given(admin):
    assert facts(admin("workspace", "create", "platform", "--id", "ws_platform", "--json")) == {
        "id": "ws_platform",
        "name": "platform",
    }


def test_an_id_or_a_name_of_another_workspace_is_refused(admin):
    facts(admin("workspace", "create", "one", "--id", "ws_one", "--json"))
    refused(admin("workspace", "create", "two", "--id", "ws_one"), "ws_one is named 'one' already")
    refused(admin("workspace", "create", "one", "--id", "ws_two"), "ws_one is named 'one' already")


@pytest.mark.parametrize("wrong", ["platform", "ws_", "ws_ä", "ws_a b", "ws_" + "x" * 61, "ws_a\n"])
def test_an_id_that_is_none_is_refused(admin, wrong):
    refused(admin("workspace", "create", "platform", "--id", wrong), "is no workspace id; one looks like ws_")


@pytest.mark.parametrize("wrong", ["", "  ", "a\nb", "a\x1bb", "n" * 201, os.fsdecode(b"\xff")])
def test_a_name_that_no_page_can_show_is_refused(admin, wrong):
    refused(admin("workspace", "create", wrong), "is no name")


@pytest.fixture
def workspace(admin):
    return facts(admin("workspace", "create", "platform", "--json"))["id"]


def test_a_repository_is_linked_once_and_the_same_again_changes_nothing(admin, workspace, database_url):
    made = facts(admin(*REPO, workspace, "--installation-id", "33", "--json"))
    assert made["repositoryId"] == 11
    before = rows(database_url)
    assert facts(admin(*REPO, workspace, "--installation-id", "33", "--json")) == made
    assert facts(admin(*REPO, workspace, "--json")) == made  # the installation is kept
    assert admin(*REPO, workspace) == (0, f"Repository acme/infra is linked to {workspace} as {made['id']}\n", "")
    assert rows(database_url) == before


def test_a_renamed_repository_keeps_its_id(admin, workspace):
    made = facts(admin(*REPO, workspace, "--json"))
    renamed = ["new/name" if word == "acme/infra" else word for word in REPO]
    assert facts(admin(*renamed, workspace, "--json")) == {**made, "repository": "new/name"}


@pytest.mark.parametrize(
    "wrong", ["infra", "a/b/c", "/infra", "acme/", "acme/in fra", "https://github.com/acme/infra", "a/b\n"]
)
def test_a_repository_that_is_not_owner_and_name_is_refused(admin, workspace, wrong):
    refused(admin("repo", "add", wrong, *REPO[3:], workspace), "is not OWNER/NAME")


@pytest.mark.parametrize("option", ["--repository-id", "--owner-id", "--installation-id"])
@pytest.mark.parametrize("wrong", ["0", "-1", "x", "1.5", str(2**63)])
def test_a_number_that_is_no_github_id_is_refused(admin, workspace, option, wrong):
    refused(admin(*REPO, workspace, option, wrong), option)


def test_an_unknown_workspace_is_refused_with_the_command_that_makes_one(admin):
    refused(admin(*REPO, "ws_nope"), "there is no workspace ws_nope", "sonde admin workspace create")
    refused(admin("token", "create", "--workspace", "ws_nope"), "there is no workspace ws_nope")


def test_a_token_for_a_repository_that_is_not_linked_is_refused_with_the_command_that_links_it(admin, workspace):
    for name in ("acme/infra", "nonsense", ""):
        refused(admin("token", "create", "--workspace", workspace, "--repo", name), "sonde admin repo add")


@pytest.mark.parametrize("days", ["0", "-1", "367", "x"])
def test_a_token_lives_for_some_days_up_to_a_year(admin, workspace, days):
    refused(admin("token", "create", "--workspace", workspace, "--days", days), "--days")


def test_a_token_is_shown_once_and_stored_only_as_a_digest(admin, workspace, database_url):
    made = facts(admin("token", "create", "--workspace", workspace, "--name", "ci", "--json"))
    code, out, _ = admin("token", "create", "--workspace", workspace)
    assert (code, out.startswith("sonde_"), "It is not shown again" in out) == (0, True, True)
    stored = str(rows(database_url))
    assert made["id"] in stored
    assert made["token"] not in stored
    assert out.split()[0] not in stored


def test_a_sign_in_link_leads_to_the_pages(admin, environment):
    environment.setenv("SONDE_PUBLIC_URL", "https://sonde.example/")
    link = facts(admin("sign-in-link", "--json"))["url"]
    assert link.startswith("https://sonde.example/login?token=")
    code, out, _ = admin("sign-in-link")
    assert (code, out.startswith("https://sonde.example/login?token="), out.strip() != link) == (0, True, True)


def test_what_is_made_beside_a_running_server_works_at_once(admin, tmp_path, database_url):
    server = bare_server(tmp_path, database_url)
    try:
        facts(admin(*REPO[:2], "acme/other", *REPO[3:], WORKSPACE, "--json"))
        made = facts(admin("token", "create", "--workspace", WORKSPACE, "--repo", "acme/other", "--json"))
        answer = server.request("POST", "/api/v1/locks", body={"key": "acme/other/dev/vpc"}, token=made["token"])
        assert answer.status == 200
        assert (
            server.request("POST", "/api/v1/locks", body={"key": "acme/infra/dev/vpc"}, token=made["token"]).status
            == 403
        )
    finally:
        server.stop()


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_the_first_command_on_an_empty_database_makes_its_tables(capsys, environment, tmp_path, kind):
    url = new_database(kind, tmp_path)
    if url is None:
        pytest.skip("no PostgreSQL binaries were found")
    environment.setenv("SONDE_DATABASE_URL", url)
    run = runner(capsys)
    code, made, told = run("workspace", "create", "platform", "--json")
    assert (code, told.count("\n")) == (0, 0)
    assert [row.id for row in rows(url)["workspaces"]] == [json.loads(made)["id"]]
    assert facts(run("workspace", "create", "platform", "--json")) == json.loads(made)


def test_a_database_that_had_to_be_made_is_named_since_the_server_may_have_another(environment, tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "sonde.main", "admin", "sign-in-link"], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("http://")
    assert (
        f"Made a new database, sqlite:///{tmp_path}/data/sonde.sqlite: the server must run with the same" in done.stderr
    )


def test_without_a_database_url_it_is_the_file_of_the_data_folder_which_nobody_else_reads(capsys, tmp_path):
    assert runner(capsys)("workspace", "create", "platform", "--json")[0] == 0
    made = tmp_path / "data"
    assert {one.stat().st_mode & 0o077 for one in (made, *made.iterdir())} == {0}
    assert (made / "sonde.sqlite").exists()


EVERY = [
    ("workspace", "create", "platform"),
    (*REPO, "ws_a"),
    ("token", "create", "--workspace", "ws_a"),
    ("sign-in-link",),
]


@pytest.mark.parametrize("command", EVERY, ids=lambda words: words[0])
@pytest.mark.parametrize("revision", ["9999", "0001"])
def test_a_database_of_another_version_is_refused_and_left_alone(admin, database_url, command, revision):
    db = Database(database_url)
    with db.write("admin.change") as tx:
        tx.run(text("UPDATE alembic_version SET version_num = :revision"), {"revision": revision})
    db.close()
    before = rows(database_url)
    refused(admin(*command), f"the database has schema {revision}, this command needs")
    assert rows(database_url) == before


@pytest.mark.parametrize("command", EVERY, ids=lambda words: words[0])
@pytest.mark.parametrize(
    "url", ["nonsense", "mysql://u:hunter2@h/d", "postgresql://u:hunter2@127.0.0.1:1/d", "sqlite:////proc/none/x"]
)
def test_a_database_that_cannot_be_used_is_one_sentence_without_its_password(capsys, environment, command, url):
    environment.setenv("SONDE_DATABASE_URL", url)
    answer = runner(capsys)(*command)
    refused(answer, "cannot be used")
    assert "hunter2" not in answer[2]


def test_a_data_folder_that_cannot_be_made_is_one_sentence(capsys, environment, tmp_path):
    (tmp_path / "file").touch()
    environment.setenv("SONDE_DATA_DIR", str(tmp_path / "file" / "below"))
    refused(runner(capsys)("workspace", "create", "platform"), "cannot be made (Not a directory)", "SONDE_DATA_DIR")


@pytest.mark.parametrize(
    "command", [(), ("workspace",), ("repo",), ("token",), ("nope",), ("workspace", "create"), ("repo", "add", "a/b")]
)
def test_a_command_that_is_not_whole_is_wrong_usage(capsys, command):
    code, out, err = runner(capsys)(*command)
    assert (code, out) == (1, "")
    assert "# Incorrect Usage" in err


def test_every_command_says_in_its_help_that_it_can_speak_json(capsys):
    for words in (["sign-in-link"], ["workspace", "create"], ["repo", "add"], ["token", "create"]):
        assert errors.run(cli, ["admin", *words, "--help"], prog="sonde", env={}, stderr=sys.stderr) == 0
        assert "--json" in capsys.readouterr().out


def test_what_a_repository_and_a_workspace_demand_can_be_changed(admin, workspace, database_url):
    linked = facts(admin(*REPO, workspace, "--json"))
    repo = ("repo", "set", "acme/infra", "--workspace", workspace)
    facts(admin(*repo, "--min-lock-ttl", "900", "--json"))
    said = facts(admin(*repo, "--unlock-by", "holder", "--locks-end-with-run", "--json"))
    demands = {"minLockTtl": 900, "unlockBy": "holder", "locksEndWithRun": True}
    assert said == {"id": linked["id"], "repository": "acme/infra", **demands}
    assert facts(admin("workspace", "set", workspace, "--strict-drift", "--json"))["strictDrift"] is True
    said = facts(admin("workspace", "set", workspace, "--max-lock-ttl", "600", "--json"))
    assert said == {"id": workspace, "strictDrift": True, "maxLockTtl": 600}
    facts(admin(*REPO, workspace, "--json"))  # linking it again keeps them
    kept = rows(database_url)
    assert [(row.min_lock_ttl, row.unlock_by, row.locks_end_with_run) for row in kept["repositories"]] == [
        (900, "holder", True)
    ]
    assert [(row.strict_drift, row.max_lock_ttl) for row in kept["workspaces"]] == [(True, 600)]
    told = [row.description for row in kept["audit_log"] if row.action.endswith("settings_changed")]
    assert told == [
        "min_lock_ttl of acme/infra is 900 seconds now",
        "unlock_by of acme/infra is holder now",
        "locks_end_with_run of acme/infra is true now",
        "strict_drift is true now",
        "max_lock_ttl is 600 now",
    ]


def test_a_change_of_nothing_is_wrong_usage(admin, workspace):
    for words in (("repo", "set", "acme/infra", "--workspace", workspace), ("workspace", "set", workspace)):
        code, _, err = admin(*words)
        assert (code, "Say what to change" in err) == (1, True)


def test_what_is_not_there_cannot_be_changed(admin, workspace):
    refused(admin("repo", "set", "acme/none", "--workspace", workspace, "--min-lock-ttl", "1"), "repo add")
    refused(admin("workspace", "set", "ws_none", "--strict-drift"), "workspace create")


OF = ("--repo", "acme/infra", "--workspace")


def test_rows_of_permissions_are_listed_added_once_and_removed(admin, workspace, database_url):
    facts(admin(*REPO, workspace, "--json"))
    listed = facts(admin("permission", "list", *OF, workspace, "--json"))["permissions"]
    assert sorted(row["permission"] for row in listed) == sorted(
        [
            "affected_stacks:create",
            "instances:create",
            "instances:update",
            "exec:create",
            "locks:create",
            "locks:delete",
            "status:read",
        ]
    )
    assert {(row["workflow"], row["branch"], row["environment"], row["strangers"]) for row in listed} == {
        ("*", "*", "*", False)
    }
    row = (
        "permission",
        "add",
        "git:commit",
        *OF,
        workspace,
        "--workflow",
        "format.yaml",
        "--branch",
        "^(main|develop)$",
    )
    made = facts(admin(*row, "--json"))
    assert (made["changed"], made["branch"]) == (True, "^(main|develop)$")
    again = facts(admin(*row, "--json"))
    assert again == {**made, "changed": False}
    code, out, _ = admin("permission", "list", *OF, workspace)
    assert (code, f"{made['id']}  git:commit: workflow format.yaml, branch ^(main|develop)$" in out) == (0, True)
    code, out, _ = admin("permission", "remove", made["id"], *OF, workspace)
    assert (code, out) == (
        0,
        "acme/infra gives git:commit no longer to: workflow format.yaml, branch ^(main|develop)$\n",
    )
    refused(admin("permission", "remove", made["id"], *OF, workspace), "has no row", "permission list")


def test_linking_a_repository_again_brings_no_row_back(admin, workspace):
    facts(admin(*REPO, workspace, "--json"))
    for row in facts(admin("permission", "list", *OF, workspace, "--json"))["permissions"]:
        facts(admin("permission", "remove", row["id"], *OF, workspace, "--json"))
    facts(admin(*REPO, workspace, "--json"))
    assert admin("permission", "list", *OF, workspace) == (0, "There is no row: no job may do anything\n", "")


@pytest.mark.parametrize("option", ["--workflow", "--branch", "--environment"])
@pytest.mark.parametrize("wrong", ["(", "a**", "[", "", "(?=x)", "x" * 201, "a\nb", os.fsdecode(b"\xff")])
def test_a_pattern_that_is_none_is_refused(admin, workspace, option, wrong):
    facts(admin(*REPO, workspace, "--json"))
    answer = admin("permission", "add", "locks:create", *OF, workspace, option, wrong)
    assert (answer[0], answer[1]) == (1, "")
    assert "Traceback" not in answer[2]


def test_a_permission_that_is_none_and_a_repository_that_is_not_linked_are_refused(admin, workspace):
    refused(admin("permission", "add", "locks:steal", *OF, workspace), "locks:steal")
    refused(admin("permission", "list", *OF, workspace), "sonde admin repo add")
    refused(admin("token", "create", "--workspace", workspace, "--permission", "everything"), "--permission")
    refused(admin("session", "revoke", "--all", "--workspace", "ws_nope"), "there is no workspace ws_nope")
    refused(admin("token", "revoke", "tok_1", "--workspace", workspace), "token list")
    refused(admin("audit", "verify", "--expect", "x"), "NUMBER:SEAL")


def test_workspaces_and_repositories_can_be_looked_up(admin):
    assert "sonde admin workspace create NAME" in admin("workspace", "list")[1]
    assert "sonde admin repo add" in admin("repo", "list")[1]
    made = facts(admin("workspace", "create", "platform", "--json"))
    facts(admin("workspace", "create", "another", "--id", "ws_a", "--json"))
    linked = facts(admin(*REPO, made["id"], "--json"))
    assert facts(admin("workspace", "list", "--json")) == {
        "workspaces": [
            {"id": "ws_a", "name": "another", "repositories": 0},
            {"id": made["id"], "name": "platform", "repositories": 1},
        ]
    }
    assert facts(admin("repo", "list", "--json")) == {"repositories": [linked]}
    assert facts(admin("repo", "list", "--workspace", "ws_a", "--json")) == {"repositories": []}
    assert admin("repo", "list")[1] == (
        f"acme/infra  in {made['id']}, repository 11, owner 22, installation not known yet\n"
    )


OF_A_WORKSPACE = [
    (*REPO,),
    ("repo", "list", "--workspace"),
    ("token", "create", "--workspace"),
    ("audit", "list", "--workspace"),
    ("audit", "verify", "--workspace"),
    ("audit", "export", "--workspace"),
    ("lock", "release", "a/b/c/d", "--reason", "gone", "--workspace"),
    ("permission", "list", "--repo", "acme/infra", "--workspace"),
]


@pytest.mark.parametrize("command", OF_A_WORKSPACE, ids=" ".join)
def test_a_workspace_that_is_mistyped_is_refused_and_its_name_leads_to_its_id(admin, command):
    made = facts(admin("workspace", "create", "platform", "--json"))
    refused(admin(*command, "ws_nobody"), "there is no workspace ws_nobody; sonde admin workspace list shows them")
    refused(admin(*command, "platform"), f"platform is the name of a workspace; its id is wanted: {made['id']}")


@pytest.mark.parametrize("key", ["vpc", "acme/infra", "acme/infra/dev"])
def test_a_lock_is_named_whole_to_be_released(admin, key):
    refused(
        admin("lock", "release", key, "--workspace", "ws_a", "--reason", "x"), f"'{key}' is not OWNER/NAME/STACK/COMPON"
    )
