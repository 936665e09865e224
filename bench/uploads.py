"""An inventory of 100,000 instances in parts of 4 MiB: how long until it stands, and how long others wait meanwhile."""

import http.client
import json
import sqlite3
import threading
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, sleep

import msgspec

from bench.measure import FailedError, spread
from bench.product import Server
from bench.report import Report, table
from sonde.wire.instances import InstancesUpload

INSTANCES, PARTS = 100_000, 8
LONGEST = 3.0  # times its floor (P7)
STALL = 20.0  # milliseconds (P9)
EVERY = 0.001  # seconds between two looks at how fast the server answers
FLOOR_TABLE = """CREATE TABLE IF NOT EXISTS inventory (repository_id TEXT, stack TEXT, component TEXT, component_type TEXT, pro TEXT,
 at BIGINT, PRIMARY KEY (repository_id, stack, component))"""
UPSERT = """ON CONFLICT (repository_id, stack, component) DO UPDATE SET component_type = excluded.component_type, pro = excluded.pro,
 at = excluded.at"""

Floor = Callable[[Sequence[bytes]], float]  # seconds that parsing the parts and writing their rows takes at best


@dataclass(frozen=True)
class Upload:
    """One upload: seconds from its first byte to its last answer, and milliseconds of each answer to who looked meanwhile."""

    seconds: float
    waits: Sequence[float]


def parts(mark: str) -> list[bytes]:
    """The bodies of one upload. Another `mark` changes the settings of every instance."""
    about = {"repo_owner": "acme", "repo_name": "infra", "batch_id": str(uuid.uuid4()), "batch_total": PARTS}
    made, each = [], INSTANCES // PARTS
    for index in range(PARTS):
        rows = [_instance(number, mark) for number in range(index * each, (index + 1) * each)]
        made.append(json.dumps({**about, "batch_index": index, "instances": rows}).encode())
    return made


def _instance(number: int, mark: str) -> dict[str, object]:
    detect, remediate = ({"workflows": {name: {"inputs": {}}}} for name in ("plan.yaml", "apply.yaml"))
    drift = {"enabled": True, "detect": detect, "remediate": remediate, "mark": mark}
    settings = {"pro": {"enabled": True, "drift_detection": drift}}
    name = {"component": f"component-{number % 200}", "stack": f"stack-{number // 200}", "component_type": "terraform"}
    return {**name, "settings": settings}


def _rows(bodies: Sequence[bytes]) -> list[tuple[object, ...]]:
    rows: list[tuple[object, ...]] = []
    for body in bodies:
        for item in msgspec.json.decode(body, type=InstancesUpload).instances:
            pro = msgspec.json.encode(item.settings).decode()
            rows.append(("repo_1", item.stack, item.component, item.component_type, pro, 0))
    return rows


def sqlite_floor(folder: Path) -> Floor:
    """Parse, and write all rows in one transaction with the server's durability."""

    def run(bodies: Sequence[bytes]) -> float:
        connection = sqlite3.connect(folder / "uploads.sqlite", isolation_level=None)
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=FULL")
            connection.execute(FLOOR_TABLE)
            began = perf_counter()
            rows = _rows(bodies)
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(f"INSERT INTO inventory VALUES (?,?,?,?,?,?) {UPSERT}", rows)  # noqa: S608 - constants
            connection.execute("COMMIT")
            return perf_counter() - began
        finally:
            connection.close()

    return run


def postgres_floor(url: str) -> Floor:
    """Parse, copy all rows into a temporary table, and upsert from there."""

    def run(bodies: Sequence[bytes]) -> float:
        import psycopg

        with psycopg.connect(url) as connected:
            connected.execute(FLOOR_TABLE)
            connected.execute("CREATE TEMPORARY TABLE arrived (LIKE inventory)")
            connected.commit()
            began = perf_counter()
            rows = _rows(bodies)
            with connected.cursor().copy("COPY arrived FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(row)
            connected.execute(f"INSERT INTO inventory SELECT * FROM arrived {UPSERT}".encode())  # noqa: S608 - constants
            connected.commit()
            return perf_counter() - began

    return run


def upload(server: Server, bodies: Sequence[bytes]) -> Upload:
    """Send the parts one after the other, as clients do, while somebody looks whether the server still answers."""
    waits: list[float] = []
    over = threading.Event()
    looks = threading.Thread(target=_look, args=(server.port, over, waits))
    looks.start()
    try:
        began = perf_counter()
        _send(server, bodies)
        seconds = perf_counter() - began
    finally:
        over.set()
        looks.join()
    return Upload(seconds, waits)


def _send(server: Server, bodies: Sequence[bytes]) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    headers = {"Authorization": f"Bearer {server.token}", "Content-Type": "application/json"}
    try:
        for body in bodies:
            connection.request("POST", "/api/v1/instances", body, headers)
            answer = connection.getresponse()
            said = answer.read()
            if answer.status != 200:
                raise FailedError(f"a part of an inventory: {answer.status} {said[:300]!r}")
    finally:
        connection.close()


def _look(port: int, over: threading.Event, waits: list[float]) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        while not over.is_set():
            began = perf_counter()
            connection.request("GET", "/healthz")
            connection.getresponse().read()
            waits.append(1000 * (perf_counter() - began))
            sleep(EVERY)
    finally:
        connection.close()


def quiet(server: Server, seconds: float) -> list[float]:
    """The same looks while nobody uploads: what this machine alone makes them wait."""
    waits: list[float] = []
    over = threading.Event()
    looks = threading.Thread(target=_look, args=(server.port, over, waits))
    looks.start()
    sleep(seconds)
    over.set()
    looks.join()
    return waits


def measure(report: Report, database: str, server: Server, floor: Floor, rounds: int) -> None:
    """Upload, changed and unchanged in turn, beside the floor of the same round; print ratios and stalls."""
    changed, again, stalls, most, still = [], [], [], [], []
    for _ in range(rounds):
        bodies = parts(uuid.uuid4().hex)
        at_best = floor(bodies)
        before = quiet(server, 2)
        first = upload(server, bodies)
        second = upload(server, [body.replace(b'"batch_id": "', b'"batch_id": "again-') for body in bodies])
        _check(report, server)
        changed.append(first.seconds / at_best)
        again.append(second.seconds / first.seconds)
        stalls.append(max(first.waits))
        most.append(sorted(first.waits)[int(0.99 * len(first.waits))])
        still.append(max(before))
    ratio, stall, noise = spread(changed).median, spread(stalls).median, spread(still).median
    verdict = "reached" if stall <= STALL else "no verdict: so it is when quiet" if noise > STALL else "MISSED"
    rows = [
        ("times its floor", f"{ratio:.1f}", f"{LONGEST:g}", "reached" if ratio <= LONGEST else "MISSED"),
        ("unchanged again, times the first", f"{spread(again).median:.2f}", "1", ""),
        ("longest wait of others, ms", f"{stall:.1f}", f"{STALL:g}", verdict),
        ("what 99 of 100 of them did not exceed, ms", f"{spread(most).median:.1f}", "", ""),
        ("the longest when quiet, ms", f"{noise:.1f}", "", ""),
    ]
    report.say(f"\n  {database}: {INSTANCES} instances in {PARTS} parts of {len(bodies[0]) / 1e6:.1f} MB")
    table(report, ("upload", "median", "goal at most", ""), rows)
    report.keep(database, "upload", of_floor=ratio, unchanged=spread(again).median, stall_ms=stall, quiet_ms=noise)


def _check(report: Report, server: Server) -> None:
    kept = server.count("SELECT count(*) FROM instances WHERE declared")
    if kept != INSTANCES:
        report.fault(f"upload: {kept} instances where {INSTANCES} belong")
