"""Migrations: from nothing to head, equal to the tables of the code, and safe beside rows that stand already (F11)."""

import ast
import threading
from importlib import resources

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect, text
from twins import fill, new_database

from sonde.server import schema
from sonde.server.kernel.db import Database
from sonde.server.migrate import SchemaMismatchError, current, head, require_current, upgrade

VERSIONS = sorted(
    (path for path in (resources.files("sonde.server") / "migrations" / "versions").iterdir() if path.name[0] == "0"),
    key=lambda path: path.name,
)


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request, tmp_path):
    """A database without a table."""
    url = new_database(request.param, tmp_path)
    if url is None:
        pytest.skip("no PostgreSQL binaries were found")
    db = Database(url)
    yield db
    db.close()


def test_an_empty_database_comes_to_head_and_again_changes_nothing(empty):
    assert current(empty) is None
    upgrade(empty)
    assert current(empty) == head()
    assert set(inspect(empty.engine).get_table_names()) == {*schema.metadata.tables, "alembic_version"}
    fill(empty)
    upgrade(empty)
    require_current(empty)
    with empty.read() as tx:
        assert tx.one(text("SELECT count(*) FROM workspaces"))[0] == 1


def test_migrations_and_tables_are_the_same_schema(empty):
    upgrade(empty)
    with empty.engine.connect() as connection:
        defaults = empty.dialect == "postgresql"  # alembic reads SQLite's DEFAULT '' as another one than ""
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": defaults}
        )
        assert compare_metadata(context, schema.metadata) == []


def test_the_comparison_sees_a_column_that_only_the_code_knows(empty):
    upgrade(empty)
    with empty.write("admin.change") as tx:
        tx.run(text("ALTER TABLE deliveries DROP COLUMN number"))
    with empty.engine.connect() as connection:
        found = compare_metadata(MigrationContext.configure(connection), schema.metadata)
    assert [(step[0], step[3].name) for step in found] == [("add_column", "number")]


@pytest.mark.parametrize("empty", ["postgresql"], indirect=True)  # SQLite is one process; its data folder is locked
def test_replicas_that_start_together_migrate_once(empty):
    url = empty.engine.url.render_as_string(hide_password=False)
    failed = []

    def start():
        db = Database(url)
        try:
            upgrade(db)
        except Exception as error:  # noqa: BLE001 - the failure of a thread must reach the test
            failed.append(error)
        finally:
            db.close()

    threads = [threading.Thread(target=start) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=20)
    assert (failed, current(empty)) == ([], head())


def test_a_database_of_a_newer_version_is_refused_and_left_as_it_is(empty):
    upgrade(empty)
    with empty.write("admin.change") as tx:
        tx.run(text("UPDATE alembic_version SET version_num = '9999'"))
    for use in (upgrade, require_current):
        with pytest.raises(SchemaMismatchError, match="9999"):
            use(empty)
    assert current(empty) == "9999"
    with empty.write("admin.change") as tx:
        tx.run(text("UPDATE alembic_version SET version_num = :head"), {"head": head()})
    other = Database(empty.engine.url.render_as_string(hide_password=False))
    other.engine.dispose()
    upgrade(other)  # no lock of the refused one is left behind
    other.close()


def test_a_database_that_is_somebody_elses_is_refused_by_the_commands(empty):
    with empty.write("admin.change") as tx:
        tx.run(text("CREATE TABLE songs (id INTEGER)"))
    with pytest.raises(SchemaMismatchError):
        require_current(empty)
    assert inspect(empty.engine).get_table_names() == ["songs"]


def test_a_migration_that_fails_leaves_the_database_as_it_was(empty, monkeypatch):
    upgrade_to(empty, VERSIONS[0].name[:4])
    with empty.write("admin.change") as tx:
        tx.run(text("CREATE TABLE page_sessions (id INTEGER)"))  # the second migration wants to make it
    with pytest.raises(Exception, match="page_sessions"):
        upgrade(empty)
    assert current(empty) == VERSIONS[0].name[:4]
    assert "page_tokens" not in inspect(empty.engine).get_table_names()
    with empty.write("admin.change") as tx:
        tx.run(text("DROP TABLE page_sessions"))
    upgrade(empty)
    assert current(empty) == head()


def upgrade_to(db, revision):
    from alembic import command

    from sonde.server.migrate import _config

    config = _config()
    with db.engine.connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
        connection.commit()


def needy_columns(source):
    """Columns that a migration adds to a table that may hold rows: NOT NULL without a default."""
    for node in ast.walk(ast.parse(source)):
        if not (isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "add_column"):
            continue
        for column in node.args:
            if not isinstance(column, ast.Call):
                continue
            given = {word.arg: word.value for word in column.keywords}
            required = isinstance(given.get("nullable"), ast.Constant) and given["nullable"].value is False
            if required and "server_default" not in given:
                yield ast.unparse(column.args[0])


@pytest.mark.parametrize("path", VERSIONS, ids=lambda path: path.name)
def test_a_required_column_that_is_added_later_has_a_default(path):
    assert not list(needy_columns(path.read_text()))


def test_the_check_sees_a_required_column_without_a_default():
    added = 'op.add_column("locks", sa.Column("why", sa.Text(), nullable=False))'
    assert list(needy_columns(added)) == ["'why'"]
    assert not list(needy_columns(added.replace("nullable=False", 'nullable=False, server_default=""')))


def test_revisions_follow_one_another_in_one_line():
    assert [path.name[:4] for path in VERSIONS] == [f"{index:04}" for index in range(1, len(VERSIONS) + 1)]
    assert VERSIONS[-1].name[:4] == head()
