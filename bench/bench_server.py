"""The server under a closed loop of 64 clients: webhooks, exchanges, locks; then large uploads (reliability.md §5.2)."""

import hashlib
import hmac
import json
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter, sleep

from bench import floors, load, postgres, product, uploads
from bench.clients import Asked
from bench.load import Load
from bench.measure import spread
from bench.product import Server
from bench.report import Report, table
from sonde.sandbox.oidc import Issuer, discovery

CLIENTS = 64
KEYS = 1000
BODY = 10_000  # bytes of a webhook
DRAIN = 60.0  # seconds that the server gets to process what it accepted
AUDIENCE = "atmos-pro.com"
WAITING = "SELECT count(*) FROM deliveries WHERE state = 'received'"
STORED = {
    "webhook": "SELECT count(*) FROM deliveries",
    "exchange": "SELECT count(*) FROM sessions",
    "lock + unlock": "SELECT count(*) FROM locks WHERE released_at IS NULL",
}


@dataclass(frozen=True)
class Goal:
    """`floor` names the floor, of which the product must reach `part`."""

    floor: str
    part: float


GOALS = {
    ("webhook", "SQLite"): Goal("hello", 0.35),  # P1
    ("webhook", "PostgreSQL"): Goal("insert", 0.25),  # P2, here with one replica
    ("exchange", "SQLite"): Goal("commit or check", 0.25),  # P3
    ("exchange", "PostgreSQL"): Goal("insert or check", 0.25),
    ("lock + unlock", "SQLite"): Goal("commit", 0.25),  # P5
    ("lock + unlock", "PostgreSQL"): Goal("two inserts", 0.25),
}


@dataclass
class Series:
    """What the rounds on one database gave: loads by name, floors in operations a second by name."""

    loads: dict[str, list[Load]] = field(default_factory=dict)
    cpu: dict[str, list[float]] = field(default_factory=dict)
    floors: dict[str, list[float]] = field(default_factory=dict)
    drained: list[float] = field(default_factory=list)

    def add_floor(self, name: str, rate: float) -> None:
        self.floors.setdefault(name, []).append(rate)


class Mint:
    """Tokens of GitHub jobs, made ahead of the clock that is running."""

    def __init__(self, folder: Path, url: str) -> None:
        self._issuer, self._url = Issuer(folder), url
        self.documents = {"/.well-known/jwks": self._issuer.jwks(), "/.well-known/openid-configuration": discovery(url)}

    def requests(self, count: int) -> list[bytes]:
        facts = {"aud": AUDIENCE, "repository": "acme/infra", "actor": "octo", "run_id": "1", "run_attempt": "1"}
        ids = {"repository_id": str(product.REPOSITORY), "repository_owner_id": str(product.OWNER), "check_run_id": "1"}
        now = datetime.now(UTC)
        made = []
        for _ in range(count):
            token = self._issuer.mint(self._url, facts | ids, token_id=uuid.uuid4().hex, now=now)
            body = json.dumps({"token": token, "workspaceId": product.WORKSPACE}).encode()
            made.append(load.request("POST", "/api/v1/auth/github-oidc", body, ()))
        return made


def bench(report: Report, asked: Asked, folder: Path) -> None:
    """SQLite, then PostgreSQL where its programs are installed."""
    documents: dict[str, object] = {}
    with ExitStack() as stack:
        url = stack.enter_context(product.issuer(documents))
        mint = Mint(folder / "issuer", url)
        documents.update(mint.documents)
        hello = stack.enter_context(product.hello())
        with product.sonde(folder / "sqlite", "", url) as server:
            rounds = Rounds(report, asked.seconds, server, hello, mint)
            _print(report, "SQLite", rounds.run(asked.rounds, lambda: _sqlite_floors(rounds.series, folder, asked)))
            uploads.measure(report, "SQLite", server, uploads.sqlite_floor(folder), min(3, asked.rounds))
        programs = postgres.programs()
        if programs is None:
            report.missing("the server on PostgreSQL", "initdb, pg_ctl, psql and pgbench were not found")
            return
        cluster = stack.enter_context(postgres.cluster(programs))
        with product.sonde(folder / "postgresql", cluster.url, url) as server:
            rounds = Rounds(report, asked.seconds, server, hello, mint)
            _print(report, "PostgreSQL", rounds.run(asked.rounds, lambda: _pg_floors(rounds.series, cluster, asked)))
            uploads.measure(report, "PostgreSQL", server, uploads.postgres_floor(cluster.url), min(3, asked.rounds))


def _sqlite_floors(series: Series, folder: Path, asked: Asked) -> None:
    commits = floors.sqlite_commits(folder, asked.seconds)
    series.add_floor("commit", commits)
    series.add_floor("commit or check", min(commits, floors.signature_checks(asked.seconds / 4)))


def _pg_floors(series: Series, cluster: postgres.Cluster, asked: Asked) -> None:
    inserts = cluster.inserts(asked.seconds)
    series.add_floor("insert", inserts)
    series.add_floor("two inserts", inserts / 2)
    series.add_floor("insert or check", min(inserts, floors.signature_checks(asked.seconds / 4)))


class Rounds:
    """Floors and loads in turn against one server, and after each load a look at what the database kept."""

    def __init__(self, report: Report, seconds: float, server: Server, hello: Server, mint: Mint) -> None:
        self._report, self._seconds, self._server, self._hello, self._mint = report, seconds, server, hello, mint
        self._exchanges = 300  # tokens for the next load, by the rate of the last
        self.series = Series()

    def run(self, count: int, measure_floors: Callable[[], None]) -> Series:
        """`count` rounds. The first load of each kind, a short one, only warms the server up."""
        for name, clients in (("warm-up", self._webhooks(0.3)), ("warm-up", self._locks(0.3)), ("", self._tokens(64))):
            load.run(self._server.port, clients)
            self._drain(name)
        for _ in range(count):
            measure_floors()
            floor = load.run(self._hello.port, self._webhooks(self._seconds))
            self.series.add_floor("hello", floor.rate)
            self.series.loads.setdefault("hello", []).append(floor)
            self._load("lock + unlock", self._locks(self._seconds), {200})
            exchanged = self._load("exchange", self._tokens(self._exchanges), {200})
            self._exchanges = max(100, int(exchanged.rate * self._seconds))
            self._load("webhook", self._webhooks(self._seconds), {202})
            self._drain("webhook")
        return self.series

    def _load(self, name: str, clients: Sequence[Iterator[bytes]], wanted: set[int]) -> Load:
        before, cpu = self._server.count(STORED[name]), self._server.cpu()
        done = load.run(self._server.port, clients)
        self.series.cpu.setdefault(name, []).append(1000 * (self._server.cpu() - cpu) / len(done.waits))
        self.series.loads.setdefault(name, []).append(done)
        kept = self._server.count(STORED[name]) - before
        expected = 0 if name == "lock + unlock" else len(done.waits)
        if set(done.statuses) != wanted:
            self._report.fault(f"{name}: answers {dict(done.statuses)}")
        elif kept != expected:
            self._report.fault(f"{name}: {len(done.waits)} answers, but {kept} rows where {expected} belong")
        return done

    def _drain(self, name: str) -> None:
        """Wait until everything that was accepted is processed, so that it does not slow the next load down."""
        began, waiting = perf_counter(), self._server.count(WAITING)
        while (left := self._server.count(WAITING)) and perf_counter() - began < DRAIN:
            sleep(0.1)
        if name == "webhook" and waiting:
            self.series.drained.append((waiting - left) / (perf_counter() - began))

    def _webhooks(self, seconds: float) -> list[Iterator[bytes]]:
        return [_timed(seconds, _webhook) for _ in range(CLIENTS)]

    def _locks(self, seconds: float) -> list[Iterator[bytes]]:
        return [_lock_pairs(seconds, self._server.token, range(i, KEYS, CLIENTS)) for i in range(CLIENTS)]

    def _tokens(self, count: int) -> list[Iterator[bytes]]:
        made = self._mint.requests(count)
        return [iter(made[i::CLIENTS]) for i in range(CLIENTS)]


def _timed(seconds: float, make: Callable[[], bytes]) -> Iterator[bytes]:
    until = perf_counter() + seconds
    while perf_counter() < until:
        yield make()


def _webhook() -> bytes:
    """A signed push of 10 kB, unlike every other."""
    guid = str(uuid.uuid4())
    about = {"id": product.REPOSITORY, "name": "infra", "owner": {"login": "acme", "id": product.OWNER}}
    body = json.dumps({"ref": "refs/heads/main", "after": guid, "repository": about, "padding": ""}).encode()
    body = body[:-2] + b"x" * (BODY - len(body)) + body[-2:]
    signature = "sha256=" + hmac.new(product.SECRET.encode(), body, hashlib.sha256).hexdigest()
    headers = (("X-GitHub-Event", "push"), ("X-GitHub-Delivery", guid), ("X-Hub-Signature-256", signature))
    return load.request("POST", "/webhooks/github", body, headers)


def _lock_pairs(seconds: float, token: str, keys: Sequence[int]) -> Iterator[bytes]:
    """Lock and unlock one key after another; a client never ends with a lock in its hands."""
    headers, until, turn = (("Authorization", f"Bearer {token}"),), perf_counter() + seconds, 0
    while perf_counter() < until:
        key = f"acme/infra/stack-{keys[turn % len(keys)]}/vpc"
        yield load.request("POST", "/api/v1/locks", json.dumps({"key": key, "ttl": 60}).encode(), headers)
        yield load.request("DELETE", "/api/v1/locks", json.dumps({"key": key}).encode(), headers)
        turn += 1


def _print(report: Report, database: str, series: Series) -> None:
    report.say(f"\n  {database}: {CLIENTS} clients in a closed loop, one server with its writers")
    rows = []
    for name, loads in series.loads.items():
        pairs = 2 if name == "lock + unlock" else 1
        rate = spread([one.rate / pairs for one in loads])
        waits = [f"{spread([one.percentile(part) for one in loads]).median:.1f}" for part in (0.5, 0.99)]
        cpu = f"{spread(series.cpu[name]).median * pairs:.2f}" if name in series.cpu else ""
        beside, goal, verdict = _judged(report, name, database, [one.rate / pairs for one in loads], series)
        rows.append((name, f"{rate.median:.0f} ±{rate.iqr / 2:.0f}", *waits, cpu, beside, goal, verdict))
        report.keep(database, name, per_second=rate.median)
    table(report, ("load", "a second", "p50 ms", "p99 ms", "cpu ms", "of floor", "goal", ""), rows)
    for name, rates in series.floors.items():
        report.keep(database, "floor", name, per_second=spread(rates).median)
        if name in series.loads:
            continue  # it stands in the table
        report.say(f"  floor {name}: {spread(rates).median:.0f} ±{spread(rates).iqr / 2:.0f} a second")
    if series.drained:
        report.say(f"  accepted webhooks were then processed at {spread(series.drained).median:.0f} a second")


def _judged(report: Report, name: str, database: str, rates: Sequence[float], series: Series) -> tuple[str, str, str]:
    """(ratio, goal, verdict) of a load, round by round beside its floor."""
    goal = GOALS.get((name, database))
    if goal is None:
        return "", "", "the floor itself"
    beside = series.floors[goal.floor]
    ratio = spread([mine / floor for mine, floor in zip(rates, beside, strict=True)])
    report.keep(database, name, "of floor", ratio=ratio.median)
    wanted = f"{goal.part:g} of {goal.floor}"
    if spread(beside).unsteady:
        return f"{ratio.median:.2f}", wanted, "no verdict: the floor is unsteady"
    return f"{ratio.median:.2f}", wanted, "reached" if ratio.median >= goal.part else "MISSED"
