"""Databases that fail: what was not stored is never acknowledged, the answer says try again, and it recovers alone (F3, F7, F8)."""

import os
import resource
import signal
import sqlite3
import subprocess
import threading
from pathlib import Path

import postgres
import pytest
from processes import ask, running
from sqlalchemy import event, text
from sqlalchemy.exc import IntegrityError
from twins import TOKEN, bare_server, fill, new_database

from sonde.server.kernel.db import Database
from sonde.server.kernel.outage import unavailable

pytestmark = pytest.mark.usefixtures("environment")


def lock(server, component):
    return server.request(
        "POST", "/api/v1/locks", body={"key": f"acme/infra/dev/{component}", "lockMessage": "m" * 3000}, token=TOKEN
    )


def locks(db):
    with db.read() as tx:
        return {row.instance.removeprefix("dev/") for row in tx.all(text("SELECT instance FROM locks"))}


def assert_unavailable(status, body):
    assert (status, body["success"], body["errorTag"]) == (503, False, "Unavailable")
    assert "nothing was stored. Try again." in body["errorMessage"]


@pytest.fixture
def server(tmp_path):
    made = bare_server(tmp_path, new_database("sqlite", tmp_path))
    yield made
    made.stop()


def limit_pages(db, pages):
    """`PRAGMA max_page_count` holds per connection: on every one of the pool, and on those to come."""
    with db.read() as tx:
        used = tx.one(text("PRAGMA page_count"))[0]

    def limited(connection, *_):
        connection.execute(f"PRAGMA max_page_count={used + pages if pages is not None else 2**30}")

    db.engine.dispose()
    event.listen(db.engine, "checkout", limited)
    return lambda: event.remove(db.engine, "checkout", limited)


def test_a_full_disk_is_503_nothing_is_acknowledged_and_it_recovers_when_there_is_space(server):
    db = server.site.db
    free = limit_pages(db, 8)
    answers = {f"c{index}": lock(server, f"c{index}") for index in range(30)}
    granted = {name for name, answer in answers.items() if answer.status == 200}
    refused = {name: answer for name, answer in answers.items() if answer.status != 200}
    assert granted
    assert refused
    for answer in refused.values():
        assert_unavailable(answer.status, answer.body)
        assert answer.headers["retry-after"] == "5"
    assert locks(db) == granted
    assert server.request("GET", "/api/v1/repos/acme/infra/locks", token=TOKEN).status == 200  # reads go on
    free()
    limit_pages(db, None)
    assert {lock(server, name).status for name in refused} == {200}
    assert locks(db) == set(answers)


def test_a_full_disk_fails_a_whole_batch_and_no_member_is_told_otherwise(server):
    db = server.site.db
    limit_pages(db, 6)
    outcome = {"first": lock(server, "first").status}

    def one(name):
        outcome[name] = lock(server, name).status

    threads = [threading.Thread(target=one, args=(f"c{index}",)) for index in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert set(outcome.values()) == {200, 503}  # all that come together may be one batch, or several
    assert locks(db) == {name for name, status in outcome.items() if status == 200}


def test_a_failure_that_ends_the_whole_transaction_is_told_to_its_maker_alone(server):
    """SQLite ends it by itself on some full disks and I/O errors, and always at OR ROLLBACK."""
    db, started, held = server.site.db, threading.Event(), threading.Event()
    insert = "INSERT OR ROLLBACK INTO workspaces (id, name, created_at) VALUES (:id, :id, 0)"

    def adds(workspace):
        return lambda tx: tx.run(text(insert), {"id": workspace})

    def blocks(tx):
        started.set()
        return held.wait(20)

    blocker = db.submit("admin.change", blocks)
    assert started.wait(20)  # while it runs, the others come together in one batch
    batch = [db.submit("admin.change", adds(name)) for name in ("ws_one", "ws_test", "ws_two")]
    held.set()
    assert blocker.result(timeout=20)
    assert [type(future.exception(timeout=20)) for future in batch] == [type(None), IntegrityError, type(None)]
    db.submit("admin.change", adds("ws_after")).result(timeout=20)
    with db.read() as tx:
        assert {row.id for row in tx.all(text("SELECT id FROM workspaces"))} == {
            "ws_one",
            "ws_test",
            "ws_two",
            "ws_after",
        }


def test_a_read_only_database_is_503_for_writes_and_reads_go_on(server):
    def read_only(connection, *_):
        connection.execute("PRAGMA query_only=ON")

    assert lock(server, "before").status == 200
    server.site.db.engine.dispose()
    event.listen(server.site.db.engine, "connect", read_only)
    answer = lock(server, "while")
    assert_unavailable(answer.status, answer.body)
    assert server.request("GET", "/api/v1/repos/acme/infra/locks", token=TOKEN).status == 200
    event.remove(server.site.db.engine, "connect", read_only)
    server.site.db.engine.dispose()
    assert lock(server, "after").status == 200
    assert locks(server.site.db) == {"before", "after"}


def limit_files(server, size):
    """No file of the server's processes may grow beyond this."""
    children = Path(f"/proc/{server}/task/{server}/children").read_text().split()
    for pid in (server, *map(int, children)):
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def test_a_process_whose_files_may_not_grow_answers_503_and_recovers(tmp_path):
    url = new_database("sqlite", tmp_path)
    db = Database(url)
    fill(db)
    db.close()
    with running(DATABASE_URL=url) as (process, address, _):
        wal = tmp_path / "empty.sqlite-wal"
        limit_files(process.pid, wal.stat().st_size + 60_000)
        answers = {f"c{n}": ask(address, "POST", "/api/v1/locks", {"key": f"acme/infra/dev/c{n}"}) for n in range(25)}
        granted = {name for name, (status, _) in answers.items() if status == 200}
        assert 0 < len(granted) < 25
        for status, body in answers.values():
            if status != 200:
                assert_unavailable(status, body)
        limit_files(process.pid, resource.RLIM_INFINITY)
        assert ask(address, "POST", "/api/v1/locks", {"key": "acme/infra/dev/after"})[0] == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) == 0
    with sqlite3.connect(tmp_path / "empty.sqlite") as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        stored = {row[0].removeprefix("dev/") for row in connection.execute("SELECT instance FROM locks")}
    connection.close()
    assert stored == granted | {"after"}


@pytest.fixture(scope="module")
def cluster():
    """A PostgreSQL of this test's own, which it may stop."""
    made = postgres.start()
    if made is None:
        pytest.skip("no PostgreSQL binaries were found")
    yield made
    postgres.stop(made)


def control(cluster, *words):
    command = [str(cluster.bin / "pg_ctl"), "-D", str(cluster.folder / "data"), "-w", "-s", *words]
    done = subprocess.run(
        command,
        user=postgres._user(),
        cwd="/",
        env={"LC_ALL": "C", "PATH": os.environ["PATH"]},
        check=False,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    assert done.returncode == 0


def options(cluster):
    return f"-p {cluster.port} -h 127.0.0.1 -k {cluster.folder} -c fsync=off -c full_page_writes=off"


def test_a_postgresql_that_stops_is_503_and_works_again_when_it_is_back(cluster, tmp_path):
    server = bare_server(tmp_path, cluster.url("postgres"))
    try:
        for mode in ("fast", "immediate"):
            assert lock(server, f"before-{mode}").status == 200
            control(cluster, "-m", mode, "stop")
            for _ in range(3):
                answer = lock(server, "while")
                assert_unavailable(answer.status, answer.body)
            ready = server.request("GET", "/readyz")
            assert (ready.status, ready.body["status"]) == (503, "unavailable")
            assert "\nsonde_database_up 0\n" in server.request("GET", "/metrics").body["text"]
            assert server.request("GET", "/healthz").status == 200
            control(cluster, "-l", str(cluster.folder / "log"), "-o", options(cluster), "start")
            assert server.request("GET", "/readyz").status == 200
            assert lock(server, f"after-{mode}").status == 200
        assert locks(server.site.db) == {"before-fast", "after-fast", "before-immediate", "after-immediate"}
    finally:
        server.stop()


def test_a_standby_that_takes_no_writes_is_503(tmp_path):
    url = new_database("postgresql", tmp_path)
    if url is None:
        pytest.skip("no PostgreSQL binaries were found")
    server = bare_server(tmp_path, url)
    try:
        with server.site.db.engine.connect() as connection:
            name = connection.execute(text("SELECT current_database()")).scalar_one()
            connection.execute(text(f"ALTER DATABASE {name} SET default_transaction_read_only = on"))
            connection.commit()
        server.site.db.engine.dispose()
        answer = lock(server, "while")
        assert_unavailable(answer.status, answer.body)
        assert server.request("GET", "/api/v1/repos/acme/infra/locks", token=TOKEN).status == 200
    finally:
        server.stop()


def test_a_deadlock_of_two_writes_is_tried_again_and_nobody_hears_of_it(tmp_path):
    url = new_database("postgresql", tmp_path)
    if url is None:
        pytest.skip("no PostgreSQL binaries were found")
    db = Database(url)
    fill(db)
    with db.write("admin.change") as tx:
        tx.run(text("CREATE TABLE pairs (name TEXT PRIMARY KEY, value INTEGER)"))
        tx.run(text("INSERT INTO pairs VALUES ('a', 0), ('b', 0)"))
    both = threading.Barrier(2, timeout=20)
    tries = []

    def crossing(first, second):
        def run(tx):
            tries.append(first)
            tx.run(text("UPDATE pairs SET value = value + 1 WHERE name = :name"), {"name": first})
            if len(tries) <= 2:
                both.wait()
            tx.run(text("UPDATE pairs SET value = value + 1 WHERE name = :name"), {"name": second})

        return run

    done = [db.submit("admin.change", crossing("a", "b")), db.submit("admin.change", crossing("b", "a"))]
    for future in done:
        future.result(timeout=20)
    with db.read() as tx:
        assert {row.value for row in tx.all(text("SELECT value FROM pairs"))} == {2}
    db.close()
    assert len(tries) >= 3  # PostgreSQL may choose both at once


def test_an_index_row_too_large_for_postgresql_is_no_reason_to_try_again(tmp_path):
    url = new_database("postgresql", tmp_path)
    if url is None:
        pytest.skip("no PostgreSQL binaries were found")
    db = Database(url)
    with db.write("admin.change") as tx:
        tx.run(text("CREATE TABLE keyed (name TEXT PRIMARY KEY)"))
    with pytest.raises(Exception, match="index row") as caught, db.write("admin.change") as tx:
        tx.run(text("INSERT INTO keyed SELECT string_agg(md5(i::text), '') FROM generate_series(1, 400) AS i"))
    assert not unavailable(caught.value)
    db.close()
