"""A private PostgreSQL for the tests: own folder, own port, an unprivileged user, gone at the end."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path


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
    options = f"-p {port} -h 127.0.0.1 -k {folder} -c fsync=off -c full_page_writes=off -c max_connections=300"
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
