"""One lock, from the start of the process to its end, over TLS: what a CI job waits for before each plan."""

import json
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from bench import measure, peers
from bench.clients import PEER, TITLES, Asked
from bench.measure import Command
from bench.report import Report, beside, seconds, shown, spread, table

RUNS = 20
NAME = "pro lock"
FLOOR = "python -c pass"
PKI = """\
import sys, datetime, pathlib
from sonde.sandbox.keys import make_pki
make_pki(pathlib.Path(sys.argv[1]), datetime.datetime.now(datetime.UTC))
"""  # in a process of its own, since what this one has imported counts as the peak of each child


class Lender(BaseHTTPRequestHandler):
    """Grants every lock. It counts what it granted, so that a client that never asked is not called fast."""

    granted = 0

    def do_POST(self) -> None:
        """Answer as the control plane does (protocol.md §5)."""
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        lock = {"id": "lock_1", "workspaceId": "ws_bench", "key": asked["key"], "lockMessage": "", "expiresAt": now}
        times = {"createdAt": now, "updatedAt": now, "deletedAt": None}
        body = json.dumps({"success": True, "status": 200, "data": {**lock, **times}}).encode()
        Lender.granted += 1
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def lender(folder: Path) -> Iterator[tuple[str, Path]]:
    """A small https server with a certificate authority of its own, as (address, the authority's PEM file)."""
    subprocess.run([sys.executable, "-c", PKI, str(folder)], check=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem", folder / "server.key")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Lender)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"https://localhost:{server.server_port}", folder / "ca.pem"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def bench(report: Report, asked: Asked, folder: Path) -> None:
    """`pro lock` beside the start of Python, and beside the Go CLI where there is one."""
    peer, version = peers.go_cli(asked.peer)
    if peer is None:
        report.missing("the ratio to the Go CLI", version)
    else:
        report.say(f"  beside the Go CLI {version}")
    repository = _repository(folder)
    with lender(folder) as (address, authority):
        pro = {"ATMOS_PRO_BASE_URL": address, "ATMOS_PRO_TOKEN": "bench", "SSL_CERT_FILE": str(authority)}
        env = measure.quiet_env(folder, **pro)
        words = ("pro", "lock", "--component", "vpc", "--stack", "dev")
        commands = [
            Command(FLOOR, peers.FLOOR, repository, env),
            Command(NAME, (peers.sonde(), *words), repository, env),
        ]
        if peer:
            commands.append(Command(PEER + NAME, (peer, *words), repository, env))
        measure.interleave(commands, 1, budget=0)  # the first run reads the programs from the disk
        Lender.granted = 0
        samples = measure.interleave(commands, RUNS, budget=asked.budget)
    runs = sum(len(samples[command.name]) for command in commands[1:])
    if Lender.granted != runs:
        report.fault(f"{runs} locks were asked for, {Lender.granted} reached the server")
    sides = {NAME: samples.get(PEER + NAME, ())}
    table(
        report,
        TITLES,
        [(name, *shown(mine), str(len(mine)), *beside(mine, sides.get(name, ()))) for name, mine in samples.items()],
    )
    over = spread([ours.seconds / floor.seconds for ours, floor in zip(samples[NAME], samples[FLOOR], strict=False)])
    report.say(f"  a lock takes {over.median:.1f} times what starting Python takes")
    for name, mine in samples.items():
        report.keep(name, seconds=seconds(mine).median)


def _repository(folder: Path) -> Path:
    """What a lock's key needs: a git remote, and an atmos.yaml."""
    repository = folder / "infra"
    (repository / "stacks").mkdir(parents=True)
    (repository / "stacks" / "dev.yaml").write_text("components: {terraform: {vpc: {}}}\n")
    (repository / "atmos.yaml").write_text("base_path: .\nstacks: {base_path: stacks, included_paths: ['**/*']}\n")
    for words in (("init", "-q"), ("remote", "add", "origin", "https://github.com/acme/infra.git")):
        subprocess.run(["git", "-C", str(repository), *words], check=True, capture_output=True)
    return repository
