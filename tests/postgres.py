"""A private PostgreSQL for the tests: own folder, own port, an unprivileged user, gone at the end."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import psycopg


@dataclass(frozen=True)
class Cluster:
    """A running cluster; `url` has no database name yet."""

    bin: Path
    folder: Path
    port: int
    version: str

    def url(self, database: str) -> str:
        return f"postgresql://sonde@127.0.0.1:{self.port}/{database}"


def binaries() -> Path | None:
    """The folder of initdb and pg_ctl: SONDE_TEST_PG_BIN, the PATH, or where Debian puts them."""
    places = [os.environ.get("SONDE_TEST_PG_BIN", "")]
    if found := shutil.which("initdb"):
        places.append(str(Path(found).resolve().parent))
    places += sorted((str(path) for path in Path("/usr/lib/postgresql").glob("*/bin")), reverse=True)
    return next(
        (
            Path(place)
            for place in places
            if place and (Path(place) / "initdb").exists() and (Path(place) / "pg_ctl").exists()
        ),
        None,
    )


def _user() -> str | None:
    """PostgreSQL refuses to run as root: then it runs as `postgres`, or as `nobody`."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in known else "nobody"


def _run(cluster_bin: Path, user: str | None, *words: str) -> str:
    done = subprocess.run(
        [str(cluster_bin / words[0]), *words[1:]],
        user=user,
        check=False,
        capture_output=True,
        text=True,
        cwd="/",
        env={"LC_ALL": "C", "PATH": os.environ["PATH"]},
    )
    if done.returncode:
        raise RuntimeError(f"{words[0]}: {done.stderr or done.stdout}")
    return done.stdout


def start() -> Cluster | None:
    """Start a cluster; None where there are no binaries."""
    where = binaries()
    if where is None:
        return None
    user = _user()
    folder = Path(tempfile.mkdtemp(prefix="sonde-pg-"))
    if user:
        folder.chmod(0o755)
        shutil.chown(folder, user)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    data = str(folder / "data")
    _run(where, user, "initdb", "-D", data, "-U", "sonde", "-A", "trust", "-E", "UTF8", "--no-sync", "--locale=C.UTF-8")
    # it is gone at the end: nothing need be on the disk before
    cheap = {
        "fsync": "off",
        "full_page_writes": "off",
        "wal_level": "minimal",
        "max_wal_senders": 0,
        "autovacuum": "off",
        "dynamic_shared_memory_type": "mmap",  # else what a killed cluster leaves in memory stays there
        "jit": "off",
    }
    options = f"-p {port} -h 127.0.0.1 -k {folder} -c max_connections=300 -c checkpoint_timeout=1h"
    options += "".join(f" -c {name}={value}" for name, value in cheap.items())
    _run(where, user, "pg_ctl", "-D", data, "-w", "-s", "-l", str(folder / "log"), "-o", options, "start")
    version = _run(where, user, "postgres", "--version").split(")")[1].split()[0]
    return Cluster(where, folder, port, version)


def stop(cluster: Cluster) -> None:
    """Stop it and remove its folder."""
    subprocess.run(
        [str(cluster.bin / "pg_ctl"), "-D", str(cluster.folder / "data"), "-m", "immediate", "-s", "stop"],
        user=_user(),
        check=False,
        cwd="/",
    )
    shutil.rmtree(cluster.folder, ignore_errors=True)


SHAPE = """
SELECT coalesce(md5(string_agg(part, ' ' ORDER BY part)), '') FROM (
    SELECT format('%s.%s %s %s', attrelid::regclass, attname, atttypid, attnotnull)
    FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid WHERE relnamespace = 'public'::regnamespace
    UNION ALL SELECT conname || pg_get_constraintdef(oid) FROM pg_constraint WHERE connamespace = 'public'::regnamespace
    UNION ALL SELECT tgname FROM pg_trigger WHERE NOT tgisinternal
    UNION ALL SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace
    UNION ALL SELECT version_num FROM alembic_version
    UNION ALL SELECT format('%s %s', datallowconn, datconnlimit) FROM pg_database WHERE datname = current_database()
    UNION ALL SELECT format('%s %s', setrole, setconfig) FROM pg_db_role_setting JOIN pg_database ON setdatabase = pg_database.oid
        WHERE datname = current_database()
) AS parts (part)
"""
OTHERS = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
MANY = 1000  # rows: a database that held more is not handed on, since nothing vacuums


class Copies:
    """Copies of one migrated, empty database: taking rows away costs a tenth of making the next.

    Each copy keeps the connection that takes the rows away, since a new one costs the server more than they do.
    """

    def __init__(self, base: str, worker: str) -> None:
        self.base, self._worker = base, worker
        self._free: list[str] = []
        self._kept: dict[str, psycopg.Connection] = {}
        self._made = 0
        with self._open(f"template_{worker}") as connection:
            self._shape = connection.execute(SHAPE).fetchone()
            rows = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        self._tables = [name for (name,) in rows if name != "alembic_version"]

    def _open(self, database: str) -> psycopg.Connection:
        return psycopg.connect(self.base + database, autocommit=True)

    def take(self) -> str:
        if self._free:
            return self._free.pop()
        self._made += 1
        name = f"test_{self._worker}_{self._made}"
        with self._open("postgres") as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE template_{self._worker}")
        return name

    def give_back(self, name: str) -> None:
        """Hand it on, unless somebody is still connected or the test changed more than rows."""
        try:
            if name not in self._kept:
                self._kept[name] = self._open(name)
            if self._emptied(self._kept[name]):
                self._free.append(name)
                return
        except psycopg.Error:
            pass  # closed, read-only or locked by its test: the next one gets another
        if name in self._kept:
            self._kept.pop(name).close()

    def close(self) -> None:
        for connection in self._kept.values():
            connection.close()

    def _emptied(self, connection: psycopg.Connection) -> bool:
        if connection.execute(OTHERS).fetchone() or connection.execute(SHAPE).fetchone() != self._shape:
            return False
        connection.execute("SET session_replication_role = replica")  # in any order: no foreign key is asked
        with connection.pipeline():
            gone = [connection.execute(f"DELETE FROM {table}") for table in self._tables]
        return sum(one.rowcount for one in gone) <= MANY
