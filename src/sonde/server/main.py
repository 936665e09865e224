"""`sonde serve`."""

import gc
import os
import signal
import sys
import threading
from contextlib import closing
from typing import Any

import click
import uvicorn
from pydantic import ValidationError

from sonde.server import greeting, hot, start, storage
from sonde.server.app import make_app
from sonde.server.engine import Engine
from sonde.server.github import checkup
from sonde.server.kernel import log as logs
from sonde.server.kernel.log import log
from sonde.server.kernel.quick import quick
from sonde.server.settings import Settings, misspelled
from sonde.server.web import signin
from sonde.server.wiring import Site
from sonde.server.workspaces import store as workspaces

SWITCH = 0.0005  # seconds that a thread may keep the interpreter from the loop and the writer; Python's own 5 ms is a commit's time


@click.command(
    epilog="Settings come from SONDE_* variables: docs/settings.md. Exit codes: docs/exit-codes.md.",
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.option("--listen", metavar="ADDRESS:PORT", help="Where to listen; SONDE_LISTEN, 127.0.0.1:8080 by default.")
@click.option(
    "--data-dir",
    metavar="FOLDER",
    help="Folder of the SQLite database and of the server's lock file; SONDE_DATA_DIR, ~/.local/share/sonde by default.",
)
def serve(listen: str | None, data_dir: str | None) -> None:
    """Run the control plane server until it is told to stop (SIGTERM, Ctrl-C).

    \b
    Examples:
      sonde serve
      sonde serve --listen 0.0.0.0:8080
      SONDE_DATABASE_URL=postgresql://sonde@db/sonde sonde serve
    """  # noqa: D301 - \b is the control character by which click keeps these lines as they are
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # to be told to stop is no failure; uvicorn stops first
    start.hang_up_is_a_stop()
    given = {name: value for name, value in (("listen", listen), ("data_dir", data_dir)) if value is not None}
    settings = load(given)
    start.check_settings(settings)
    logs.configure(json_lines=settings.writes_json, level=settings.log_level)
    with storage.data_folder(settings):
        _run(settings)


def _greet(site: Site, address: str) -> None:
    with site.db.read() as tx:
        linked = bool(workspaces.all_repositories(tx))
    for line in greeting.lines(
        site.settings,
        address,
        dialect=site.db.dialect,
        link_token="" if site.settings.ui_token else signin.offer(site.db),
        linked=linked,
        misspelled=misspelled(),
    ):
        click.echo(line, err=True)


def load(given: dict[str, Any]) -> Settings:
    """The settings of the environment, with what the command line gave on top."""
    try:
        return Settings(**given)
    except ValidationError as error:
        first = error.errors()[0]
        because = first["msg"].removeprefix("Value error, ")
        start.refuse(start.Exit.CONFIG, f"SONDE_{'_'.join(str(part) for part in first['loc']).upper()}: {because}.")


def _run(settings: Settings) -> None:
    site = start.built(settings)
    with closing(site.db), storage.alone_with(site.db):
        _serve(site)


def _serve(site: Site) -> None:
    settings = site.settings
    sys.setswitchinterval(SWITCH)
    gc.freeze()  # what is loaded by now stays: looking through it again and again would stop every thread for 50 ms
    gc.set_threshold(10_000, 5, 1_000)  # young ones often, all of them hardly ever
    storage.open_database(site.db)
    site.db.write_elsewhere(
        hot.starter(settings.url_of_database, json_lines=settings.writes_json, level=settings.log_level)
    )
    sock = start.listen(settings)
    engine = Engine(site.loop, poll=settings.poll_seconds, body_days=settings.delivery_body_days)
    app = make_app(site, engine)
    address = settings.address(sock.getsockname()[1])
    _greet(site, address)
    if site.loop.github:
        threading.Thread(target=checkup.look, args=(site.loop.github,), name="checkup", daemon=True).start()
    log.info("server.starting", address=address, database=site.db.dialect, pid=os.getpid())
    config = uvicorn.Config(
        app,
        http=quick(app.doors),
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # whose word counts is SONDE_TRUSTED_PROXIES, and only for who fails
        timeout_graceful_shutdown=20,
        lifespan="on",
    )
    uvicorn.Server(config).run(sockets=[sock])
