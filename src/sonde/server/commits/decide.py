"""Which commits are refused, and when one that stands on the branch is the one that is asked for. Pure."""

import base64
import binascii
import hashlib
import json
import re
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any

from sonde.server.commits.model import No, Wanted
from sonde.server.workspaces.model import Repository
from sonde.wire import commits as wire
from sonde.wire.commits import CommitRequest, FileChanges

MERGE_REF = re.compile(r"refs/pull/([0-9]{1,9})/merge")
MAX_PATH = 4096  # bytes
NO_SESSION = (
    "A static token proves no pull request, so nothing can be committed with it. Run `pro commit` in GitHub Actions, "
    "in a workflow that `pull_request` triggers, with permissions: id-token: write, and without ATMOS_PRO_TOKEN."
)


def session(claims: Mapping[str, Any], branch: str) -> int | No:
    """The number of the pull request that the caller's job runs for, if `branch` is its branch (T19).

    A job that `pull_request_target` started may hold a fork's `head_ref`, so only `pull_request` counts.
    """
    if not claims:
        return No(403, NO_SESSION)
    event, head_ref = claims.get("event_name"), claims.get("head_ref")
    if event != "pull_request":
        return No(403, f"The job runs for {event!r}; only one that `pull_request` started may commit to its branch.")
    if not head_ref or branch != head_ref:
        return No(403, f"The branch {branch!r} is not that of the job's pull request, which is {head_ref!r}.")
    found = MERGE_REF.fullmatch(str(claims.get("ref", "")))
    if not found:
        return No(
            403, f"The job runs for {claims.get('ref')!r}, which is no open pull request: there is no branch left."
        )
    return int(found[1])


def body(request: CommitRequest) -> No | None:
    """What is wrong with the request itself: limits (product.md §2.6) count bytes, and each path must stay in the tree."""
    return _texts(request) or _counts(request.changes) or _paths(request.changes) or _contents(request.changes)


def _texts(request: CommitRequest) -> No | None:
    limits = (
        ("branch", request.branch, wire.MAX_BRANCH),
        ("commitMessage", request.message, wire.MAX_MESSAGE),
        ("comment", request.comment or "", wire.MAX_COMMENT),
    )
    for name, text, most in limits:
        if (size := len(text.encode())) > most:
            return No(400, f"{name} has {size} bytes; at most {most} are taken.")
    if not request.message.strip():
        return No(400, "commitMessage is empty.")
    return None


def _counts(changes: FileChanges) -> No | None:
    count = len(changes.additions) + len(changes.deletions)
    if not count:
        return No(400, "There is nothing to commit: additions and deletions are both empty.")
    if count > wire.MAX_CHANGES:
        return No(400, f"{count} files change; at most {wire.MAX_CHANGES} are taken. Commit fewer at a time.")
    return None


def _paths(changes: FileChanges) -> No | None:
    seen: set[str] = set()
    for path in _every_path(changes):
        if reason := path_refused(path):
            return No(400, f"The path {path[:200]!r} is not taken: {reason}.")
        if path in seen:
            return No(400, f"The path {path[:200]!r} is named twice.")
        seen.add(path)
    return None


def _every_path(changes: FileChanges) -> Iterable[str]:
    yield from (addition.path for addition in changes.additions)
    yield from (deletion.path for deletion in changes.deletions)


def path_refused(path: str) -> str:
    """Why a path is not one of a file inside the repository that a job may change; empty where it is.

    `.github/` holds what CI runs, so a commit there would widen the job's rights (T19). Names are compared as lenient file
    systems read them: any case, compatibility forms, invisible characters, trailing dots and spaces.
    """
    parts = path.split("/")
    folded = [_folded(part) for part in parts]
    rules = (
        (not path, "it is empty"),
        (len(path.encode()) > MAX_PATH, f"it has more than {MAX_PATH} bytes"),
        ("\\" in path, "it holds a backslash"),
        (any(unicodedata.category(char) == "Cc" for char in path), "it holds a control character"),
        (path.startswith("/"), "it is absolute"),
        (".." in parts or "." in parts, "it holds . or .. as a part"),
        ("" in parts, "it holds an empty part"),
        (any(part in (".git", "git~1") for part in folded), ".git is git's own"),
        (folded[0] in (".github", "github~1"), ".github/ is not written by jobs"),
        (any(not part.strip(". ") for part in folded), "a part of it is only dots, spaces or invisible characters"),
    )
    return next((because for broken, because in rules if broken), "")


def _folded(part: str) -> str:
    visible = "".join(char for char in unicodedata.normalize("NFKC", part) if unicodedata.category(char) != "Cf")
    return visible.casefold().rstrip(". ")


def _contents(changes: FileChanges) -> No | None:
    for addition in changes.additions:
        try:
            size = len(base64.b64decode(addition.contents, validate=True))
        except (binascii.Error, ValueError):
            return No(400, f"The contents of {addition.path!r} are not base64.")
        if size > wire.MAX_FILE:
            return No(400, f"{addition.path!r} has {size} bytes; at most {wire.MAX_FILE} are taken.")
    return None


def pull(*, state_open: bool, same_repository: bool, same_branch: bool, default_branch: bool) -> No | None:
    """What GitHub says of the pull request now, which a claim of some minutes ago may not know."""
    rules = (
        (
            not same_repository,
            "The pull request comes from a fork; the App commits to branches of the repository only.",
        ),
        (not same_branch, "The pull request has another branch now."),
        (default_branch, "The branch is the repository's default branch; it changes by merging only."),
        (not state_open, "The pull request is closed."),
    )
    return next((No(403, because) for broken, because in rules if broken), None)


def wanted(repository: Repository, number: int, request: CommitRequest, claims: Mapping[str, Any]) -> Wanted:
    """The commit that is asked for. A retry has the same key; the same files in a later run the same change."""
    additions = [{"path": item.path, "contents": item.contents} for item in request.changes.additions]
    deletions = [{"path": item.path} for item in request.changes.deletions]
    files: dict[str, Any] = {
        "additions": sorted(additions, key=lambda item: item["path"]),
        "deletions": sorted(deletions, key=lambda item: item["path"]),
    }
    change = _digest(repository.github_id, request.branch, files)
    run = [str(claims.get(name, "")) for name in ("run_id", "run_attempt")]
    return Wanted(
        key=_digest(repository.id, change, run, request.message, request.comment or ""),
        change=change,
        repository=repository,
        number=number,
        branch=request.branch,
        message=request.message,
        comment=request.comment or "",
        files=files,
    )


def _digest(*parts: Any) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def is_it(wanted: Wanted, bot: str, author: str, message: str) -> bool:
    """Whether a commit is the wanted change, made by our App before: by a lost try, or by an earlier run (the loop's end)."""
    return author == bot and wanted.trailer in message.splitlines()


def mutation(wanted: Wanted) -> dict[str, Any]:
    """`message` and `fileChanges` of GitHub's CreateCommitOnBranchInput."""
    headline, _, rest = wanted.message.strip().partition("\n")
    text = "\n\n".join(part for part in (rest.strip("\n"), wanted.trailer) if part)
    return {"message": {"headline": headline.rstrip(), "body": text}, "fileChanges": wanted.files}
