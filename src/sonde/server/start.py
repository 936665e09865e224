"""What must be true before a server listens, each with one sentence and one exit code when it is not."""

import logging
import resource
import signal
import socket
import ssl
from contextlib import suppress
from enum import IntEnum
from pathlib import Path
from typing import NoReturn

import click
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from sonde.server.kernel.db import DatabaseUrlError
from sonde.server.settings import Settings
from sonde.server.wiring import Site, build


class Exit(IntEnum):
    """Exit codes of `sonde serve`, from sysexits.h; docs/exit-codes.md lists them."""

    DATABASE = 69
    PORT = 71
    DATA_DIR = 73
    SECOND_PROCESS = 75
    CONFIG = 78


def refuse(code: Exit, sentence: str) -> NoReturn:
    """Say one sentence and end with `code`."""
    click.echo(f"sonde serve: {sentence}", err=True)
    raise SystemExit(int(code))


def check_settings(settings: Settings) -> None:
    """An App that is half configured is a mistake: without a webhook secret anybody could send events."""
    try:
        port = settings.port
    except ValueError:
        port = -1
    if not 0 <= port < 65536:
        refuse(Exit.CONFIG, f"SONDE_LISTEN is {settings.listen!r}; it must be ADDRESS:PORT, such as 127.0.0.1:8080.")
    if settings.github_app_id and settings.github_missing:
        refuse(
            Exit.CONFIG,
            f"the GitHub App is configured in part; set {', '.join(settings.github_missing)} too, or unset SONDE_GITHUB_APP_ID.",
        )
    if settings.oidc_live_runs and settings.github_missing:
        refuse(
            Exit.CONFIG,
            f"SONDE_OIDC_LIVE_RUNS asks GitHub about runs, which needs the App; set {', '.join(settings.github_missing)} too.",
        )
    key = settings.github_app_private_key_file
    if key and (because := _unusable_key(key)):
        refuse(Exit.CONFIG, f"SONDE_GITHUB_APP_PRIVATE_KEY_FILE names {key}, which {because}.")
    if settings.ca_file and (because := _unusable_ca(settings.ca_file)):
        refuse(Exit.CONFIG, f"SONDE_CA_FILE names {settings.ca_file}, which {because}.")
    if settings.log_level.upper() not in logging.getLevelNamesMapping():
        refuse(Exit.CONFIG, f"SONDE_LOG_LEVEL is {settings.log_level!r}; it must be debug, info, warning or error.")


def _unusable_key(path: Path) -> str:
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except OSError:
        return "cannot be read"
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return "holds no private key; download one at GitHub, in the App's settings"
    return "" if isinstance(key, RSAPrivateKey) else "holds no RSA key; download one at GitHub, in the App's settings"


def _unusable_ca(path: Path) -> str:
    try:
        ssl.create_default_context(cafile=str(path))
    except ssl.SSLError:
        return "holds no certificates"
    except OSError:
        return "cannot be read"
    return ""


def hang_up_is_a_stop() -> None:
    """SIGHUP, such as of a terminal that is closed, ends the server in good order, unless `nohup` said to ignore it."""
    if signal.getsignal(signal.SIGHUP) is signal.SIG_DFL:
        signal.signal(signal.SIGHUP, lambda *_: signal.raise_signal(signal.SIGTERM))


def built(settings: Settings) -> Site:
    """The server put together, no connection opened yet."""
    try:
        return build(settings)
    except DatabaseUrlError as error:
        refuse(
            Exit.CONFIG,
            f"SONDE_DATABASE_URL cannot be used: {error}; it looks like sqlite:////var/lib/sonde/sonde.sqlite or postgresql://USER@HOST/NAME.",
        )


def listen(settings: Settings) -> socket.socket:
    """A listening socket at `SONDE_LISTEN`, with room for as many connections as this machine lets the process have."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(OSError, ValueError):  # no room for more is no reason not to start
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # often 1024, which slow clients alone could use up
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((settings.host, settings.port))
        sock.listen(1024)
    except OSError as error:
        sock.close()
        refuse(
            Exit.PORT,
            f"{settings.listen} cannot be listened on ({error.strerror}); choose another with --listen ADDRESS:PORT.",
        )
    return sock
