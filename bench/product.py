"""`sonde serve` as an operator runs it, on a folder and a database of its own, and what stands in its database afterwards."""

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from bench import peers
from bench.measure import FailedError

SECRET = "bench"  # noqa: S105 - a server on loopback that holds nothing
WORKSPACE = "ws_bench"
REPOSITORY, OWNER = 1, 2  # GitHub's ids of acme/infra and of acme
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Server:
    """A running server: its port, its process, and for ours the URL of its database and a token."""

    port: int
    pid: int
    database: str = ""
    token: str = ""

    def cpu(self) -> float:
        """Processor seconds of the process so far; 0 where there is no /proc."""
        try:
            fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return 0.0
        return (int(fields[11]) + int(fields[12])) / TICKS

    def count(self, query: str) -> int:
        """The one number that a query of our database answers."""
        if self.database.startswith("sqlite:///"):
            connection = sqlite3.connect(self.database.removeprefix("sqlite:///"), timeout=30)
            try:
                return int(connection.execute(query).fetchone()[0])
            finally:
                connection.close()
        import psycopg

        with psycopg.connect(self.database) as connected:
            row = connected.execute(query.encode()).fetchone()
            return int(row[0]) if row else 0


@contextmanager
def hello() -> Iterator[Server]:
    """The floor."""
    process = subprocess.Popen([sys.executable, "-m", "bench.hello"], stdout=subprocess.PIPE, text=True)
    try:
        if process.stdout is None or not (port := process.stdout.readline()).strip():
            raise FailedError(f"the floor did not start: exit {process.wait()}")
        yield Server(int(port), process.pid)
    finally:
        _end(process)


@contextmanager
def sonde(folder: Path, database: str, issuer: str) -> Iterator[Server]:
    """Ours, with one workspace, one linked repository and one token. `database` is a URL, or empty for SQLite."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    env = {name: value for name, value in os.environ.items() if not name.startswith(("SONDE_", "ATMOS_"))}
    env |= {
        "SONDE_LISTEN": f"127.0.0.1:{port}",
        "SONDE_DATA_DIR": str(folder),
        "SONDE_DATABASE_URL": database,
        "SONDE_OIDC_ISSUERS": issuer,
        "SONDE_GITHUB_WEBHOOK_SECRET": SECRET,
        "SONDE_LOG_JSON": "true",
    }
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "log"
    with log.open("wb") as out:
        process = subprocess.Popen([peers.sonde(), "serve"], env=env, stdout=out, stderr=out)
    try:
        _wait_until_ready(port, process, log)
        _admin(env, "workspace", "create", "bench", "--id", WORKSPACE)
        ids = ("--repository-id", str(REPOSITORY), "--owner-id", str(OWNER))
        _admin(env, "repo", "add", "acme/infra", "--workspace", WORKSPACE, *ids)
        made = _admin(env, "token", "create", "--workspace", WORKSPACE, "--repo", "acme/infra", "--name", "bench")
        yield Server(port, process.pid, database or f"sqlite:///{folder / 'sonde.sqlite'}", str(made["token"]))
    finally:
        _end(process)


def _admin(env: dict[str, str], *words: str) -> dict[str, Any]:
    done = subprocess.run(
        [peers.sonde(), "admin", *words, "--json"], env=env, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise FailedError(f"sonde admin {' '.join(words)}: {done.stderr.strip()}")
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def _wait_until_ready(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until and process.poll() is None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise FailedError(f"sonde serve is not ready: {log.read_text()[-600:].strip()}")


def _end(process: subprocess.Popen[Any]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(timeout=30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout:
        process.stdout.close()


@contextmanager
def issuer(documents: dict[str, Any]) -> Iterator[str]:
    """An OIDC issuer on loopback as its URL. `documents` by path is filled in by the caller once the URL is known."""

    class Published(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(documents.get(self.path, {})).encode()
            self.send_response(200 if self.path in documents else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Published)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
