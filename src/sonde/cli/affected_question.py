"""The comparison behind `describe affected` and `list affected`: flags, project, repository, base (stacks.md §10)."""

import shlex
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, TextIO

import click

from sonde.cli import affected_base, git, inventory
from sonde.cli.affected_base import Base, Event
from sonde.cli.describe_stacks import options_of
from sonde.cli.errors import CliError, GitError
from sonde.cli.process import Process
from sonde.stacks import kinds
from sonde.stacks.affected import load
from sonde.stacks.affected.changes import Changes, Modules
from sonde.stacks.affected.compare import Affected, compare
from sonde.stacks.affected.dependents import Graph
from sonde.stacks.affected.gittree import GitTree, MappedTree
from sonde.stacks.affected.kept import Kept, open_kept
from sonde.stacks.affected.load import base_side, filled, head_side
from sonde.stacks.affected.reasons import Rules
from sonde.stacks.affected.repository import Repository, open_repository
from sonde.stacks.affected.reuse import Recorder
from sonde.stacks.config import Config
from sonde.stacks.engine import Engine, Instance, Options, open_engine
from sonde.stacks.errors import StacksError
from sonde.stacks.tree import WorkingTree

WITH_FOLDER = (*kinds.BUILT_IN, kinds.CONTAINER)
ERROR_MODES = ("", "warn", "silent", "strict")
BASE_FLAGS = (
    click.option(
        "--base", default="", help="Branch, tag, reference or commit to compare with [origin's default branch]."
    ),
    click.option("--ref", default="", help="Deprecated: use --base."),
    click.option("--sha", default="", help="Deprecated: use --base."),
    click.option("--repo-path", default="", help="Compare with another checkout of the repository."),
    click.option(
        "--clone-target-ref",
        type=bool,
        default=False,
        flag_value=True,
        is_flag=False,
        help="Fetch the base from the remote first.",
    ),
    click.option("--ssh-key", default="", help="The private key to fetch with."),
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
    kept: Kept | None = None


@dataclass(frozen=True)
class Compared:
    """What HEAD is compared with: a commit, its tree, and the paths of files that changed up to HEAD's commit."""

    base: Base
    tree: GitTree | MappedTree
    changed: frozenset[str]
    differing: Collection[str] | None = None  # absolute paths that differ from the working tree, if known

    @property
    def side(self) -> load.Base:
        return load.Base(self.tree, self.differing)


@dataclass(frozen=True)
class Answer:
    """What is affected, and everything that HEAD has."""

    base: Base
    found: list[Affected]
    instances: tuple[Instance, ...]

    def graph(self, question: Question) -> Graph:
        """Who depends on whom; with `--stack`, in that stack alone."""
        return Graph(self.instances, only_stack=question.given["stack"])


def affected_flags(command: Any) -> Any:
    """Give a command the flags that say what is compared and how much of it."""
    for option in reversed((*BASE_FLAGS, *SCOPE_FLAGS)):
        command = option(command)
    return command


def ask(
    world: Process,
    flags: Mapping[str, Any],
    given: Mapping[str, Any],
    *,
    validated: bool,
    notices: TextIO | None = None,
    keeps: bool = False,
) -> Question:
    """Open project and repository, and refuse what does not fit together. Raises CliError and StacksError.

    `flags` are the global ones, `given` the command's own; `validated` asks for full validation (stacks.md §13.1).
    With `keeps` manifests that an earlier run knew are not worked out again, and `Answer.instances` are slim.
    `notices` is where a deprecated flag is mentioned: where the Go CLI does it, unless the answer goes there (Q16).
    """
    config = inventory.load_config(world, flags)
    config.require_stacks()
    engine = open_engine(config, Recorder(WorkingTree(config.base_path)), env=world.env)
    mode = _error_mode(world, config, given)
    options = options_of(mode, {**given, "error_mode": mode}, stack=given["stack"])
    kept = open_kept(config, engine, options, world.env) if keeps else None
    if validated:
        from sonde.stacks.schema.validation import validate

        for warning in validate(config, engine, warn=lambda text: inventory.warn(world, text), known=kept):
            inventory.warn(world, str(warning))
    _refuse_what_does_not_fit(given)
    for name in ("ref", "sha") if validated else ():
        if given[name]:
            (notices or world.stderr).write(f"Flag --{name} has been deprecated, use --base instead\n")
    repository = open_repository(str(config.cwd), _git_env(world.env, given["ssh_key"]))
    git.repository(git.find(config.cwd))  # a remote that is no URL of a host is refused, as everywhere
    return Question(world, config, engine, repository, options, given, kept)


def _error_mode(world: Process, config: Config, given: Mapping[str, Any]) -> str:
    mode = given["error_mode"] or world.env.get("ATMOS_DESCRIBE_ERROR_MODE") or config.get("describe.error_mode") or ""
    if mode not in ERROR_MODES:
        raise CliError(f'invalid error mode\n\n"{mode}"', hints=["Use warn, silent or strict."])
    return str(mode)


def _refuse_what_does_not_fit(given: Mapping[str, Any]) -> None:
    if given["repo_path"] and any(given[name] for name in ("base", "ref", "sha", "ssh_key", "ssh_key_password")):
        raise CliError(
            "if the '--repo-path' flag is specified, the '--base', '--ref', '--sha', '--ssh-key' and "
            "'--ssh-key-password' flags can't be used"
        )
    if given["ssh_key_password"]:
        raise CliError(
            "--ssh-key-password is not supported: a password on the command line is seen by every process",
            hints=["Load the key into ssh-agent: ssh-add <key>"],
        )


def _git_env(env: Mapping[str, str], key: str) -> Mapping[str, str]:
    """With `--ssh-key`, what git fetches it fetches with that key."""
    return (
        {**env, "GIT_SSH_COMMAND": f"ssh -i {shlex.quote(key)} -o IdentitiesOnly=yes -o BatchMode=yes"} if key else env
    )


def runs_in_ci(config: Config) -> bool:
    """Whether atmos.yaml wants CI to be noticed."""
    return config.get("ci.enabled") is True


def event_of(question: Question) -> Event | None:
    """The CI event that says what the base is; None where a flag says it, or nothing does."""
    given = question.given
    if any(given[name] for name in ("base", "ref", "sha", "repo_path", "clone_target_ref")):
        return None
    world = question.world
    return affected_base.detected_event(world.env, enabled=runs_in_ci(question.config), warn=world.stderr.write)


def answer(question: Question, event: Event | None) -> Answer:
    """Compare. Raises StacksError, and GitError where the base is not here."""
    engine, given = question.engine, question.given
    compared = _other_checkout(question) if given["repo_path"] else _commit(question, event)
    try:
        head = head_side(engine, question.options, question.kept)
        before = base_side(question.config, compared.side, engine, head, question.options)
        if question.kept:
            head, before = filled(head, before, question.kept)
            question.kept.save()
    finally:
        compared.tree.close()
    engine.warnings.extend(before.warnings)  # one summary for both sides
    inventory.summary(engine, question.options, question.world)
    root = question.repository.root
    changes = Changes((f"{root}/{path}" for path in compared.changed), root)
    modules = Modules(engine.tree, changes, str(question.config.component_base(kinds.TERRAFORM)))
    stack = given["stack"]
    found = compare(head.index(stack), before.index(stack), _rules(question), changes, modules)
    return Answer(compared.base, found, tuple(head.index().values()))


def _rules(question: Question) -> Rules:
    project, get = question.engine.project, question.config.get
    return Rules(
        cwd=project.cwd,
        base_path=project.base_path,
        component_paths={kind: str(get(f"components.{kind}.base_path") or "") for kind in WITH_FOLDER},
        sections=tuple(get("describe.affected.sections") or ()),
        exclude_locked=question.given["exclude_locked"],
        rendered=question.options.process_templates and project.templates_enabled,
    )


def _commit(question: Question, event: Event | None) -> Compared:
    """The base as git's objects. Files changed between the commits; the configuration is also the working tree's."""
    repository = question.repository
    base = _base(question, event)
    differing = repository.changed(base.commit)
    tree = GitTree(repository, base.commit, question.engine.tree, differing)
    stacks = question.engine.project.stacks_path
    inside = stacks.startswith(repository.root + "/")
    known = {f"{repository.root}/{path}" for path in differing | repository.untracked(stacks)} if inside else None
    return Compared(base, tree, repository.changed(base.commit, "HEAD"), known)


def _base(question: Question, event: Event | None) -> Base:
    repository, given = question.repository, question.given
    named = given["sha"] or given["base"] or given["ref"]
    if given["clone_target_ref"]:
        return affected_base.from_remote(repository, named)
    if named:
        return affected_base.explicit(repository, named)
    if event is not None:
        return affected_base.from_event(repository, event, question.world.env)
    return affected_base.default(repository)


def _other_checkout(question: Question) -> Compared:
    """The base of `--repo-path`: its files as they lie there, and the commit at its HEAD."""
    here, path = question.repository, str(question.config.cwd / question.given["repo_path"])
    try:
        there = open_repository(path, question.world.env)
    except StacksError as error:
        raise GitError(
            "repository does not exist\n\nthe target remote repo is not a Git repository. Check that it was "
            "initialized and has '.git' folder",
            hints=[error.message.partition("\n\n")[2] or error.message],
        ) from error
    commit = affected_base.explicit(there, "HEAD").commit
    head = affected_base.explicit(here, "HEAD").commit
    ours, theirs = here.listing(head), there.listing(commit)
    changed = frozenset(name for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name))
    return Compared(Base(commit, head), MappedTree(here.root, there.root, question.engine.tree), changed)
