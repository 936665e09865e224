"""The second wall between workspaces (T6): on PostgreSQL a query that forgets whose rows it wants finds nobody else's."""

import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError
from twins import API, BODIES, KEY, TOKEN, bare_server, concrete, new_database

from sonde.server import app, migrate
from sonde.server.auth import posture
from sonde.server.auth import store as auth
from sonde.server.auth.model import Actor, Permission
from sonde.server.kernel.db import Database
from sonde.server.kernel.http import Call, Reply
from sonde.server.kernel.wall import raise_wall
from sonde.server.migrate import SchemaMismatchError, upgrade
from sonde.server.schema import metadata
from sonde.server.settings import Settings
from sonde.server.wiring import ApiRoute, build
from sonde.server.workspaces import store as workspaces
from sonde.server.workspaces.model import Repository, Workspace

THEIRS = "a-token-of-the-other-workspace"
OPEN = {  # tables of no workspace: who acts for one may not touch them
    "deliveries",  # what GitHub sends, before anybody knows whose it is
    "page_sessions",
    "page_tokens",
    "signing_keys",
    "stumbles",
    "used_jti",
}
BOUND = sorted(set(metadata.tables) - OPEN)
USED = {
    "repositories",
    "tokens",
    "locks",
    "lock_events",
    "uploads",
    "instances",
    "inventories",
    "executions",
    "batches",
}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A server on PostgreSQL with two workspaces, in each of which a repository was locked, planned and reported."""
    folder = tmp_path_factory.mktemp("wall")
    url = new_database("postgresql", folder)
    if url is None:
        pytest.skip("no PostgreSQL")
    made = bare_server(folder, url)
    with made.site.db.write("admin.change") as tx:
        workspaces.put_workspace(tx, Workspace("ws_other", "other"))
        workspaces.put_repository(tx, Repository("repo_2", "ws_other", 3, 2, "acme", "other", None))
        auth.put_token(tx, auth.StaticToken("tok_2", "ws_other", None, "theirs", tx.now + 86_400_000), THEIRS)
    for name, token in (("infra", TOKEN), ("other", THEIRS)):
        for path in ("locks", "affected-stacks", "instances", "atmos/exec", "atmos/exec/data"):
            body = named(BODIES[path], name)
            assert made.request("POST", concrete(path), body=body, token=token).status == 200
        part = {**named(BODIES["instances"], name), "batch_id": "b-2", "batch_total": 2}
        assert made.request("POST", concrete("instances"), body=part, token=token).status == 200
    yield made
    made.stop()


def named(body, repository):
    return {
        name: value.replace("infra", repository) if isinstance(value, str) else value for name, value in body.items()
    }


def rows(db, table):
    with db.read() as tx:
        return {str(row) for row in tx.all(text(f"SELECT * FROM {table}"))}


def test_every_table_with_rows_of_a_workspace_has_the_policy(server):
    of_somebody = {
        name
        for name, table in metadata.tables.items()
        if name == "workspaces"
        or {"workspace_id", "repository_id", "batch"} & {column.name for column in table.columns}
    }
    assert of_somebody == set(BOUND)
    with server.site.db.read() as tx:
        shut = text("SELECT relname FROM pg_class JOIN pg_policy ON polrelid = pg_class.oid WHERE relrowsecurity")
        assert {row.relname for row in tx.all(shut)} == set(BOUND)


@pytest.mark.parametrize("table", BOUND)
def test_who_acts_for_a_workspace_sees_its_rows_and_no_others(server, table):
    db = server.site.db
    seen = {workspace: rows(db.within(workspace), table) for workspace in ("ws_test", "ws_other")}
    assert not seen["ws_test"] & seen["ws_other"]
    assert seen["ws_test"] | seen["ws_other"] == rows(db, table)
    assert all(seen.values()) or table not in USED
    assert rows(db.within("ws_ghost"), table) == set()


def test_who_names_no_workspace_sees_nothing(server):
    with server.site.db.read() as tx:
        tx.run(text("SELECT set_config('role', :role, true)"), {"role": server.site.db.wall})
        for table in BOUND:
            assert tx.all(text(f"SELECT * FROM {table}")) == []


@pytest.mark.parametrize("table", sorted(OPEN))
def test_what_is_of_no_workspace_is_not_for_those_who_act_for_one(server, table):
    with server.site.db.within("ws_test").read() as tx, pytest.raises(ProgrammingError, match="permission denied"):
        tx.all(text(f"SELECT * FROM {table}"))


def test_who_acts_for_a_workspace_writes_no_rows_of_another(server):
    mine = server.site.db.within("ws_test")
    with mine.write("admin.change") as tx:
        assert tx.run(text("UPDATE locks SET fence = 99")).rowcount == 1
        assert tx.run(text("DELETE FROM executions WHERE workspace_id = 'ws_other'")).rowcount == 0
        tx.run(text("UPDATE locks SET fence = 1"))
    with pytest.raises(ProgrammingError, match="row-level security"), mine.write("admin.change") as tx:
        tx.run(text("UPDATE repositories SET workspace_id = 'ws_other'"))
    with pytest.raises(ProgrammingError, match="row-level security"), mine.write("admin.change") as tx:
        tx.run(text("INSERT INTO runs_seen VALUES ('repo_2', 1, 1, false, 0)"))


def test_a_connection_is_its_owners_again_after_each_transaction(server):
    db = server.site.db
    for _ in range(20):
        rows(db.within("ws_test"), "locks")
        assert len(rows(db, "locks")) == 2


def forgetful(tx, workspace_id, owner, name):
    """`workspaces.repository_by_name` as somebody may write it who forgets the workspace."""
    found = workspaces.repositories
    row = tx.one(found.select().where(found.c.owner == owner, found.c.name == name))
    return workspaces.repository(tx, row.id) if row else None


def test_a_query_that_forgets_the_workspace_is_answered_as_if_there_was_none(server, monkeypatch):
    monkeypatch.setattr(workspaces, "repository_by_name", forgetful)

    def locks(repository):
        answer = server.request("GET", f"/api/v1/repos/acme/{repository}/locks", token=TOKEN)
        body = {name: value for name, value in answer.body.items() if name != "traceId"}
        return answer.status, str(body).replace(repository, "…")

    assert locks("infra")[0] == 200
    assert locks("other") == locks("ghost")
    assert locks("other")[0] == 403
    monkeypatch.setattr(server.site.db, "wall", "")  # without the second wall the mistake would be seen
    assert locks("other")[0] == 200
    assert KEY.replace("infra", "…") in locks("other")[1]


def test_whatever_a_route_of_the_api_does_is_done_for_the_workspace_of_its_caller(server, monkeypatch):
    given = []
    actor = Actor("ws_test", None, "tok", "token:tok", "t", {}, frozenset())
    monkeypatch.setattr(app, "_permitted", lambda *_: actor)
    route = ApiRoute("GET", "x", Permission.STATUS_READ, lambda db, *_: given.append(db) or Reply())
    app._authorized(server.site, None, route, Call("GET", "/x", b"", {}, {}, {}, "t"))
    assert [(db.acting_for, db.wall) for db in given] == [("ws_test", "sonde_tenant")]


@pytest.mark.parametrize(("method", "path"), [one for one in API if "auth/" not in one[1]])
def test_every_route_works_behind_the_wall(server, method, path):
    """None asks for a table that it may not use: that would be a 500."""
    answer = server.request(method, concrete(path), body=BODIES.get(path), token=TOKEN)
    assert answer.status != 500, answer.body


@pytest.fixture
def humble(tmp_path):
    """The URL of an empty database whose owner may create no role, and of its superuser."""
    url = new_database("postgresql", tmp_path)
    if url is None:
        pytest.skip("no PostgreSQL")
    owner = f"owner_{uuid.uuid4().hex[:8]}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {owner} LOGIN")
        connection.execute(f"ALTER DATABASE {url.rpartition('/')[2]} OWNER TO {owner}")
        connection.execute(f"ALTER SCHEMA public OWNER TO {owner}")
    return url.replace("sonde@", f"{owner}@"), url


def test_a_role_that_may_create_none_is_told_how_and_has_a_wall_at_the_next_start(humble, tmp_path):
    url, superuser = humble
    owner = url.partition("//")[2].partition("@")[0]

    def wall():
        site = build(Settings(data_dir=tmp_path, database_url=url))
        with closing(site.db):
            upgrade(site.db)
            site.db.find_wall()
            return site.db.wall, posture.wall(site.db.dialect, site.db.wall)[0]

    role, finding = wall()
    assert (role, finding.state) == ("", posture.State.WEAK)
    statements = finding.fix.replace("sonde", owner).partition(": ")[2].partition("; and")[0].split("; ")
    assert len(statements) == 2
    with psycopg.connect(superuser, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement)
    role, finding = wall()
    assert (role, finding.state) == (f"{owner}_tenant", posture.State.SOUND)


def test_a_role_that_does_not_own_the_tables_is_refused_and_told_whose_they_are(humble, tmp_path):
    """To it every table would look empty, and every credential unknown."""
    url, superuser = humble
    owner = url.partition("//")[2].partition("@")[0]
    with closing(Database(superuser)) as db:
        upgrade(db)
    with psycopg.connect(superuser, autocommit=True) as connection:
        connection.execute(f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {owner}")
    for ask in (upgrade, migrate.require_current):
        with closing(Database(url)) as db, pytest.raises(SchemaMismatchError, match="belong to another role"):
            ask(db)


def test_without_a_wall_every_route_works_as_before(humble, tmp_path):
    server = bare_server(tmp_path, humble[0])
    try:
        assert server.site.db.wall == ""
        assert server.request("POST", "/api/v1/locks/all", body=BODIES["locks/all"], token=TOKEN).status == 200
    finally:
        server.stop()


def test_servers_that_start_together_raise_one_wall(tmp_path):
    urls = [new_database("postgresql", tmp_path) for _ in range(3)]
    if None in urls:
        pytest.skip("no PostgreSQL")
    owner = f"many_{uuid.uuid4().hex[:8]}"
    with psycopg.connect(urls[0], autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {owner} LOGIN SUPERUSER")
    made = [Database(url.replace("sonde@", f"{owner}@")) for url in urls]
    for db in made:
        migrate._migrate(db)
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda db: raise_wall(db.engine), made))
    for db in made:
        with closing(db):
            db.find_wall()
            assert db.wall == f"{owner}_tenant"


def test_sqlite_has_no_second_wall_and_says_nothing_of_one(tmp_path, fresh_database):
    with fresh_database("sqlite", tmp_path) as url:
        db = Database(url)
        with closing(db):
            db.find_wall()
            assert (db.wall, db.within("ws_test")) == ("", db)
            assert posture.wall(db.dialect, db.wall) == ()
