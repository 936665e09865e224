"""Housekeeping: what can no longer matter goes, on its day and not before."""

import pytest
from sqlalchemy import text
from twins import TOKEN, bare_server
from world import WORKSPACE

from sonde.server.engine import Engine

DAY = 86_400_000


@pytest.fixture
def server(tmp_path, database_url):
    made = bare_server(tmp_path, database_url)
    yield made
    made.stop()


@pytest.fixture
def engine(server):
    return Engine(server.site.loop, poll=1, body_days=7)


def at(server, days):
    server.site.db.clock_offset = int(days * DAY)


def count(server, table):
    with server.site.db.read() as tx:
        return tx.one(text(f"SELECT count(*) FROM {table}"))[0]


def used(server, minutes):
    """A token id that is kept for some minutes, and a session that ends then."""
    with server.site.db.write("admin.change") as tx:
        until = tx.now + minutes * 60_000
        tx.run(text("INSERT INTO used_jti VALUES ('issuer', :jti, :until)"), {"jti": f"jti-{minutes}", "until": until})
        tx.run(
            text(
                "INSERT INTO sessions (id, workspace_id, repository_id, holder, name, claims, created_at, expires_at) "
                "VALUES (:id, :workspace, 'repo_1', 'h', 'n', '{}', :now, :until)"
            ),
            {"id": f"ses_{minutes}", "workspace": WORKSPACE, "now": tx.now, "until": until},
        )


def test_a_used_token_id_stays_as_long_as_its_token_could_be_replayed(server, engine):
    used(server, minutes=60)
    at(server, 59 / 1440)
    engine._purge()
    assert count(server, "used_jti") == 1
    at(server, 121 / 1440)
    engine._purge()
    assert count(server, "used_jti") == 0


def test_a_session_stays_a_week_after_its_end_so_that_pages_can_name_its_holder(server, engine):
    used(server, minutes=60)
    at(server, 7)
    engine._purge()
    assert count(server, "sessions") == 1
    at(server, 7.1)
    engine._purge()
    assert count(server, "sessions") == 0


def test_the_database_is_swept_once_an_hour_and_not_each_round(server, engine):
    used(server, minutes=1)
    at(server, 1)
    engine._purge()
    used(server, minutes=-2)
    engine._purge()
    assert count(server, "used_jti") == 1
    at(server, 1 + 61 / 1440)
    engine._purge()
    assert count(server, "used_jti") == 0


def test_locks_with_their_fences_and_history_outlive_every_sweep(server, engine):
    for key in ("one", "two"):
        assert server.request("POST", "/api/v1/locks", body={"key": f"acme/infra/dev/{key}"}, token=TOKEN).status == 200
    at(server, 400)
    engine._purge()
    assert (count(server, "locks"), count(server, "lock_events")) == (2, 2)


def test_a_sweep_that_fails_is_made_up_for_in_the_next_round(server, engine):
    used(server, minutes=1)
    at(server, 1)
    with server.site.db.write("admin.change") as tx:
        tx.run(text("ALTER TABLE used_jti RENAME TO away"))
    with pytest.raises(Exception, match="used_jti"):
        engine._purge()
    with server.site.db.write("admin.change") as tx:
        tx.run(text("ALTER TABLE away RENAME TO used_jti"))
    engine._purge()
    assert count(server, "used_jti") == 0
