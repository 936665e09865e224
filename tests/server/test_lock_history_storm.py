"""The long run of test_lock_history: many clients over HTTP against real servers, of which some are killed (docs/locks.md).

    cd tests/server && PYTHONPATH=..:. python -m test_lock_history_storm [SECONDS]

Not a test by itself: the suite only runs it small. SQLite has one server, which is not killed; PostgreSQL has three, and
one after the other dies by SIGKILL while clients wait for its answers.
"""

import json
import multiprocessing
import os
import random
import select
import signal
import socket
import sys
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from http.client import HTTPConnection, HTTPException
from pathlib import Path

import postgres
import psycopg
import pytest
from crash import serve
from linear import INFINITY, Op, by_key, linearizable
from ports import kept_port
from storm import stormy
from test_lock_history import Call, fences_fall
from test_lock_history import step as told
from test_lock_model import Asker, Lock
from twins import fill, new_database
from world import WORKSPACE

from sonde.server.auth import store as auth
from sonde.server.kernel.db import Database

TTL = 86_400  # nothing expires: over HTTP nobody hears at which moment of the database's clock he was answered
ENDED = {"owner", "forced", "repeated"}
LEAST = 60  # operations of each client, so that a busy machine has a storm too
PATIENCE = 60  # seconds that it gets for them
_processes = multiprocessing.get_context("forkserver")


def step(lock, call):
    """The model's answer as HTTP words it: a release does not say of which kind it was."""
    after, result = told(lock, call)
    return after, ("ended",) if result[0] in ENDED else result


def ask(connection, name, key, ttl):
    """One request; the answer as `step` words it, None where it was lost or the server could not tell."""
    body = {"key": f"acme/infra/{key}", **({} if ttl is None else {"ttl": ttl})}
    head = {"Authorization": f"Bearer {name}", "Content-Type": "application/json"}
    connection.request("POST" if ttl else "DELETE", "/api/v1/locks", json.dumps(body), head)
    with connection.getresponse() as answer:
        status, got = answer.status, json.loads(answer.read())
    if status == 200:
        return ("granted", got["data"]["fence"], name) if ttl else ("ended",)
    if status == 409 and ttl:
        return "held", got["context"]["fence"], got["context"]["holder"]
    if status in (404, 503):
        return ("absent",) if status == 404 else None
    raise AssertionError((status, got))


def client(ports, name, keys, until):
    dice, who, done, connections = random.Random(name), Asker(name, reentrant=False), [], {}
    while (now := time.monotonic()) < until or (len(done) < LEAST and now < until + PATIENCE):
        port, key, ttl = dice.choice(ports), f"storm/{dice.randrange(keys)}", dice.choice([None, TTL])
        start, result = time.monotonic(), None
        try:
            connection = connections.setdefault(port, HTTPConnection("127.0.0.1", port, timeout=10))
            result = ask(connection, name, key, ttl)
        except (ConnectionRefusedError, BrokenPipeError):  # nobody listens, or who did is dead: it never arrived
            connections.pop(port).close()
            continue
        except (OSError, HTTPException):
            connections.pop(port).close()
        done.append(Op(key, Call(who, 0, ttl, port), start, time.monotonic(), result))
    for connection in connections.values():
        connection.close()
    return done


def crowd(ports, names, keys, until):
    """One process of clients, a thread each."""
    with ThreadPoolExecutor(len(names)) as pool:
        return [op for done in pool.map(lambda name: client(ports, name, keys, until), names) for op in done]


def ready(_):
    """What a process that imported this file answers."""


def kill_with_its_writers_watched(server):
    """Its writers, which it cannot start any more, as descriptors that are readable when they have ended; when it was killed."""
    os.kill(server.pid, signal.SIGSTOP)
    while Path(f"/proc/{server.pid}/stat").read_text().rpartition(") ")[2][0] != "T":
        time.sleep(0)
    children = Path(f"/proc/{server.pid}/task/{server.pid}/children")
    writers = [os.pidfd_open(int(pid)) for pid in children.read_text().split()]
    killed = time.monotonic()
    server.kill()
    server.join()
    return writers, killed


class Servers:
    """Real servers on one database, started again where they were killed."""

    def __init__(self, folder, url, count):
        self.folder, self.url, self.ports, self.kills = folder, url, [kept_port() for _ in range(count)], []
        self.running = [self.start(number) for number in range(count)]

    def start(self, number):
        folder = self.folder / f"replica-{number}"
        folder.mkdir(exist_ok=True)
        url = self.url if self.url.startswith("sqlite") else f"{self.url}?application_name={self.life(number)}"
        given = {"data_dir": folder, "database_url": url, "github_webhook_secret": "s"}
        process = _processes.Process(target=serve, args=(given, self.ports[number], {}), daemon=True)
        process.start()
        pause = threading.Event()
        while process.is_alive():
            try:
                socket.create_connection(("127.0.0.1", self.ports[number]), 1).close()
                return process
            except OSError:
                pause.wait(0.02)
        raise AssertionError((folder / "serve.log").read_text())

    def life(self, number):
        return f"replica-{number}-{sum(port == self.ports[number] for port, _, _ in self.kills)}"

    def kill_in_turn(self, until, every):
        pause = threading.Event()
        while len(self.running) > 1 and (not self.kills or time.monotonic() + every < until):
            pause.wait(every)
            number = len(self.kills) % len(self.running)
            writers, killed = kill_with_its_writers_watched(self.running[number])
            for writer in writers:
                select.select([writer], [], [])
                os.close(writer)
            self.wait_for_its_transactions(self.life(number))
            self.kills.append((self.ports[number], killed, time.monotonic()))
            self.running[number] = self.start(number)

    def wait_for_its_transactions(self, name):
        """PostgreSQL may still commit what a dead server had sent; after its last backend ended it commits nothing."""
        pause = threading.Event()
        with psycopg.connect(self.url, autocommit=True) as connection:
            while connection.execute("SELECT 1 FROM pg_stat_activity WHERE application_name = %s", [name]).fetchone():
                pause.wait(0.005)

    def honest(self, op):
        """A lost operation ends when the server that was asked, killed before the client noticed, could commit no more."""
        if op.result is not None:
            return op
        gone = [gone for port, killed, gone in self.kills if port == op.call.port and killed <= op.end]
        end = max(gone, default=INFINITY)
        return replace(op, end=end if end > op.start else INFINITY)  # else it was lost for another reason

    def stop(self):
        for process in self.running:
            process.terminate()
            process.join()


def storm(kind, folder, *, seconds, processes, clients, keys=64, every=1.5):
    """Every operation of every client, and how many servers were killed meanwhile."""
    url = new_database(kind, folder)
    names = [f"client-{number}" for number in range(processes * clients)]
    db = Database(url)
    fill(db)
    with db.write("admin.change") as tx:
        for name in names:
            auth.put_token(tx, auth.StaticToken(f"tok_{name}", WORKSPACE, "repo_1", name, tx.now + 10**8), name)
    db.close()
    servers = Servers(folder, url, 1 if kind == "sqlite" else 3)
    try:
        with _processes.Pool(processes) as pool:
            # a process may take longer to start than a small storm lasts
            pool.map(ready, range(processes), chunksize=1)
            until = time.monotonic() + seconds
            killer = threading.Thread(target=servers.kill_in_turn, args=(until, every))
            killer.start()
            crowds = [(servers.ports, names[number::processes], keys, until) for number in range(processes)]
            recorded = [op for done in pool.starmap(crowd, crowds, chunksize=1) for op in done]
        killer.join()
    finally:
        servers.stop()
    return [servers.honest(op) for op in recorded], len(servers.kills)


def wrong_keys(recorded):
    return [key for key, ops in by_key(recorded).items() if not linearizable(ops, Lock(), step)]


@pytest.mark.parametrize("kind", stormy(["sqlite", "postgresql"], {"postgresql"}))
def test_the_storm_in_small(kind, tmp_path):
    if not new_database(kind, tmp_path):
        pytest.skip("no PostgreSQL binaries were found (SONDE_TEST_PG_BIN, PATH, /usr/lib/postgresql)")
    recorded, kills = storm(kind, tmp_path, seconds=0.8, processes=1, clients=8, keys=24, every=0.3)
    assert kills > 0 or kind == "sqlite"
    assert {op.result[0] for op in recorded if op.result} == {"granted", "held", "ended", "absent"}
    assert wrong_keys(recorded) == []
    assert fences_fall(recorded) == []


def main(seconds):
    cluster = postgres.start()
    os.environ["SONDE_TEST_PG_URL_OF_RUN"] = cluster.url("") if cluster else ""
    failed = 0
    try:
        for kind in ("sqlite", "postgresql") if cluster else ("sqlite",):
            with tempfile.TemporaryDirectory() as folder:
                recorded, kills = storm(kind, Path(folder), seconds=seconds, processes=4, clients=32)
            begun = time.monotonic()
            wrong, falling = wrong_keys(recorded), fences_fall(recorded)
            answers = Counter(op.result[0] if op.result else "lost" for op in recorded)
            print(f"{kind}: {len(recorded)} operations, {kills} servers killed, {dict(answers)}")
            print(f"  {len(by_key(recorded))} keys checked in {time.monotonic() - begun:.1f} s")
            print(f"  not linearizable: {wrong or 'none'}; falling fences: {falling or 'none'}", flush=True)
            failed += len(wrong) + len(falling)
    finally:
        if cluster:
            postgres.stop(cluster)
    return failed


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]) if len(sys.argv) > 1 else 30.0) > 0)
