"""`sonde version`: ours, and that of the Go CLI whose arguments and answers we keep."""

import json
import platform
import sys
from collections.abc import Callable, Mapping

import click

from sonde import __version__
from sonde.cli import options
from sonde.stacks.config.defaults import VERSION

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}  # as Go names them


def _json(facts: Mapping[str, str]) -> str:
    return json.dumps(facts, indent=2) + "\n"


def _yaml(facts: Mapping[str, str]) -> str:
    return "".join(f"{name}: {value}\n" for name, value in facts.items())


FORMATS: Mapping[str, Callable[[Mapping[str, str]], str]] = {"json": _json, "yaml": _yaml}


@click.command(
    name="version",
    help="Show the version. As JSON or YAML `version` is that of the compatible Go CLI, and `sonde` ours.",
    epilog=options.examples(
        "sonde version", "sonde version --format json | jq -r .sonde", codes="0 shown; 1 wrong usage."
    ),
)
@click.option("--format", "form", type=click.Choice(list(FORMATS)), help="json or yaml, for scripts.")
@options.global_flags
def command(form: str | None) -> None:
    if form is None:
        sys.stdout.write(f"sonde {__version__}, compatible with atmos {VERSION}\n")
        return
    arch = ARCHITECTURES.get(platform.machine(), platform.machine())
    facts = {"version": VERSION, "os": sys.platform, "arch": arch, "sonde": __version__}
    sys.stdout.write(FORMATS[form](facts))
