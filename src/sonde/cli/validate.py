"""`sonde validate stacks`: are all manifests right? (stacks.md §13.1)."""

import subprocess
from pathlib import Path
from typing import Any

import click

from sonde.cli import inventory, options, process
from sonde.cli.errors import GitError
from sonde.cli.lazy import LazyGroup, Table
from sonde.stacks.errors import StacksError
from sonde.stacks.schema.validation import Selection, validate

COMMANDS: Table = {"stacks": ("sonde.cli.validate:stacks", "Check the stack manifests.")}

group = LazyGroup(name="validate", table=COMMANDS, help="Check stack manifests.")


@click.command(
    name="stacks",
    epilog=options.examples(
        "sonde validate stacks",
        "sonde validate stacks --affected --base main",
        codes="0 all are right; 1 at least one is not.",
    ),
)
@click.option("--schemas-atmos-manifest", default="", help="JSON schema to check against, instead of the built-in one.")
@click.option("--exclude", multiple=True, help="Do not check these paths of the repository (a glob; repeatable).")
@click.option("--affected", is_flag=True, help="Check only the files that changed since the merge base.")
@click.option("--base", default="origin/HEAD", help="What --affected compares with: a branch or a commit.")
@click.option("--format", type=click.Choice(["text", "rich"]), default="text", hidden=True)
@options.global_flags
@click.pass_context
def stacks(ctx: click.Context, /, **given: Any) -> None:
    """Check that every stack manifest can be read, merged and has the right form."""
    world = process.current()
    config, engine = inventory.open_project(world, options.flags_of(ctx))
    list(engine.files)  # no manifests at all is no failed validation: it has its own message
    root = config.git_root or config.base_path
    selection = Selection(
        exclude=tuple(str(root / pattern) for pattern in given["exclude"]),
        only=changed_since(root, given["base"]) if given["affected"] else None,
    )
    try:
        warnings = validate(config, engine, schema_file=given["schemas_atmos_manifest"], selection=selection)
    except StacksError:
        world.stderr.write("✗ Stack validation failed\n")
        raise
    for warning in warnings:
        world.stderr.write(f"⚠ {warning}\n")
    world.stderr.write("✓ All stacks validated successfully\n")


def changed_since(root: Path, base: str) -> frozenset[str]:
    """Absolute paths of the files that differ from the merge base with `base`, edits not yet committed included."""
    fork = _git(root, "merge-base", "HEAD", base).strip()
    changed = _git(root, "diff", "--name-only", "-z", "--no-renames", fork, "--")
    new = _git(root, "ls-files", "--others", "--exclude-standard", "-z", "--full-name")
    return frozenset(str(root / name) for name in f"{changed}{new}".split("\0") if name)


def _git(root: Path, *command: str) -> str:
    done = subprocess.run(["git", "-C", str(root), *command], capture_output=True, check=False)
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().partition("\n")[0]
        raise GitError(
            f"git {command[0]} failed: {said}",
            hints=["Fetch the base branch, or name another with --base."],
            exit_code=128,
        )
    return done.stdout.decode("utf-8", "surrogateescape")
