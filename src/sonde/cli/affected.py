"""`sonde describe affected`: what a change touches (stacks.md §10)."""

from collections.abc import Mapping, Sequence
from typing import Any

import click

from sonde.cli import affected_base, affected_question, process
from sonde.cli.affected_base import Base
from sonde.cli.affected_output import Output, as_uploaded
from sonde.cli.affected_question import Question
from sonde.cli.describe_stacks import function_flags
from sonde.cli.options import examples, flags_of, global_flags
from sonde.stacks.affected.items import View
from sonde.stacks.affected.spacelift import with_admin_stacks


@click.command(
    name="affected",
    epilog=examples(
        "sonde describe affected --base main",
        "sonde describe affected --upload                  # tell the control plane, in a job of a pull request",
        "sonde describe affected --include-dependents --format matrix --output-file $GITHUB_OUTPUT",
        codes="0 compared, and uploaded if asked to; 1 wrong manifests, refused or no answer; 128 no such base.",
    ),
)
@affected_question.affected_flags
@click.option("--include-settings", is_flag=True, help="Also the settings of each component.")
@click.option(
    "--include-spacelift-admin-stacks", is_flag=True, help="Also the admin stacks that manage what is affected."
)
@click.option("--upload", is_flag=True, help="Tell the control plane.")
@click.option("--format", "form", default="json", help="json, yaml or matrix.")
@click.option("--file", default="", help="Write to this file instead of the standard output.")
@click.option("--output-file", default="", help="Where the matrix format is appended to, e.g. $GITHUB_OUTPUT.")
@click.option("-q", "--query", default="", help="A yq expression over the result.")
@click.option("--verbose", type=bool, default=False, flag_value=True, is_flag=False, help="Print what is uploaded.")
@function_flags
@global_flags
@click.pass_context
def command(ctx: click.Context, /, **given: Any) -> None:
    """Show what a change touches: components in stacks that differ from a base commit."""
    world = process.current()
    output = Output(
        form=given["form"] or "json", file=given["file"], output_file=given["output_file"], query=given["query"]
    )
    output.check()
    uploads = given["upload"] and not output.skips_upload
    prints = not given["file"] and (not uploads or given["verbose"])
    notices = world.stderr if prints else world.stdout
    keeps = not given["include_spacelift_admin_stacks"]  # they are found by all settings of all instances
    question = affected_question.ask(world, flags_of(ctx), given, validated=True, notices=notices, keeps=keeps)
    event = affected_question.event_of(question)
    answer = affected_question.answer(question, event)
    if given["upload"]:
        affected_base.check_uploadable(event)
    graph = answer.graph(question) if given["include_dependents"] or given["upload"] else None
    settings = given["include_settings"] or given["upload"]
    found = answer.found
    if given["include_spacelift_admin_stacks"]:
        found = with_admin_stacks(found, answer.instances)
    full = question.kept.full if question.kept else None
    items = View(question.engine.project, settings=settings, graph=graph, full=full).items(found)
    if not uploads or given["verbose"] or given["file"]:
        shown = [as_uploaded(item) for item in items] if given["upload"] and output.form != "matrix" else items
        output.write(shown, world, ci=affected_question.runs_in_ci(question.config))
    if uploads:
        _upload(question, flags_of(ctx), items, answer.base)
    elif given["upload"]:
        world.stderr.write("⚠ nothing is uploaded with --query or --format matrix\n")


def _upload(question: Question, flags: Mapping[str, Any], items: Sequence[Mapping[str, Any]], base: Base) -> None:
    from sonde.cli import project, upload

    upload.affected(project.load(question.world, flags), items, head_sha=base.head, base_sha=base.commit)
