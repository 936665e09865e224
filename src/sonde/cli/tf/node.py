"""One instance of several, as a process of its own: `python -m sonde.cli.tf.node WORDS`, started by `parallel`.

The words are a whole call: what the environment says of flags is in them already, and tokens of the control plane (`sts`)
are in the environment.
"""

import gc
import os
import sys

import click

from sonde.cli import errors, process, project
from sonde.cli.tf import argv, instance
from sonde.cli.tf.execute import execute
from sonde.stacks import exclusive


@click.command(context_settings={"ignore_unknown_options": True, "help_option_names": []}, add_help_option=False)
@click.argument("words", nargs=-1, type=click.UNPROCESSED)
def command(words: tuple[str, ...]) -> int:
    """Run a call for its one instance; its exit code."""
    call = argv.parse(words)
    home = project.load(process.current(), {**call.values, **call.lists}, warn=False)  # the parent has warned
    found = instance.find(instance.engine_of(home), call, call.component, call.stack)

    def waiting() -> None:
        home.log.warning("Waiting for another that runs Terraform in this folder.", folder=found.folder)

    # Others may read outputs of a component in this folder (`!terraform.output`), for which they select its workspace, and
    # what an earlier call started goes on where that was killed.
    with exclusive.folder(found.folder, home.process.env, waiting):
        env = exclusive.holding(found.folder, home.process.env)
        return execute(home._replace(process=home.process._replace(env=env)), call, found)


if __name__ == "__main__":
    gc.disable()  # as `sonde.start` does
    sys.exit(errors.run(command, ["--", *sys.argv[1:]], prog="sonde terraform", env=os.environ, stderr=sys.stderr))
