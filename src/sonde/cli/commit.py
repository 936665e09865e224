"""`sonde pro commit`: send what is staged to the control plane, which commits it as its GitHub App (protocol.md §7.1).

The limits are the client's own; the server checks them again. Read from the index are additions, changes and
deletions; a rename or a change of type is left out, as the Go CLI does, but never without saying so.
"""

import base64
import re
import subprocess
from pathlib import Path

import click

from sonde.cli import answers, client, oidc, options, process, project, transport
from sonde.cli.errors import ApiError, CliError, DecodeError, SignInError
from sonde.cli.process import Process
from sonde.cli.settings import ProSettings
from sonde.wire import codec, commits
from sonde.wire.commits import CommitRequest, FileAddition, FileChanges, FileDeletion

BRANCH = re.compile(r"[\w.\-/]+", re.ASCII)
ACTORS = ("ATMOS_GITHUB_USERNAME", "GITHUB_ACTOR", "GITHUB_USERNAME")  # the first that is set counts


@click.command(
    help="Commit what is staged through the control plane's GitHub App, so that CI runs on it.",
    epilog=options.examples(
        "sonde pro commit -m 'terraform fmt' --add '*.tf'",
        "sonde pro commit -A -m 'update the docs' --comment 'Formatted by CI.'",
        codes="0 committed, or nothing to commit; 1 refused; 128 git failed.",
    ),
)
@click.option("-m", "--message", default="", help=f"Commit message, up to {commits.MAX_MESSAGE} bytes.")
@click.option("--comment", default="", help=f"Comment on the pull request, up to {commits.MAX_COMMENT} bytes.")
@click.option("--add", "pattern", default="", help='Stage the files of a pattern first, such as "*.tf".')
@click.option("-A", "--all", "everything", is_flag=True, help="Stage all changes first.")
@options.global_flags
@click.pass_context
def commit(ctx: click.Context, message: str, comment: str, pattern: str, *, everything: bool) -> None:
    world = process.current()
    home = project.load(world, options.flags_of(ctx))
    _check_texts(message, comment)
    if pattern and everything:
        raise CliError(
            "--add and --all are mutually exclusive", hints=["--add stages some files, --all stages every change."]
        )
    if _actor(world) == commits.BOT:
        world.stderr.write(f"▶ Skipping commit: triggered by {commits.BOT} (loop prevention)\n")
        return
    branch = _branch(world)
    _check_sign_in(home.pro)
    if pattern or everything:
        _git(world, "add", "-A") if everything else _git(world, "add", "--", pattern)
    changes = collect(world)
    if changes is None:
        return
    request = CommitRequest(branch=branch, changes=changes, message=message, comment=comment or None)
    try:
        sha = send(project.session(home), request)
    except ApiError as error:
        raise error.prefixed("failed to create commit via Atmos Pro: ") from error
    world.stdout.write(f"✓ Commit created: {sha}\n" if world.stdout.isatty() else f"{sha}\n")


def send(session: client.Session, request: CommitRequest) -> str:
    """Have the control plane commit; the SHA, empty if the answer names none. Raises ApiError after four attempts."""
    body = transport.encode(codec.to_json(request))

    def attempt() -> str:
        answer = client.accepted(session, "CreateCommit", "POST", commits.PATH, body)
        try:
            return str(answers.read(answer.body, answers.COMMIT).data.get("sha", ""))
        except DecodeError as error:
            raise error.prefixed("failed to unmarshal API response: ") from error

    return client.retried(session, "CreateCommit", attempt)


def _check_texts(message: str, comment: str) -> None:
    """Limits count bytes, since that is what the server stores."""
    if not message:
        raise CliError("commit message is required", hints=['sonde pro commit -m "style: format"'])
    for name, text, limit in (
        ("commit message", message, commits.MAX_MESSAGE),
        ("comment", comment, commits.MAX_COMMENT),
    ):
        size = len(text.encode())
        if size > limit:
            raise CliError(
                f"{name} exceeds {limit} characters: {name.split()[-1]} is {size} characters",
                hints=[f"Shorten the {name}; what is outside of ASCII counts for two to four."],
            )


def _actor(world: Process) -> str:
    return next((world.env[name] for name in ACTORS if world.env.get(name)), "")


def _branch(world: Process) -> str:
    """The pull request's branch: the only one that the server commits to."""
    branch = world.env.get("GITHUB_HEAD_REF", "")
    if not branch:
        raise CliError(
            "GITHUB_HEAD_REF is not set: there is no pull request to commit to",
            hints=["Run `pro commit` in a workflow that `pull_request` triggers."],
        )
    size = len(branch.encode())
    if size > commits.MAX_BRANCH:
        raise CliError(
            f"branch name contains invalid characters: branch name is {size} characters (max {commits.MAX_BRANCH})"
        )
    if not BRANCH.fullmatch(branch):
        raise CliError(
            f"branch name contains invalid characters: {branch}",
            hints=["Letters, digits, `_`, `.`, `-` and `/` can be sent. Rename the branch."],
        )
    return branch


def _check_sign_in(pro: ProSettings) -> None:
    """Before anything is staged or minted: can we sign in at all?"""
    if pro.token:
        return
    if not (pro.oidc_request_url and pro.oidc_request_token):
        raise SignInError(oidc.NOT_IN_ACTIONS, hints=oidc.SIGN_IN_HINTS)
    if not pro.workspace_id:
        raise SignInError(oidc.NO_WORKSPACE, hints=oidc.SIGN_IN_HINTS[1:2])


def collect(world: Process) -> FileChanges | None:
    """What is staged, read from the working tree; None (and said so) where nothing of it can be sent.

    Paths are those of the repository, so the command must run at its top.
    """
    _warn_of_left_out(world)
    changed, deleted = _staged(world, "AM"), _staged(world, "D")
    count = len(changed) + len(deleted)
    if not count:
        world.stderr.write("▶ No changes to commit\n")
        return None
    if count > commits.MAX_CHANGES:
        raise CliError(
            f"too many changed files (max {commits.MAX_CHANGES}): "
            f"{count} changed files exceeds the limit of {commits.MAX_CHANGES}",
            hints=["Commit fewer files at a time: --add takes a pattern."],
        )
    additions = [_addition(world, path) for path in changed if _may_go(world, path)]
    deletions = tuple(FileDeletion(path) for path in deleted if _may_go(world, path))
    changes = FileChanges(tuple(addition for addition in additions if addition), deletions)
    if not (changes.additions or changes.deletions):
        world.stderr.write("▶ No changes to commit (all files were filtered out)\n")
        return None
    return changes


def _staged(world: Process, kinds: str) -> list[str]:
    return _git(world, "diff", "--cached", "--name-only", f"--diff-filter={kinds}").splitlines()


def _warn_of_left_out(world: Process) -> None:
    """Renames and changes of type do not travel (quirk of the wire's client, kept: protocol.md §7.1)."""
    for line in _git(world, "diff", "--cached", "--name-status", "--diff-filter=RCT").splitlines():
        kind, *names = line.split("\t")
        what = "a change of file type" if kind == "T" else "a rename"
        world.stderr.write(
            f"⚠ Skipping {' → '.join(names)}: {what} is not sent. For a rename stage with `git config diff.renames false`\n"
        )


def _may_go(world: Process, path: str) -> bool:
    reason = ""
    if path.startswith("/"):
        reason = "absolute paths are not allowed"
    elif ".." in path:
        reason = "path traversal not allowed"
    elif path.lower().startswith(".github/"):
        reason = ".github/ paths are not allowed"
    if reason:
        world.stderr.write(f"⚠ Skipping {path}: invalid file path for commit: {reason}: {path}\n")
    return not reason


def _addition(world: Process, path: str) -> FileAddition | None:
    """The file's bytes; None with a warning where it is too big or a link out of the checkout."""
    file = world.cwd / path
    try:
        size = file.stat().st_size
        inside = file.resolve().is_relative_to(world.cwd.resolve())
        if not inside or size > commits.MAX_FILE:
            why = f"{size} bytes, more than {commits.MAX_FILE}" if inside else "a link to what is outside the checkout"
            world.stderr.write(f"⚠ Skipping {path}: {why}\n")
            return None
        return FileAddition(path, base64.b64encode(file.read_bytes()).decode())
    except OSError as error:
        raise CliError(f"failed to stat file {path}: {error.strerror}", hints=[_why_missing(world, path)]) from error


def _why_missing(world: Process, path: str) -> str:
    if path.startswith('"'):
        return "A name outside of ASCII cannot be sent. Rename the file."
    if not (world.cwd / ".git").exists():
        return "Run `pro commit` at the top of the repository."
    return f"{path} is staged but gone from the working tree: stage the deletion, or restore it."


def _git(world: Process, *command: str) -> str:
    """Output of git. Its failure ends the command with git's own exit code."""
    done = subprocess.run(
        ["git", *command], cwd=Path(world.cwd), env=dict(world.env), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise CliError(f"git {command[0]} failed: {done.stderr.strip()}", exit_code=done.returncode)
    return done.stdout
