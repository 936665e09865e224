"""`sonde demo`: the whole loop on this machine, with no account and no network."""

import json
import signal
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import click

from sonde.demo.scene import Scene, StuckError, executor_of, prepare
from sonde.demo.story import STEPS, Told, facts
from sonde.demo.verify import verify

PATIENCE = 120.0  # seconds a step may take


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--once", is_flag=True, help="End after the story, also on a terminal.")
@click.option(
    "--verify",
    "file",
    type=click.Path(path_type=Path),
    metavar="demo.json",
    help="Compare an earlier demo with what stands now.",
)
@click.option(
    "--folder",
    type=click.Path(path_type=Path),
    default=Path(".demo"),
    show_default=True,
    help="The folder of all that the demo writes.",
)
@click.option(
    "--listen",
    default="127.0.0.1:0",
    metavar="ADDRESS:PORT",
    help="Where the server listens; any free port by default.",
)
@click.option("--executor", metavar="COMMAND", help="What runs instead of terraform or tofu from the PATH.")
@click.option("--keep-lock", is_flag=True, help="Never release the lock: see where the story waits.")
@click.option("--patience", default=PATIENCE, show_default=True, help="Seconds a step may take.")
def demo(
    *, once: bool, file: Path | None, folder: Path, listen: str, executor: str | None, keep_lock: bool, patience: float
) -> None:
    """Show one pull request from webhook to concluded check, then applied: server, offline GitHub and real Terraform.

    It writes demo.json. On a terminal it stays up afterwards, also where the story got stuck, so that you can look at the pages. Exit codes: 0 the story
    was told to its end; 1 it got stuck, or what --verify read differs.

    \b
    Examples:
      sonde demo
      sonde demo --once && sonde demo --verify demo.json
      sonde demo --keep-lock --patience 20
    """  # noqa: D301 - \b is the control character by which click keeps these lines as they are
    try:
        if file is not None:
            _verify(file, patience)
            return
        _tell(
            folder.absolute(),
            listen=listen,
            executor=executor,
            keep_lock=keep_lock,
            patience=patience,
            stay=sys.stdout.isatty() and not once,
        )
    except StuckError as error:
        click.echo(f"\nStuck: {error}", err=True)
        raise SystemExit(1) from None


def _verify(file: Path, patience: float) -> None:
    different = verify(file, patience=patience)
    for line in different:
        click.echo(line)
    if different:
        raise StuckError(f"{len(different)} facts differ from {file}")
    click.echo(f"{file}: server, offline GitHub and Terraform state all say the same")


def _tell(folder: Path, *, listen: str, executor: str | None, keep_lock: bool, patience: float, stay: bool) -> None:
    for told_to_end in (
        signal.SIGTERM,
        signal.SIGHUP,
    ):  # such as of a terminal that is closed: the server must not outlive us
        signal.signal(told_to_end, signal.default_int_handler)
    prepare(folder)
    command, said = executor_of(executor, folder)
    began = time.monotonic()
    scene = Scene(folder, listen=listen, executor=command)
    try:
        told = Told(scene, lambda line: click.echo(f"{time.monotonic() - began:6.1f}s  {line}"), patience, keep_lock)
        told.say(f"Terraform: {said}")
        _play(told)
        if stay:
            _wait(scene)
    except StuckError as error:
        if stay and scene.serves:
            click.echo(f"\nStuck: {error}")
            _wait(scene)
        raise
    except KeyboardInterrupt:
        with suppress(OSError):  # the terminal may be gone
            click.echo("\nended")
    finally:
        scene.close()


def _play(told: Told) -> None:
    for name, step in STEPS:
        click.echo(click.style(f"── {name}", bold=True))
        step(told)
    Path("demo.json").write_text(json.dumps(facts(told), indent=2) + "\n")
    click.echo(click.style("── done", bold=True))
    told.say("check: success, one comment; facts in demo.json; compare later: sonde demo --verify demo.json")


def _wait(scene: Scene) -> None:
    click.echo(f"\nThe server stays up: {scene.page}  (Ctrl-C ends it)")
    threading.Event().wait()
