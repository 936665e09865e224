"""A private PostgreSQL with its durability on, gone at the end; and what it commits at best."""

import os
import pwd
import re
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

CLIENTS = 16
INSERT = "INSERT INTO floor (body) VALUES (repeat('x', 200));\n"


@dataclass(frozen=True)
class Cluster:
    """A running PostgreSQL on this machine, with one empty database `sonde`."""

    programs: Path
    folder: Path
    port: int

    @property
    def url(self) -> str:
        return f"postgresql://sonde@127.0.0.1:{self.port}/sonde"

    def run(self, *words: str) -> str:
        """A program of PostgreSQL, as the user that may run it."""
        return _run(self.programs, words)

    def inserts(self, seconds: float) -> float:
        """Transactions of one insert that pgbench gets through in a second with 16 clients."""
        script = self.folder / "insert.sql"
        script.write_text(INSERT)
        where = ("-h", "127.0.0.1", "-p", str(self.port), "-U", "sonde")
        self.run(
            "psql",
            *where,
            "-q",
            "-c",
            "CREATE TABLE IF NOT EXISTS floor (id bigserial PRIMARY KEY, body text)",
            "sonde",
        )
        words = ("-n", "-c", str(CLIENTS), "-j", "2", "-T", str(max(1, round(seconds))), "-f", str(script))
        said = self.run("pgbench", *where, *words, "sonde")
        return float(re.findall(r"^tps = ([0-9.]+)", said, re.MULTILINE)[-1])


def programs() -> Path | None:
    """The folder of initdb, pg_ctl and pgbench: where Debian puts them, or the PATH."""
    places = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    if found := shutil.which("initdb"):
        places.append(Path(found).resolve().parent)
    wanted = ("initdb", "pg_ctl", "psql", "pgbench")
    return next((place for place in places if all((place / name).exists() for name in wanted)), None)


def _user() -> str | None:
    """PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return None
    return "postgres" if "postgres" in {entry.pw_name for entry in pwd.getpwall()} else "nobody"


def _run(where: Path, words: tuple[str, ...]) -> str:
    env = {"LC_ALL": "C", "PATH": os.environ.get("PATH", os.defpath)}
    done = subprocess.run(
        [str(where / words[0]), *words[1:]], user=_user(), cwd="/", env=env, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{words[0]}: {(done.stderr or done.stdout).strip()}")
    return done.stdout


@contextmanager
def cluster(where: Path) -> Iterator[Cluster]:
    """Start it on a free port. Its settings are PostgreSQL's own: fsync and full_page_writes are on."""
    folder = Path(tempfile.mkdtemp(prefix="sonde-bench-pg-"))
    if user := _user():
        folder.chmod(0o755)
        shutil.chown(folder, user)
    with socket.create_server(("127.0.0.1", 0)) as free:
        made = Cluster(where, folder, free.getsockname()[1])
    data = str(folder / "data")
    made.run("initdb", "-D", data, "-U", "sonde", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8")
    options = f"-p {made.port} -h 127.0.0.1 -k {folder} -c max_connections=200"
    made.run("pg_ctl", "-D", data, "-w", "-s", "-l", str(folder / "log"), "-o", options, "start")
    try:
        made.run("createdb", "-h", "127.0.0.1", "-p", str(made.port), "-U", "sonde", "sonde")
        yield made
    finally:
        made.run("pg_ctl", "-D", data, "-m", "immediate", "-s", "stop")
        shutil.rmtree(folder, ignore_errors=True)
