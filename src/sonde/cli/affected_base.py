"""Which commit the working tree is compared with, and which commit the answer is about (stacks.md §10.1, §10.5).

Given explicitly, or found from the GitHub Actions event when atmos.yaml says `ci.enabled: true`; else the remote's default
branch. What a shallow checkout lacks is fetched from its remote, commit by commit, as little as will do.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

from sonde.cli import redact
from sonde.cli.errors import CliError, GitError
from sonde.stacks.affected.repository import Repository

REMOTE = "refs/remotes/origin/"
DEFAULT = f"{REMOTE}HEAD"
UPLOADED_EVENTS = ("pull_request", "pull_request_target", "merge_group")
PULL_REQUESTS = ("pull_request", "pull_request_target")
DEEPEN = (50, 250, 1250, 6250)  # commits by which a shallow checkout grows until both branches meet
DOCS = "https://atmos.tools/cli/configuration/settings/pro"


@dataclass(frozen=True)
class Base:
    """`commit` is the base, `head` the commit that an upload is about; both are full ids."""

    commit: str
    head: str


@dataclass(frozen=True)
class Event:
    """The event that started the workflow: its name, and its payload as GitHub wrote it."""

    name: str
    payload: Mapping[str, Any]

    def part(self, *steps: str) -> Any:
        """A value below the payload, None where a step is missing."""
        value: Any = self.payload
        for step in steps:
            value = value.get(step) if isinstance(value, Mapping) else None
        return value

    def text(self, *steps: str) -> str:
        value = self.part(*steps)
        return value if isinstance(value, str) else ""


def detected_event(env: Mapping[str, str], *, enabled: bool, warn: Callable[[str], object]) -> Event | None:
    """The event of the GitHub Actions run that we are in; None outside of one, or where `ci.enabled` is not set.

    Where its file cannot be read the event has no payload: its name and GITHUB_BASE_REF may still say enough.
    """
    if not enabled or env.get("GITHUB_ACTIONS") != "true":
        return None
    path, payload = env.get("GITHUB_EVENT_PATH", ""), {}
    try:
        payload = json.loads(Path(path).read_bytes())
    except (OSError, ValueError) as error:
        warn(f"⚠ the event's payload cannot be read from GITHUB_EVENT_PATH={path}: {error}\n")
    return Event(env.get("GITHUB_EVENT_NAME", ""), payload if isinstance(payload, dict) else {})


def check_uploadable(event: Event | None) -> None:
    """Refuse an upload for an event that no check belongs to; one without a name may be any. Raises CliError."""
    if event is None or event.name in ("", *UPLOADED_EVENTS):
        return
    raise CliError(
        "upload requires a supported CI event\n\n"
        f'detected CI event "{event.name}", but Atmos Pro only supports pull_request, pull_request_target, '
        "and merge_group events",
        hints=[
            "Trigger your workflow on pull_request, pull_request_target, or merge_group events when using --upload.",
            "Push events and other ad-hoc triggers cannot be correlated to an Atmos Pro check run.",
            f"See {DOCS} for supported CI configurations.",
        ],
    )


def explicit(repository: Repository, name: str) -> Base:
    """The base that a flag names. Raises GitError with git's exit code 128 where no such commit is here."""
    return Base(_known(repository, name), _head(repository))


def from_remote(repository: Repository, name: str) -> Base:
    """The base as the remote has it now (`--clone-target-ref`); its default branch where no name is given."""
    wanted = name or "HEAD"
    done = _fetched_with_words(repository, "--depth=1" if _is_shallow(repository) else "", wanted)
    if done.returncode:
        said = redact.address(done.stderr.decode(errors="replace").strip())
        raise GitError(
            f"{wanted} cannot be fetched from origin\n\n{said}",
            hints=[
                "Is that its name on the remote, and may this job read the remote? Or compare with what is here: --base"
            ],
        )
    return Base(_known(repository, "FETCH_HEAD"), _head(repository))


def default(repository: Repository) -> Base:
    """The tip of the remote's default branch."""
    return explicit(repository, DEFAULT)


def from_event(repository: Repository, event: Event, env: Mapping[str, str]) -> Base:
    """The base that the event implies. Raises GitError where none of its commits can be had."""
    if event.name in PULL_REQUESTS:
        commit = _pull_request(repository, event, env)
        head = event.text("pull_request", "head", "sha")
    elif event.name == "merge_group":
        commit = _first(repository, _merge_group(event, env))
        head = event.text("merge_group", "head_sha")
    else:
        commit = _first(repository, _push(event) if event.name == "push" else [DEFAULT])
        head = ""
    return Base(commit, head or _head(repository))


def _merge_group(event: Event, env: Mapping[str, str]) -> list[str]:
    """The commit that the queue put the group on; an older GitHub names only the branch."""
    recorded = event.text("merge_group", "base_sha")
    branch = env.get("GITHUB_BASE_REF", "") or event.text("merge_group", "base_ref")
    return [recorded or (remote_branch(branch) if branch else DEFAULT)]


def _push(event: Event) -> list[str]:
    """What the branch was before; after a force push that may be gone, and a new branch was nothing."""
    before = event.text("before")
    if event.part("forced") is True:
        return ["HEAD~1", DEFAULT]
    return [before] if before.strip("0") else [DEFAULT]


# ---------------------------------------------------------------------- pull requests


def _pull_request(repository: Repository, event: Event, env: Mapping[str, str]) -> str:
    """The commit that the pull request starts from (product.md §2.2).

    A merge commit of base and pull request names it as its first parent. Else it is the merge base of HEAD and the
    target branch, unless that is HEAD itself: then the pull request has been merged, and what it brought lies below.
    """
    target = event.text("pull_request", "base", "ref") or env.get("GITHUB_BASE_REF", "")
    parents = _parents(repository)
    if len(parents) == 2 and parents[1] == event.text("pull_request", "head", "sha"):
        return _first(repository, [parents[0]])
    head = _head(repository)
    found = _merge_base(repository, remote_branch(target)) if target else None
    if found and found != head:
        return found
    if event.text("action") == "closed":
        return _first(repository, [*_merged(repository, event, parents), "HEAD~1"])
    if found:  # a job that is run again after the merge; else the target itself is checked out
        return next(_left(repository, event), found)
    names = [event.text("pull_request", "base", "sha"), remote_branch(target) if target else "", DEFAULT]
    return _first(repository, names)


def _merged(repository: Repository, event: Event, parents: list[str]) -> Iterator[str]:
    """Where a merged pull request started, best guess first.

    HEAD may be the pull request's own last commit: then it is where that left the target, as recorded or as the merge
    shows it. A merge commit at HEAD has it as its first parent, and so has what was squashed, or was one commit. Several
    commits may have been rebased instead: only then HEAD holds less than the pull request changed, and the recorded base
    is taken.
    """
    recorded, commits = event.text("pull_request", "base", "sha"), event.part("pull_request", "commits")
    proposed, head = event.text("pull_request", "head", "sha"), _head(repository)
    yield from _left(repository, event)
    if len(parents) > 1:
        yield parents[0]
    if head == proposed or not recorded or not isinstance(commits, int) or commits < 2:
        return
    tip = _fetched(repository, proposed)
    if tip and _is_shallow(repository):
        _fetch(repository, f"--deepen={commits}", head, tip)
    if _is_below(repository, recorded) and not (tip and _holds_all(repository, tip, recorded)):
        yield recorded


def _left(repository: Repository, event: Event) -> Iterator[str]:
    """Where the pull request's own last commit, if that is HEAD, left a target that has it by now."""
    recorded, merge = event.text("pull_request", "base", "sha"), event.text("pull_request", "merge_commit_sha")
    head = _head(repository)
    for name in (recorded, merge and f"{merge}~1") if head == event.text("pull_request", "head", "sha") else ():
        left = _merge_base(repository, name) if name else None
        if left and left != head:
            yield left


def _holds_all(repository: Repository, proposed: str, recorded: str) -> bool:
    """Whether the commit at HEAD is the whole pull request, squashed, and not only the last of its commits, rebased.

    What it changes tells; where it fits neither, since others changed the same lines, it counts as the whole if it touches
    every file that the pull request touches.
    """
    started, parent = repository.merge_base(proposed, recorded), _fetched(repository, "HEAD~1")
    if not (started and parent):
        return False
    done, before = _patch(repository, parent, "HEAD"), repository.commit(f"{proposed}~1")
    if done == _patch(repository, started, proposed):
        return True
    if before and done == _patch(repository, before, proposed):
        return False
    return repository.changed(started, proposed) <= repository.changed(parent, "HEAD")


def _patch(repository: Repository, one: str, other: str) -> list[bytes]:
    """The lines that differ, without their places, which others' changes move."""
    text = repository.run(
        "diff", "-U0", "--no-color", "--no-renames", "--no-ext-diff", "--no-textconv", one, other, "--"
    )
    return [line for line in text.stdout.split(b"\n") if not line.startswith((b"index ", b"@@"))]


def _is_below(repository: Repository, name: str) -> bool:
    commit = _fetched(repository, name)
    return commit is not None and repository.run("merge-base", "--is-ancestor", commit, "HEAD").returncode == 0


def _merge_base(repository: Repository, name: str) -> str | None:
    """The merge base of HEAD and a remote branch or a commit. A shallow checkout is deepened until there is one."""
    other = _fetched(repository, name)
    if other is None:
        return None
    found = repository.merge_base("HEAD", other)
    wanted = _refspec(name) if name.startswith(REMOTE) else other
    for depth in DEEPEN if found is None else ():
        if not _is_shallow(repository) or not _fetch(repository, f"--deepen={depth}", _head(repository), wanted):
            break
        found = repository.merge_base("HEAD", repository.commit(name) or other)
        if found:
            break
    return found


# ---------------------------------------------------------------------- git


def remote_branch(name: str) -> str:
    """The remote-tracking reference of a branch, whether or not it was written with `refs/heads/`."""
    return REMOTE + name.removeprefix("refs/heads/")


def _first(repository: Repository, names: list[str]) -> str:
    """The first of the names that is a commit here or can be fetched. Raises GitError."""
    wanted = [name for name in names if name]
    for name in wanted:
        commit = _fetched(repository, name)
        if commit:
            return commit
    raise not_found(wanted[0] if wanted else DEFAULT)


def _fetched(repository: Repository, name: str) -> str | None:
    """The commit of a name; an id, a remote branch or an ancestor that is not here is fetched once."""
    if not name:
        return None
    commit = repository.commit(name)
    if commit:
        return commit
    if name.startswith(REMOTE):
        _fetch(repository, "--depth=1" if _is_shallow(repository) else "", _refspec(name))
    elif name == "HEAD~1":
        _fetch(repository, "--deepen=1", _head(repository))
    else:
        commit, _, parents = name.partition("~")
        _fetch(repository, f"--depth={1 + int(parents or 0)}" if _is_shallow(repository) else "", commit)
    return repository.commit(name)


def _refspec(branch: str) -> str:
    source = "HEAD" if branch == DEFAULT else f"refs/heads/{branch.removeprefix(REMOTE)}"
    return f"+{source}:{branch}"


def _fetch(repository: Repository, *arguments: str) -> bool:
    return _fetched_with_words(repository, *arguments).returncode == 0


def _fetched_with_words(repository: Repository, *arguments: str) -> CompletedProcess[bytes]:
    quiet = {"GIT_TERMINAL_PROMPT": "0"}
    command = [each for each in arguments if each]
    options = [each for each in command if each.startswith("--")]
    names = [each for each in command if not each.startswith("--")]
    with_prompt_off = Repository(repository.root, {**repository.env, **quiet})
    return with_prompt_off.run("fetch", "--quiet", "--no-tags", *options, "origin", *names)


def _is_shallow(repository: Repository) -> bool:
    return repository.run("rev-parse", "--is-shallow-repository").stdout.strip() == b"true"


def _parents(repository: Repository) -> list[str]:
    """The parents that the commit at HEAD records, fetched or not."""
    text = repository.run("cat-file", "commit", "HEAD").stdout.partition(b"\n\n")[0]
    return [line.removeprefix(b"parent ").decode() for line in text.split(b"\n") if line.startswith(b"parent ")]


def _head(repository: Repository) -> str:
    return _known(repository, "HEAD")


def _known(repository: Repository, name: str) -> str:
    commit = repository.commit(name)
    if commit is None:
        raise not_found(name)
    return commit


def not_found(name: str) -> GitError:
    """The error for a base that is not here, with git's own exit code."""
    return GitError(
        "git reference not found on local filesystem: exit status 128",
        hints=[
            f"`{name}` is not a commit in this checkout. Make sure that the reference is right and was fetched: "
            "a shallow clone may lack it (actions/checkout: `fetch-depth: 0`).",
            "Name the base yourself: sonde describe affected --base <branch or commit>",
        ],
        exit_code=128,
    )
