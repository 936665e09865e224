"""The offline GitHub, running: one https server on a thread, a courier for webhooks, an executor for workflows."""

import os
import socket
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Self

import uvicorn

from sonde.sandbox.api.answer import Api
from sonde.sandbox.courier import Courier
from sonde.sandbox.executor import Executor, ThreadExecutor
from sonde.sandbox.faults import Faults
from sonde.sandbox.keys import make_pki
from sonde.sandbox.oidc import Issuer
from sonde.sandbox.runner.execute import execute
from sonde.sandbox.served import Served
from sonde.sandbox.state import utc_now
from sonde.sandbox.web import API_ROOT, ISSUER_ROOT, CuttableProtocol, Web
from sonde.sandbox.world import World

HOST = "127.0.0.1"
WAIT = 30.0  # seconds that `settle` allows


class Sandbox:
    """`Sandbox.start(folder)` makes or reopens a world in the folder and serves it until `stop()`; also a `with` block.

    What a server under test needs: api_url, issuer_url, ca_file, app_id, app_key_file, webhook_secret, and
    `world.set_webhook(url)` to be told of events.
    """

    def __init__(self, world: World, executor: Executor, *, port: int = 0) -> None:
        folder = world.folder
        make_pki(folder, world.now())
        self.world = world
        self.faults = Faults()
        self.issuer = Issuer(folder / "issuer")
        self.api = Api(world, self.faults)
        self.ca_file = folder / "ca.pem"
        self.bundle_file = folder / "bundle.pem"  # ours and the system's: SSL_CERT_FILE of jobs
        self.executor = executor
        self._socket = _listen(port)
        base = f"https://localhost:{self._socket.getsockname()[1]}"
        world.html_url, world.api_url, world.issuer_url = base, base + API_ROOT, base + ISSUER_ROOT
        world.job_env = {"SSL_CERT_FILE": str(self.bundle_file)}
        world.job_path = os.environ.get("PATH", os.defpath)
        world.executor = executor
        self.courier = Courier(world, self.faults, ca_file=self.ca_file)
        self._web = Web(world, self.api, self.issuer)
        self._served = Served(self._config(), "offline-github", [self._socket])
        self._stopped = False

    @classmethod
    def start(
        cls,
        folder: Path,
        *,
        executor: Executor | None = None,
        port: int = 0,
        now: Callable[[], datetime] = utc_now,
        persist: bool = True,
    ) -> "Sandbox":
        """Without `executor`, workflows run for real on threads of this process."""
        known = (folder / "state.json").exists()
        world = World.load(folder, now=now) if known else World.create(folder, now=now, persist=persist)
        return cls(world, executor or ThreadExecutor(execute), port=port)

    def _config(self) -> uvicorn.Config:
        return uvicorn.Config(
            self._web,
            http=CuttableProtocol,
            loop="asyncio",
            lifespan="off",
            ssl_certfile=self.world.folder / "server.pem",
            ssl_keyfile=self.world.folder / "server.key",
            log_config=None,
            log_level="warning",
            server_header=False,
            date_header=False,  # web.py says the world's time
            timeout_graceful_shutdown=1,
        )

    @property
    def api_url(self) -> str:
        return self.world.api_url

    @property
    def issuer_url(self) -> str:
        return self.world.issuer_url

    @property
    def app_id(self) -> int:
        return self.world.records.app.id

    @property
    def app_key_file(self) -> Path:
        return self.world.app_key_file

    @property
    def webhook_secret(self) -> str:
        return self.world.records.app.webhook_secret

    def settle(self, timeout: float = WAIT) -> None:
        """Return once no webhook is on its way and no workflow runs; what is held or waits for a test's word stays.

        What a server does in answer to a webhook is its own affair: wait for that with `world.wait_until(condition)`.
        """
        self.world.wait_until(self._quiet, timeout)

    def _quiet(self) -> bool:
        runs = self.world.records.runs
        return self.courier.idle() and all(runs[number].status == "completed" for number in self.executor.busy())

    def stop(self) -> None:
        """End in order: no more runs, no more webhooks, no more answers. Idempotent."""
        self.executor.stop()
        if not self._stopped:
            self._stopped = True
            self.courier.stop()
            self._served.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def _listen(port: int) -> socket.socket:
    """Says TCP by name, which `socket.create_server` does not: asyncio turns Nagle's delay off for no other socket."""
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind((HOST, port))
        made.listen()
    except OSError:
        made.close()
        raise
    return made
