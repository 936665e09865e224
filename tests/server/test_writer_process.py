"""The process that commits hot writes beside a server: what it acknowledged stands, and it may die at any time (ADR 2)."""

import asyncio
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import nullcontext, suppress
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from processes import ask, running
from twins import TOKEN, fill, new_database

from sonde.server import hot
from sonde.server.auth import store as auth
from sonde.server.auth.model import Actor, Claimant, Permission
from sonde.server.auth.store import sha256
from sonde.server.kernel import writer_process
from sonde.server.kernel.db import Database
from sonde.server.kernel.http import RefusedError, answer_for, refusal_of
from sonde.server.kernel.writer_process import Again, Frames, WriterProcess, Writers, framed
from sonde.server.locks import service as locks
from sonde.server.webhooks import service as webhooks
from sonde.server.workspaces import store as workspaces
from sonde.wire.envelope import ErrorTag

pytestmark = pytest.mark.usefixtures("environment")


@pytest.fixture
def served(tmp_path, server_url):
    """A real `sonde serve`: its process and its address."""
    db = Database(server_url)
    fill(db)
    db.close()
    with running(DATABASE_URL=server_url) as (process, address, _):
        yield process, address


@pytest.fixture(params=["sqlite", "postgresql"])
def server_url(request, tmp_path):
    return new_database(request.param, tmp_path)


def writers(server):
    return [int(pid) for pid in Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()]


def lock(address, component):
    return ask(address, "POST", "/api/v1/locks", {"key": f"acme/infra/dev/{component}", "ttl": 60})


def locked(address):
    status, answer = ask(address, "GET", "/api/v1/repos/acme/infra/locks")
    assert status == 200
    return {one["key"].rpartition("/")[2] for one in answer["data"]["locks"]}


def test_a_writer_that_is_killed_is_replaced_and_nothing_it_acknowledged_is_lost(served):
    server, address = served
    granted, unknown, stop = set(), set(), threading.Event()

    def take(name, often=400):
        for number in range(often):
            if stop.is_set():
                return
            status, _ = lock(address, f"{name}-{number}")
            (granted if status == 200 else unknown).add(f"{name}-{number}")
            assert status in (200, 503)

    threads = [threading.Thread(target=take, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for _ in range(3):
        enough = len(granted) + 20
        while len(granted) < enough and any(thread.is_alive() for thread in threads):
            threads[0].join(0.01)
        for pid in writers(server):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    stop.set()
    for thread in threads:
        thread.join()
    stop.clear()
    take("after", 2)  # the first may still meet the writer that was killed last
    assert "after-1" in granted
    standing = locked(address)
    assert granted <= standing <= granted | unknown


def test_a_signal_to_the_whole_group_leaves_the_writers_to_their_server(served):
    server, address = served
    assert lock(address, "before")[0] == 200
    for pid in writers(server):
        os.kill(pid, signal.SIGINT)
        os.kill(pid, signal.SIGTERM)
    assert lock(address, "after")[0] == 200
    assert locked(address) == {"before", "after"}


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_writers_end_with_their_server(served, end):
    server, address = served
    assert lock(address, "vpc")[0] == 200
    watched = [os.pidfd_open(pid) for pid in writers(server)]
    assert watched
    server.send_signal(end)
    server.wait(20)
    for fd in watched:
        assert wait_for_end(fd), "a writer lives on without its server"
        os.close(fd)


def wait_for_end(fd):
    import select

    return bool(select.select([fd], [], [], 20)[0])


def test_the_server_and_its_writer_write_side_by_side(served):
    _, address = served
    failed = []

    def take(name, path, body):
        for number in range(60):
            status, answer = ask(address, "POST", path, body(f"acme/infra/dev/{name}-{number}"))
            if status != 200:
                failed.append(answer)

    threads = [
        threading.Thread(target=take, args=("hot", "/api/v1/locks", lambda key: {"key": key, "ttl": 60})),
        threading.Thread(target=take, args=("many", "/api/v1/locks/all", lambda key: {"keys": [key], "ttl": 60})),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert len(locked(address)) == 120


def test_a_writer_that_cannot_be_started_is_503_and_the_next_try_starts_it(database_url):
    db = Database(database_url)
    fill(db)
    start, tries = hot.starter(database_url, json_lines=True, level="error"), []

    def stumbling(channel):
        tries.append(1)
        if len(tries) == 1:
            raise BlockingIOError(11, "no more processes")
        return start(channel)

    async def asked():
        writer = WriterProcess(stumbling, db.heard)
        arrived = webhooks.store.Arrived(filed("one"), b"{}")
        with pytest.raises(RefusedError) as refused:
            await writer.asked(webhooks.RECEIVE, arrived)
        new = await writer.asked(webhooks.RECEIVE, arrived)
        await closed(writer)
        return refused.value, new

    refused, new = asyncio.run(asked())
    assert (refused.status, refused.tag, new) == (503, ErrorTag.UNAVAILABLE, True)
    assert db.recently() is not None  # its answer brought the database's clock along
    db.close()


def killed_with_it(database_url, write, item):
    """The answer to what a writer was killed with, and to the same once more; `item(db)` makes it."""
    db = Database(database_url)
    fill(db)
    wanted = item(db)

    async def asked():
        writer = WriterProcess(hot.starter(database_url, json_lines=True, level="error"), db.heard)
        await writer.asked(webhooks.RECEIVE, webhooks.store.Arrived(filed("first"), b"{}"))  # it runs now
        future = writer.asked(write, wanted)
        writer._process.kill()  # before this turn of the loop hands anything over, or after: nobody can know
        [answer] = await asyncio.gather(future, return_exceptions=True)
        again = await writer.asked(write, wanted)
        await closed(writer)
        return answer, again

    answers = asyncio.run(asked())
    db.close()
    return answers


def test_a_webhook_whose_writer_died_is_taken_in_by_the_next(database_url):
    arrived = webhooks.store.Arrived(filed("two"), b"{}")
    assert killed_with_it(database_url, webhooks.RECEIVE, lambda _: arrived) == (True, False)


def test_a_job_whose_writer_died_gets_its_lock_of_the_next(database_url):
    (_, first), (_, again) = killed_with_it(database_url, locks.ACQUIRE, lambda db: wanted(session(db), ""))
    assert (first.lock.fence, again.lock.fence, again.renewed) == (1, 1, True)


def test_a_token_whose_writer_died_hears_503_since_it_may_hold_the_lock_already(database_url):
    first, (_, again) = killed_with_it(database_url, locks.ACQUIRE, lambda _: wanted("", sha256(TOKEN)))
    assert (first.status, first.tag) == (503, ErrorTag.UNAVAILABLE)
    assert again.lock.fence == 1


def session(db):
    with db.write("admin.change") as tx:
        claims = {"run_id": "1", "event_name": "push", "iss": "https://token.actions.githubusercontent.com"}
        held = Actor("ws_test", None, "ses_1", "job:1", "octo-dev", claims, frozenset({"locks:create"}))
        [repository] = workspaces.all_repositories(tx)
        auth.put_sessions(tx, {"ses_1": replace(held, repository=repository)}, tx.now + 60_000)
    return "ses_1"


def wanted(session_id, digest):
    who = Claimant(session_id, digest, Permission.LOCKS_CREATE)
    return locks.Wanted(who, "acme/infra/dev/vpc", 60, "")


def test_a_writer_without_a_database_says_so_to_everybody_and_goes_on(tmp_path):
    start = hot.starter(f"sqlite:///{tmp_path / 'empty.sqlite'}", json_lines=True, level="critical")

    async def asked():
        writer = WriterProcess(start, lambda _: None)
        arrived = [webhooks.store.Arrived(filed(f"d-{number}"), b"{}") for number in range(20)]
        answers = [
            await asyncio.gather(*(writer.asked(webhooks.RECEIVE, one) for one in arrived), return_exceptions=True)
            for _ in range(2)
        ]
        await closed(writer)
        return [answer for some in answers for answer in some]

    answers = asyncio.run(asked())
    assert len(answers) == 40
    assert {(answer.status, answer.tag) for answer in answers} == {(500, ErrorTag.INTERNAL)}  # there is no such table


def test_the_line_of_a_request_that_crashed_a_writer_names_the_writers_line(tmp_path, capfd):
    start = hot.starter(f"sqlite:///{tmp_path / 'empty.sqlite'}", json_lines=True, level="error")

    async def asked():
        writer = WriterProcess(start, lambda _: None)
        with pytest.raises(RefusedError) as refused:
            await writer.asked(webhooks.RECEIVE, webhooks.store.Arrived(filed("one"), b"{}"))
        await closed(writer)
        return refused.value

    answer_for(asyncio.run(asked()), trace_id="what-the-client-prints", request="POST webhooks/github")
    said = capfd.readouterr()
    [line] = [line for line in (said.out + said.err).splitlines() if "what-the-client-prints" in line]
    [crash] = re.findall(r"crash=(\w{32})", line)
    assert any("request.crashed" in other and crash in other for other in said.err.splitlines())


async def closed(writer):
    writer.close()
    await asyncio.sleep(0)  # its connection ends in the loop's next turn


def filed(guid):
    empty = {"action": "", "repository": "", "github_id": None, "number": None}
    return {"guid": guid, "event": "ping", "digest": f"digest of {guid}", **empty}


def test_every_hot_write_is_in_the_writers_table():
    assert set(hot.WRITES) == {"delivery.receive", "exchange.session", "lock.acquire", "lock.release"}
    assert all(point == write.point for point, write in hot.WRITES.items())


def line(what):
    return b"".join(framed(what))


def test_a_refusal_survives_the_way_between_processes():
    refusal = RefusedError(409, ErrorTag.LOCK_CONFLICT, "taken", context={"holder": "x"}, data={"a": 1})
    [back] = Frames().add(line(refusal))
    assert isinstance(back, RefusedError)
    assert vars(back) == vars(refusal)
    assert refusal_of(back) is back


@given(st.lists(st.binary(max_size=300), max_size=8), st.lists(st.integers(1, 200), min_size=1, max_size=30))
def test_frames_come_out_as_they_went_in_however_they_are_cut(sent, cuts):
    stream, frames, got, turn = b"".join(map(line, sent)), Frames(), [], 0
    while stream:
        cut = cuts[turn % len(cuts)]
        got += frames.add(stream[:cut])
        stream, turn = stream[cut:], turn + 1
    assert got == sent


def test_what_came_while_the_writer_was_committing_shares_the_next_commit():
    runs, ours_theirs = [], socket.socketpair()
    ours, theirs = ours_theirs

    def run(tx, items):
        runs.append(list(items))
        if len(runs) == 1:
            ours.sendall(line([(2, "p", "b")]) + line([(3, "p", "c"), (4, "p", "d")]))
            ours.shutdown(socket.SHUT_WR)
        return [item.upper() for item in items]

    ours.sendall(line([(1, "p", "a")]))
    write = writer_process.Grouped("p", run)
    writer_process.drain(theirs, lambda _: nullcontext(), {"p": write}, lambda: 7)
    theirs.close()
    with ours:
        told = Frames().add(ours.recv(65536))
    assert runs == [["a"], ["b", "c", "d"]]
    assert told == [(7, [(1, "A")]), (7, [(2, "B"), (3, "C"), (4, "D")])]


def test_what_a_killed_server_had_asked_is_not_begun_any_more():
    """A writer that was only starting would do it seconds after everybody was told that it failed."""
    ours, theirs = socket.socketpair()
    ours.sendall(line([(1, "p", "a")]) + line([(2, "p", "b")]))
    ours.close()
    begun = []
    writer_process.drain(
        theirs,
        lambda _: nullcontext(),
        {"p": writer_process.Grouped("p", lambda _, items: begun.append(items))},
        lambda: 7,
    )
    theirs.close()
    assert begun == []


def test_what_is_asked_again_too_late_is_not_begun():
    """Its client may have given up, and given the lock back by another writer: nobody would know of the one it got."""
    ours, theirs = socket.socketpair()
    asked = [(1, "p", Again("late", 0.0)), (2, "p", Again("in time", time.monotonic() + 60)), (3, "p", "first")]
    ours.sendall(line(asked))
    ours.shutdown(socket.SHUT_WR)
    write = writer_process.Grouped("p", lambda _, items: [item.upper() for item in items])
    writer_process.drain(theirs, lambda _: nullcontext(), {"p": write}, lambda: 7)
    theirs.close()
    with ours:
        [(_, [(one, refused)]), (_, told)] = Frames().add(ours.recv(65536))
    assert (one, refused.status) == (1, 503)
    assert told == [(2, "IN TIME"), (3, "FIRST")]


def test_the_writers_program_needs_no_web_framework():
    code = "import sys, sonde.server.hot; print([name for name in ('fastapi', 'jinja2', 'uvicorn') if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_a_second_writer_is_started_once_the_first_is_pressed(database_url):
    db = Database(database_url)
    fill(db)
    started = []

    def start(channel):
        started.append(1)
        return hot.starter(database_url, json_lines=True, level="error")(channel)

    async def asked():
        writers = Writers([WriterProcess(start, db.heard) for _ in range(3)])
        told, counts = [], []
        for crowd in (1, 1, 200, 200):
            arrived = [webhooks.store.Arrived(filed(f"{len(told)}-{at}"), b"{}") for at in range(crowd)]
            told += await asyncio.gather(*(writers.asked(webhooks.RECEIVE, one) for one in arrived))
            counts.append(len(started))
        writers.close()
        await asyncio.sleep(0)
        return told, counts

    told, counts = asyncio.run(asked())
    assert told == [True] * 402
    assert counts[:2] == [1, 1]
    assert 2 <= counts[2] <= counts[3] <= 3
    db.close()
