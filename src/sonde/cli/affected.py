"""`sonde describe affected` and `sonde list affected`: what a change touches (stacks.md §10)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from sonde.cli import affected_base, affected_output, git, inventory, process
from sonde.cli.affected_base import Base, Event
from sonde.cli.describe_stacks import function_flags, options_of
from sonde.cli.errors import CliError, GitError
from sonde.cli.options import flags_of, global_flags
from sonde.cli.process import Process
from sonde.stacks import kinds
from sonde.stacks.affected.changes import Changes, Modules
from sonde.stacks.affected.compare import compare, index
from sonde.stacks.affected.dependents import Graph
from sonde.stacks.affected.gittree import GitTree, MappedTree
from sonde.stacks.affected.items import View
from sonde.stacks.affected.load import base_side, head_side
from sonde.stacks.affected.reasons import Rules
from sonde.stacks.affected.repository import Repository, open_repository
from sonde.stacks.config import Config
from sonde.stacks.engine import Engine, Options
from sonde.stacks.yamldump import Struct

WITH_FOLDER = (*kinds.BUILT_IN, kinds.CONTAINER)
ERROR_MODES = ("", "warn", "silent", "strict")
BASE_FLAGS = (
    click.option(
        "--base", default="", help="Branch, tag, reference or commit to compare with [origin's default branch]."
    ),
    click.option("--ref", default="", help="Deprecated: use --base."),
    click.option("--sha", default="", help="Deprecated: use --base."),
    click.option("--repo-path", default="", help="Compare with another checkout of the repository."),
    click.option("--clone-target-ref", type=bool, default=False, flag_value=True, is_flag=False, hidden=True),
    click.option("--ssh-key", default="", hidden=True),
    click.option("--ssh-key-password", default="", hidden=True),
)
SCOPE_FLAGS = (
    click.option("-s", "--stack", default="", help="Only this stack, by its name."),
    click.option("--include-dependents", is_flag=True, help="Also what depends on what is affected."),
    click.option("--exclude-locked", is_flag=True, help="Leave out components with `metadata.locked: true`."),
)


@dataclass(frozen=True)
class Question:
    """A project, its repository, and what is asked about them."""

    world: Process
    config: Config
    engine: Engine
    repository: Repository
    options: Options
    given: Mapping[str, Any]


def affected_flags(command: Any) -> Any:
    """Give a command the flags that say what is compared and how much of it."""
    for option in reversed((*BASE_FLAGS, *SCOPE_FLAGS)):
        command = option(command)
    return command


@click.command(name="affected")
@affected_flags
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
    question = _ask(ctx, given)
    output = affected_output.Output(
        form=given["form"], file=given["file"], output_file=given["output_file"], query=given["query"]
    )
    output.check()
    event = _event(question)
    if given["upload"]:
        affected_base.check_uploadable(event)
    base, items = _answer(question, event, settings=given["include_settings"] or given["upload"])
    if given["upload"] and not output.skips_upload:
        if given["verbose"] or given["file"]:
            output.write(items, question.world, ci=_ci(question.config))
        _upload(question, flags_of(ctx), items, base)
        return
    if given["upload"]:
        question.world.stderr.write("⚠ nothing is uploaded with --query or --format matrix\n")
    output.write(items, question.world, ci=_ci(question.config))


def _ask(ctx: click.Context, given: Mapping[str, Any]) -> Question:
    """Everything that is wrong before the comparison starts is said here."""
    world = process.current()
    config, engine = inventory.open_project(world, flags_of(ctx))
    mode = given["error_mode"] or world.env.get("ATMOS_DESCRIBE_ERROR_MODE") or config.get("describe.error_mode") or ""
    if mode not in ERROR_MODES:
        raise CliError(f'invalid error mode\n\n"{mode}"', hints=["Use warn, silent or strict."])
    inventory.validate(config, engine)
    if given["repo_path"] and any(given[name] for name in ("base", "ref", "sha", "ssh_key", "ssh_key_password")):
        raise CliError(
            "if the '--repo-path' flag is specified, the '--base', '--ref', '--sha', '--ssh-key' and "
            "'--ssh-key-password' flags can't be used"
        )
    for name in ("ref", "sha"):
        if given[name]:
            world.stderr.write(f"Flag --{name} has been deprecated, use --base instead\n")
    repository = open_repository(str(config.cwd), world.env)
    if repository is None:
        raise GitError(
            "repository does not exist",
            hints=["`describe affected` compares two commits: run it inside a git checkout."],
        )
    git.repository(git.find(config.cwd))  # a remote that is no URL of a host is refused, as everywhere
    options = options_of(mode, {**given, "error_mode": mode}, stack=given["stack"])
    return Question(world, config, engine, repository, options, given)


def _ci(config: Config) -> bool:
    return config.get("ci.enabled") is True


def _event(question: Question) -> Event | None:
    given = question.given
    if any(given[name] for name in ("base", "ref", "sha", "repo_path")):
        return None
    return affected_base.detected_event(question.world.env, enabled=_ci(question.config))


def _answer(question: Question, event: Event | None, *, settings: bool) -> tuple[Base, list[Struct]]:
    """The base, and the items that differ from it."""
    engine, repository, given = question.engine, question.repository, question.given
    tree: GitTree | MappedTree
    if given["repo_path"]:
        base, tree, changed = _other_checkout(question)
    else:
        base = _base(question, event)
        differing = repository.changed(base.commit)
        tree = GitTree(repository, base.commit, engine.tree, differing)
        changed = repository.changed(base.commit, "HEAD")
    project = engine.project
    rules = Rules(
        cwd=project.cwd,
        base_path=project.base_path,
        component_paths={kind: str(question.config.get(f"components.{kind}.base_path") or "") for kind in WITH_FOLDER},
        sections=tuple(question.config.get("describe.affected.sections") or ()),
        exclude_locked=given["exclude_locked"],
        rendered=question.options.process_templates and project.templates_enabled,
    )
    changes = Changes(f"{repository.root}/{path}" for path in changed)
    try:
        everything = head_side(engine, question.options)
        before = base_side(question.config, tree, question.world.env, question.options)
    finally:
        tree.close()
    modules = Modules(engine.tree, changes, str(question.config.component_base("terraform")))
    found = compare(index(everything, given["stack"]), index(before, given["stack"]), rules, changes, modules)
    wants_dependents = given["include_dependents"] or given["upload"]
    graph = Graph(everything, only_stack=given["stack"]) if wants_dependents else None
    return base, View(project, settings=settings, graph=graph).items(found)


def _base(question: Question, event: Event | None) -> Base:
    repository, given = question.repository, question.given
    named = given["base"] or given["sha"] or given["ref"]
    if named:
        return affected_base.explicit(repository, named)
    if event is not None:
        return affected_base.from_event(repository, event, question.world.env)
    return affected_base.default(repository)


def _other_checkout(question: Question) -> tuple[Base, MappedTree, frozenset[str]]:
    """The base of `--repo-path`: its files as they lie there, and the commit at its HEAD."""
    here, path = question.repository, str(question.config.cwd / question.given["repo_path"])
    there = open_repository(path, question.world.env) if Path(path).is_dir() else None
    commit = there.commit("HEAD") if there else None
    if there is None or commit is None:
        raise GitError(
            "repository does not exist\n\nthe target remote repo is not a Git repository. Check that it was "
            "initialized and has '.git' folder",
            hints=[f"--repo-path {question.given['repo_path']} must be a checkout with at least one commit."],
        )
    head = affected_base.explicit(here, "HEAD").commit
    ours, theirs = here.listing(head), there.listing(commit)
    changed = frozenset(name for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name))
    return Base(commit, head), MappedTree(here.root, there.root, question.engine.tree), changed


def _upload(question: Question, flags: Mapping[str, Any], items: Sequence[Mapping[str, Any]], base: Base) -> None:
    from sonde.cli import project, upload

    upload.affected(project.load(question.world, flags), items, head_sha=base.head, base_sha=base.commit)
