"""The audit log: one row for each change, in its transaction, and a chain that shows who touched it afterwards."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, replace

import click
import pytest
from commands import facts, refused
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from test_admin import workspace  # noqa: F401 - a fixture of its tests
from test_git_commit import Job
from test_sts_tokens import ask, link
from world import WORKSPACE

from sonde.server.admin import group
from sonde.server.audit import store
from sonde.server.audit.decide import inspect, seal
from sonde.server.audit.model import Actor, Broken, Change, Ends, Mark, Row, Sound
from sonde.server.audit.service import record, verify
from sonde.server.kernel.db import Database

BY = Actor("admin", "0", "root")


def chain(length):
    """Rows as they are written, and the head beside them."""
    rows, previous = [], ""
    for number in range(1, length + 1):
        row = Row(
            f"aud_{number}",
            "ws_1",
            number,
            1000 + number,
            "token.created",
            "admin",
            "0",
            "root",
            "token",
            "tok_1",
            "x",
            "{}",
            previous,
            "",
        )
        rows.append(replace(row, seal=seal(row)))
        previous = rows[-1].seal
    return rows, Ends(Mark(length, previous))


def test_a_chain_that_nobody_touched_is_sound():
    for length in (0, 1, 5):
        rows, head = chain(length)
        assert inspect(rows, head) == Sound(Mark(), head.head)
        assert inspect(rows, head, head.head if length else None) == Sound(Mark(), head.head)


@given(st.integers(0, 4), st.sampled_from([field.name for field in fields(Row)]), st.booleans())
def test_an_edited_row_is_named_also_where_its_editor_sealed_it_again(at, name, again):
    rows, head = chain(5)
    value = getattr(rows[at], name)
    edited = replace(rows[at], **{name: value + 1 if isinstance(value, int) else f"{value}x"})
    if again and name != "seal":
        edited = replace(edited, seal=seal(edited))
    rows[at] = edited
    answer = inspect(rows, head)
    assert isinstance(answer, Broken)
    # a row whose number or whose link to the one before was edited and sealed again looks like one that was put there
    assert answer.number in ({at, at + 1} if name in ("number", "previous") else {at + 1})


@given(st.sets(st.integers(0, 4), min_size=1))
def test_the_first_deleted_row_is_named_also_the_newest(gone):
    rows, head = chain(5)
    answer = inspect([row for place, row in enumerate(rows) if place not in gone], head)
    assert (type(answer), answer.number) == (Broken, min(gone) + 1)
    assert "deleted" in answer.because


@given(st.permutations(range(5)))
def test_rows_in_another_order_are_found(order):
    rows, head = chain(5)
    moved = [replace(rows[place], number=number) for number, place in enumerate(order, 1)]
    assert isinstance(inspect(moved, head), Sound) is (list(order) == list(range(5)))


def test_a_chain_that_was_written_anew_is_found_by_the_seal_somebody_kept():
    _, kept = chain(5)
    rows, previous = [], ""
    for row in chain(6)[0]:
        anew = replace(row, actor_name="mallory", previous=previous)
        rows.append(replace(anew, seal=seal(anew)))
        previous = rows[-1].seal
    head = Ends(Mark(6, previous))
    assert isinstance(inspect(rows, head), Sound)
    assert inspect(rows, head, kept.head).number == 5
    assert "deleted" in inspect(*chain(4), kept.head).because


# --- on both databases


@pytest.fixture
def db(database_url):
    made = Database(database_url)
    yield made
    made.close()


def written(db, count=4, of="ws_1"):
    for number in range(count):
        with db.write("admin.change") as tx:
            record(tx, Change(of, "token.created", BY, ("token", f"tok_{number}"), "a token", {"n": number}))


def answer(db, of="ws_1"):
    with db.read() as tx:
        return verify(tx, of)


def test_many_changes_at_once_make_one_whole_chain(db):
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: written(db, 4), range(8)))
    assert answer(db).end.number == 32


def test_workspaces_have_chains_of_their_own(db):
    written(db, 2, "ws_1")
    written(db, 3, "ws_2")
    assert (answer(db, "ws_1").end.number, answer(db, "ws_2").end.number) == (2, 3)
    assert answer(db, "ws_3") == Sound(Mark(), Mark())


def test_a_change_that_is_taken_back_leaves_no_row(db):
    written(db, 1)

    def broken_off():
        with db.write("admin.change") as tx:
            record(tx, Change("ws_1", "token.created", BY, ("token", "x"), "never"))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        broken_off()
    assert answer(db).end.number == 1


@pytest.mark.parametrize(
    "statement",
    ["UPDATE audit_log SET actor_name = 'x'", "DELETE FROM audit_log WHERE number = 1", "DELETE FROM audit_log"],
)
def test_the_database_itself_changes_no_row_and_deletes_none(db, statement):
    written(db)

    def tampered():
        with db.write("admin.change") as tx:
            tx.run(text(statement))

    with pytest.raises(DBAPIError, match="append-only"):
        tampered()
    assert answer(db).end.number == 4


@pytest.mark.parametrize(
    ("statement", "number"),
    [
        ("UPDATE audit_log SET actor_name = 'mallory' WHERE number = 2", 2),
        ("UPDATE audit_log SET metadata = '{}' WHERE number = 3", 3),
        ("DELETE FROM audit_log WHERE number = 2", 2),
        ("DELETE FROM audit_log WHERE number = 4", 4),
        ("DELETE FROM audit_log", 1),
        ("UPDATE audit_heads SET seal = 'x'", 4),
    ],
)
def test_verify_names_the_row_that_was_edited_or_deleted(db, admin, statement, number):
    written(db)
    sound = facts(admin("audit", "verify", "--workspace", "ws_1", "--json"))
    assert (sound["rows"], sound["head"].partition(":")[0]) == (4, "4")
    assert facts(admin("audit", "verify", "--workspace", "ws_1", "--expect", sound["head"], "--json")) == sound
    with db.write("admin.change") as tx:  # somebody who owns the database
        for name in ("audit_log_no_update", "audit_log_no_delete") if db.dialect == "sqlite" else ():
            tx.run(text(f"DROP TRIGGER {name}"))
        for name in ("audit_log_append_only", "audit_log_only_cut") if db.dialect != "sqlite" else ():
            tx.run(text(f"DROP TRIGGER {name} ON audit_log"))
        tx.run(text(statement))
    refused(admin("audit", "verify", "--workspace", "ws_1"), f"row {number} of the audit log")


# --- one row for each change

CHANGES = {
    "workspace create": ("workspace.created", ("second",)),
    "workspace set": ("workspace.settings_changed", ("{ws}", "--strict-drift")),
    "repo add": (
        "github.repository_imported",
        ("acme/other", "--repository-id", "12", "--owner-id", "22", "--workspace", "{ws}"),
    ),
    "repo set": ("github.repository_settings_changed", ("acme/infra", "--workspace", "{ws}", "--min-lock-ttl", "60")),
    "permission add": ("permission.assigned", ("git:commit", "--workspace", "{ws}", "--repo", "acme/infra")),
    "permission remove": ("permission.removed", ("{perm}", "--workspace", "{ws}", "--repo", "acme/infra")),
    "token create": ("token.created", ("--workspace", "{ws}")),
    "token revoke": ("token.revoked", ("{tok}", "--workspace", "{ws}")),
    "session revoke": ("session.revoked", ("--all", "--workspace", "{ws}")),
    "key rotate": ("key.rotated", ("--revoke-old",)),
    "lock release": ("lock.deleted", ("acme/infra/dev/vpc", "--workspace", "{ws}", "--reason", "stuck")),
    "sign-in-link": ("auth.sign_in_link_created", ()),
    "audit cut": ("audit.cut", ("--file", "{export}", "--workspace", "{ws}")),
}
READS = {
    "workspace list",
    "repo list",
    "permission list",
    "token list",
    "session list",
    "key list",
    "audit list",
    "audit verify",
    "audit export",
}


def leaves(command, path=()):
    if not isinstance(command, click.Group):
        yield " ".join(path)
        return
    for name, child in command.commands.items():
        yield from leaves(child, (*path, name))


def test_every_admin_command_either_reads_or_is_in_the_audit_log():
    assert set(leaves(group)) == CHANGES.keys() | READS


def entries(db):
    with db.read() as tx:
        return store.newest(tx, None, "", 100)


@pytest.mark.parametrize("command", CHANGES)
def test_each_change_is_one_row_and_a_refused_one_is_none(admin, workspace, db, command, tmp_path):  # noqa: F811 - fixtures
    prepared(admin, workspace, db)
    names = {"ws": workspace, "perm": "", "tok": "", "export": str(tmp_path / "export.jsonl")}
    (tmp_path / "export.jsonl").write_text(admin("audit", "export", "--workspace", workspace)[1])
    listed = facts(admin("permission", "list", "--workspace", workspace, "--repo", "acme/infra", "--json"))
    names["perm"] = listed["permissions"][0]["id"]
    names["tok"] = facts(admin("token", "list", "--workspace", workspace, "--json"))["tokens"][0]["id"]
    action, options = CHANGES[command]
    words = [*command.split(), *(option.format(**names) for option in options)]
    before = len(entries(db))
    facts(admin(*words, "--json"))
    after = entries(db)
    assert len(after) == (1 if command == "audit cut" else before + 1)
    assert (after[0].action, after[0].actor_type) == (action, "admin")
    assert json.loads(after[0].metadata) is not None
    assert isinstance(answer(db, after[0].workspace_id), Sound)
    admin(*words)  # the same again: refused, or nothing is changed by it
    again = 0 if command not in ("token create", "key rotate", "sign-in-link") else 1
    assert len(entries(db)) == len(after) + again


def prepared(admin, workspace, db):  # noqa: F811 - fixtures
    """A repository, a token, a session and a lock for the commands to end."""
    facts(
        admin(
            "repo", "add", "acme/infra", "--repository-id", "11", "--owner-id", "22", "--workspace", workspace, "--json"
        )
    )
    facts(admin("token", "create", "--workspace", workspace, "--json"))
    with db.write("admin.change") as tx:
        of = tx.one(text("SELECT id FROM repositories"))[0]
        later = tx.now + 3_600_000
        tx.run(
            text(
                "INSERT INTO sessions (id, workspace_id, repository_id, holder, name, claims, created_at, expires_at) "
                f"VALUES ('ses_1', '{workspace}', '{of}', 'job:1', 'octo', '{{}}', 1, {later})"
            )
        )
        tx.run(
            text(
                "INSERT INTO locks (repository_id, instance, id, key, fence, holder_kind, holder_id, holder_name, granted_at, "
                f"updated_at, expires_at) VALUES ('{of}', 'dev/vpc', 'lock_1', 'acme/infra/dev/vpc', 1, 'client', 'job:1', 'octo', 1, 1, {later})"
            )
        )


KEY = {"key": "acme/infra/dev/vpc"}


def test_a_forced_unlock_is_a_row_with_who_and_why_and_an_ordinary_one_is_not(world):
    world.open_pull_request()
    run = world.run_of("pull_request").run_id
    mine, other, third = world.session(run), world.static_token(), world.session(run)
    for _ in range(2):
        assert world.server.request("POST", "/api/v1/locks", body=KEY, token=mine).status == 200
        assert world.server.request("DELETE", "/api/v1/locks", body=KEY, token=mine).status == 200
    assert entries(world.db) == []
    assert world.server.request("POST", "/api/v1/locks", body=KEY, token=other).status == 200
    assert world.server.request("DELETE", "/api/v1/locks", body=KEY, token=third).status == 200
    (row,) = entries(world.db)
    assert (row.workspace_id, row.action, row.actor_type, row.target_type) == (WORKSPACE, "lock.deleted", "job", "lock")
    assert "acme/infra/dev/vpc was released, though test held it" in row.description
    assert json.loads(row.metadata)["run_id"] == str(run)


def test_a_commit_that_is_asked_for_many_times_at_once_is_one_row(world):
    pull = world.open_pull_request()
    job = Job(world, pull)
    with ThreadPoolExecutor(4) as pool:
        shas = {answer.data["sha"] for answer in pool.map(lambda _: job.commit(), range(4))}
    (row,) = entries(world.db)
    assert (row.action, {row.target_id}) == ("commit.created", shas)


def test_tokens_for_private_sources_are_a_row_that_names_the_sources_and_holds_no_token(world):
    link(world, "acme/modules")
    link(world, "acme/secrets", policy=None)
    world.open_pull_request()
    token = world.session(world.run_of("pull_request").run_id)
    assert ask(world, token, "acme/secrets").data["tokens"] == []
    assert entries(world.db) == []
    got = ask(world, token, "acme/modules", "acme/secrets").data["tokens"][0]
    (row,) = entries(world.db)
    assert (row.action, json.loads(row.metadata)["sources"]) == ("sts.minted", ["acme/modules"])
    assert got["token"] not in str(row)
