"""`sonde terraform …`: Terraform or OpenTofu for a component in a stack (stacks.md §12).

The command line is Terraform's own with ours mixed in, so it is not click that reads it: see `tf.argv`.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

import click

from sonde.cli import called, options, process, project
from sonde.cli.errors import CliError, ToolError
from sonde.cli.project import Project
from sonde.cli.tf import argv
from sonde.cli.tf.argv import Call

HELP = """Usage: sonde terraform COMMAND COMPONENT -s STACK [FLAGS] [-- TERRAFORM FLAGS]

  Run Terraform or OpenTofu for a component in a stack.

  sonde terraform plan vpc -s dev                    varfile, backend, init, workspace, plan
  sonde terraform plan vpc -s dev --upload-status    and tell the control plane how it ended
  sonde terraform deploy vpc -s dev                  apply with -auto-approve
  sonde terraform plan --all -s dev                  everything in a stack, in order of dependencies
  sonde terraform deploy --affected --max-concurrency 4    what a change touches, four at a time
  sonde terraform output vpc -s dev --format json    outputs for scripts
  sonde terraform generate varfile vpc -s dev        only the file

Flags:
  -s, --stack NAME          the stack, by its name or its manifest
  --all, --affected         every component, or those that a change touches; -s narrows both to a stack
  --components A,B          these components; --query EXPRESSION, --tags and --labels select by their sections
  --include-dependencies    with all that they need; --include-dependencies=1 goes one step
  --include-dependents      with all that need them
  --upload-status           upload the result of plan, apply or deploy
  --dry-run                 say what would run
  --skip-init               do not run init
  --skip-planfile           plan without -out
  --planfile FILE           apply this plan

For several components:
  --max-concurrency N       run N of them at a time (1); each has a log in .atmos/logs/terraform/COMMAND
  --log-order ORDER         stream: line by line, with their names; grouped: each log whole, when it ends
  --failure-mode MODE       fail-fast: start nothing after a failure; keep-going: only what needs the failed one is skipped
  --execution-summary-file FILE    how each of them ended, as JSON (plan)

Flags with one dash, and flags that are not ours, go to Terraform as they are.

Exit codes: Terraform's own; 2 a plan with changes (--upload-status, -detailed-exitcode); with several components 1 where one failed, else 2
where one has changes; 127 no such tool; 130 interrupted.

Commands: {commands}
"""


@click.command(
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False, "help_option_names": []},
    add_help_option=False,
    help="Run Terraform or OpenTofu for a component in a stack.",
)
@click.argument("words", nargs=-1, type=click.UNPROCESSED)
@click.pass_context
def command(ctx: click.Context, words: tuple[str, ...]) -> int:
    call = argv.parse(words)
    if call.name == "help" or call.on("help"):
        text = called.by(str(ctx.find_root().info_name), HELP)
        click.echo(text.format(commands=" ".join(argv.SUBCOMMANDS)), nl=False)
        return 0
    if "chdir" in call.values:
        process.enter(call.values["chdir"], ctx.meta.get(options.STARTED_IN, Path.cwd()))
    world = process.current()
    call = argv.with_environment(argv.with_globals(call, options.flags_of(ctx)), world.env)
    home = project.load(world, {**call.values, **call.lists})
    return OTHERS.get(call.name, _terraform)(home, call)


def _terraform(home: Project, call: Call) -> int:
    if call.on("dry-run") or not home.config.get("auth.integrations"):
        return _run(home, call)
    from sonde.cli.sts.broker import brokered

    with brokered(home) as equipped:
        return _run(equipped, call)


def _run(home: Project, call: Call) -> int:
    from sonde.cli.tf import instance, many
    from sonde.cli.tf.execute import execute

    if many.is_many(call):
        return many.execute_many(home, call)
    many.check_one(call)
    _require_names(call)
    code = execute(home, call, instance.find(instance.engine_of(home), call, call.component, call.stack))
    if code:
        raise ToolError(code)
    return 0


def _require_names(call: Call) -> None:
    if not call.component:
        raise CliError("component is required; name it after the command", hints=["sonde terraform plan vpc -s dev"])
    if not call.stack:
        raise CliError(
            "stack is required; specify it on the command line using the flag --stack <stack> (shorthand -s)"
        )


def _version(home: Project, call: Call) -> int:
    """The tool's own answer; no stack is needed for it."""
    from sonde.cli.tf import environment, run

    env = {**home.process.env, **environment.nested(home.process.env)}
    code = run.tool([home.config.command("terraform"), "version", *call.passed], home.process.cwd, env)
    if code:
        raise ToolError(code)
    return 0


def _generate(home: Project, call: Call) -> int:
    from sonde.cli.tf import generate

    return generate.execute(home, call)


def _clean(home: Project, call: Call) -> int:
    from sonde.cli.tf import clean

    if not call.component:
        return clean.execute_all(home, call)
    _require_names(call)
    return clean.execute(home, call)


def _output(home: Project, call: Call) -> int:
    if not call.values.get("format"):
        return _terraform(home, call)
    from sonde.cli.tf import outputs

    _require_names(call)
    return outputs.run_format(home, call)


def _shell(home: Project, call: Call) -> int:
    from sonde.cli.tf import shell

    _require_names(call)
    return shell.open_shell(home, call)


# Commands that do more, or less, than running the tool.
OTHERS: Mapping[str, Callable[[Project, Call], int]] = {
    "version": _version,
    "generate": _generate,
    "clean": _clean,
    "output": _output,
    "shell": _shell,
}
