"""The scene: a folder with the offline GitHub, the server as a process of its own, and people who use the real client."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sonde.sandbox.model import PullRequest, Repository
from sonde.sandbox.server import Sandbox

WORKSPACE = "ws_demo"
REPOSITORY = "acme/infra"
MARKER = ".sonde-demo"
UI_TOKEN = "demo"  # noqa: S105 - the demo holds no secret; its server listens on loopback only


class StuckError(Exception):
    """The story does not go on; the text says where it waits and why."""


@dataclass(frozen=True)
class Command:
    """What a command of the client printed and how it ended."""

    code: int
    output: str


def executor_of(wanted: str | None, folder: Path) -> tuple[str, str]:
    """The Terraform to run, as (command, what to say of it): as wanted, from the PATH, or the stand-in, said aloud."""
    if wanted:
        return shutil.which(wanted) or wanted, f"{wanted}, as asked"
    for name in ("terraform", "tofu"):
        if found := shutil.which(name):
            return found, found
    shim = folder / "stand-in"
    shim.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m sonde.demo.stand_in "$@"\n')
    shim.chmod(0o755)
    return str(shim), "NO terraform or tofu on the PATH: a stand-in that only pretends (sonde.demo.stand_in)"


def prepare(folder: Path) -> None:
    """An empty folder of ours; refuses one that a demo did not make. Raises StuckError."""
    if folder.exists() and any(folder.iterdir()) and not (folder / MARKER).exists():
        raise StuckError(f"{folder} is not empty and no demo made it; choose another with --folder")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / MARKER).touch()


class Scene:
    """Server and offline GitHub on one folder; `close()` ends both. Open it again on the same folder to look at it later."""

    def __init__(self, folder: Path, *, listen: str, executor: str) -> None:
        self.folder = folder
        self.state_dir = folder / "terraform-state"
        self.sandbox = Sandbox.start(folder / "github")
        self.github = self.sandbox.world
        job_env = {
            "SONDE_STATE_DIR": str(self.state_dir),
            "ATMOS_COMPONENTS_TERRAFORM_COMMAND": executor,
            "CHECKPOINT_DISABLE": "1",
        }
        self.github.job_env = {**self.github.job_env, **job_env}
        self.github.job_path = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)))
        self._listen = listen if not listen.endswith(":0") else f"127.0.0.1:{_free_port()}"
        self.url = f"http://{self._listen}"
        self.ui_token = UI_TOKEN
        self._process: subprocess.Popen[bytes] | None = None
        self.token = ""

    @property
    def page(self) -> str:
        """Where a person signs in."""
        return f"{self.url}/login?token={self.ui_token}"

    @property
    def serves(self) -> bool:
        """Whether the server was started and lives."""
        return self._process is not None and self._process.poll() is None

    def environment(self) -> dict[str, str]:
        """The server's settings, as a platform engineer would set them."""
        mine = {
            "SONDE_LISTEN": self._listen,
            "SONDE_DATA_DIR": str(self.folder / "server"),
            "SONDE_DATABASE_URL": "",
            "SONDE_OIDC_ISSUERS": self.sandbox.issuer_url,
            "SONDE_CA_FILE": str(self.sandbox.ca_file),
            "SONDE_GITHUB_API_URL": self.sandbox.api_url,
            "SONDE_GITHUB_APP_ID": str(self.sandbox.app_id),
            "SONDE_GITHUB_APP_PRIVATE_KEY_FILE": str(self.sandbox.app_key_file),
            "SONDE_GITHUB_WEBHOOK_SECRET": self.sandbox.webhook_secret,
            "SONDE_UI_TOKEN": self.ui_token,
            "SONDE_LOG_JSON": "true",
            "SONDE_POLL_SECONDS": "0.2",
        }
        return {
            **{name: value for name, value in os.environ.items() if not name.startswith(("SONDE_", "ATMOS_"))},
            **mine,
        }

    def admin(self, *words: str) -> dict[str, Any]:
        """`sonde admin …  --json`. Raises StuckError with what it said."""
        done = subprocess.run(
            [*_sonde(), "admin", *words, "--json"], env=self.environment(), capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise StuckError(f"sonde admin {' '.join(words)}: {done.stderr.strip()}")
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer

    def serve(self, patience: float) -> None:
        """Start the server and wait until it is ready. Raises StuckError with the end of its log."""
        log = self.folder / "server.log"
        with log.open("ab") as out:
            self._process = subprocess.Popen([*_sonde(), "serve"], env=self.environment(), stdout=out, stderr=out)
        self.wait(lambda: self._ready(log), patience, lambda: f"for the server to be ready; see {log}")
        self.github.set_webhook(f"{self.url}/webhooks/github")

    def _ready(self, log: Path) -> bool:
        if self._process is not None and self._process.poll() is not None:
            raise StuckError(f"the server ended with {self._process.returncode}: {log.read_text()[-600:].strip()}")
        try:
            with urllib.request.urlopen(f"{self.url}/readyz", timeout=5) as answer:  # noqa: S310 - our own address
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def get(self, path: str) -> dict[str, Any]:
        """`data` of an answer of the server's API, with the token of an administrator."""
        url = f"{self.url}/api/v1/repos/{REPOSITORY}/{path}"
        request = urllib.request.Request(url, headers={"Authorization": f"Bearer {self.token}"})  # noqa: S310 - our own address
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - our own address
                found: dict[str, Any] = json.loads(answer.read())["data"]
                return found
        except urllib.error.HTTPError as error:
            with error:
                return {} if error.code == 404 else _failed(path, error.read())

    def wait(self, condition: Callable[[], bool], patience: float, waiting: Callable[[], str]) -> None:
        """Return once `condition` holds; after `patience` seconds raises StuckError with what `waiting` says."""
        pause = threading.Event()
        until = time.monotonic() + patience
        while not condition():
            if time.monotonic() > until:
                raise StuckError(f"waited {patience:.0f} s {waiting()}")
            pause.wait(0.1)

    def sonde(self, person: str, *words: str) -> Command:
        """A command of the real client, run by a person in a clone of the repository."""
        clone = self._clone(person)
        mine = {
            "ATMOS_PRO_BASE_URL": self.url,
            "ATMOS_PRO_TOKEN": self._person_token(person),
            "NO_COLOR": "1",
            "HOME": str(clone.parent),
        }
        env = {
            **{
                name: value
                for name, value in os.environ.items()
                if not name.startswith(("SONDE_", "ATMOS_", "GITHUB_"))
            },
            **mine,
        }
        done = subprocess.run([*_sonde(), *words], cwd=clone, env=env, capture_output=True, text=True, check=False)
        return Command(done.returncode, (done.stdout + done.stderr).strip())

    def _person_token(self, person: str) -> str:
        kept = self.folder / f"token-{person}"
        if not kept.exists():
            made = self.admin("token", "create", "--workspace", WORKSPACE, "--repo", REPOSITORY, "--name", person)
            kept.write_text(str(made["token"]))
        return kept.read_text()

    def _clone(self, person: str) -> Path:
        clone = self.folder / "people" / person / "infra"
        if not clone.exists():
            bare = self.github.bare(self.github.repository(REPOSITORY))
            _git("clone", "-q", str(bare), str(clone))
            _git("-C", str(clone), "remote", "set-url", "origin", f"https://github.com/{REPOSITORY}.git")
        return clone

    def repository(self) -> Repository:
        """The sample repository."""
        return self.github.repository(REPOSITORY)

    def check(self, sha: str) -> tuple[str, str, str]:
        """(status, conclusion, title) of the one check run at a commit; blanks before it is there."""
        found = self.github.check_runs(self.repository(), sha, name="Atmos Pro")
        if not found:
            return "", "", ""
        return found[0].status, found[0].conclusion or "", str((found[0].output or {}).get("title") or "")

    def comment(self, pull: PullRequest) -> str:
        """The text of the pull request's comments: there is one."""
        return "\n".join(item.body for item in self.github.comments(self.repository(), pull.number))

    def close(self) -> None:
        """Stop the server gently, then the offline GitHub."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(timeout=25)
            except subprocess.TimeoutExpired:
                self._process.kill()
        self.sandbox.stop()


def _failed(path: str, body: bytes) -> dict[str, Any]:
    raise StuckError(f"the server answered to {path}: {body[:300].decode(errors='replace')}")


def _sonde() -> Sequence[str]:
    return (sys.executable, "-m", "sonde.main")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
        return port


def _git(*words: str) -> None:
    subprocess.run(["git", *words], check=True, capture_output=True, env=_plain_git())


def _plain_git() -> Mapping[str, str]:
    return {**os.environ, "GIT_CONFIG_NOSYSTEM": "1", "GIT_TERMINAL_PROMPT": "0"}
