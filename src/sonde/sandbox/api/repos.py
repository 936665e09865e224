"""Repositories: themselves, files, branches, refs, commits, collaborators."""

import re

from sonde.sandbox import git
from sonde.sandbox.accounts import Refused, not_found
from sonde.sandbox.api.call import Call, Reply
from sonde.sandbox.shapes import accounts, pulls, repositories

RAW = re.compile(r"application/vnd\.github(\.v3)?\.raw(\+json)?")
# `permission` knows four words; `role_name` says it all
LEGACY = {"maintain": "write", "triage": "read"}
RANKS = ("none", "read", "triage", "write", "maintain", "admin")
RIGHTS = {"pull": "read", "triage": "triage", "push": "write", "maintain": "maintain", "admin": "admin"}


def get_repository(call: Call) -> Reply:
    return Reply(200, repositories.full(call.world, call.repository))


def resolve(call: Call, reference: str) -> str | None:
    """A branch, tag, full ref or SHA, in that order, as GitHub's `ref` parameters are read."""
    bare = call.world.bare(call.repository)
    if reference.startswith("refs/"):
        return git.resolve(bare, reference)
    for prefix in ("refs/heads/", "refs/tags/", "refs/"):
        if sha := git.resolve(bare, prefix + reference):
            return sha
    return git.resolve(bare, reference) if re.fullmatch(r"[0-9a-f]{7,40}", reference) else None


def get_contents(call: Call) -> Reply:
    """A file (as JSON, or raw if so accepted) or a folder at `ref`."""
    of, path = call.repository, call.params.get("path", "").strip("/")
    at = call.request.query.get("ref") or of.default_branch
    sha = resolve(call, at)
    if sha is None:
        raise Refused(404, f"No commit found for the ref {at}")
    bare = call.world.bare(of)
    found = git.read(bare, sha, path) if path else None
    if found is not None:
        blob, content = found
        accepted = RAW.search(call.request.headers.get("accept", ""))
        if accepted:
            return Reply(200, raw=content, headers={"content-type": f"{accepted[0]}; charset=utf-8"})
        return Reply(200, repositories.file(call.world, of, path, sha=blob, content=content, at=at))
    entries = git.listing(bare, sha, path)
    if entries is None:
        raise not_found()
    return Reply(200, repositories.folder(call.world, of, path, entries=entries, at=at))


def get_branch(call: Call) -> Reply:
    name = call.params["branch"]
    sha = git.resolve(call.world.bare(call.repository), f"refs/heads/{name}")
    if sha is None:
        raise Refused(404, "Branch not found")
    return Reply(200, repositories.branch(call.world, call.repository, name, sha))


def get_ref(call: Call) -> Reply:
    name = f"refs/{call.params['ref'].removeprefix('refs/')}"
    sha = git.resolve(call.world.bare(call.repository), name)
    if sha is None:
        raise not_found()
    return Reply(200, repositories.ref(call.world, call.repository, name, sha))


def get_commit(call: Call) -> Reply:
    sha = resolve(call, call.params["ref"])
    if sha is None:
        raise Refused(422, f"No commit found for SHA: {call.params['ref']}")
    return Reply(200, repositories.commit(call.world, call.repository, sha))


def compare(call: Call) -> Reply:
    """GET …/compare/{base}...{head}: commits that `head` has and `base` has not, and the files they change."""
    world, of = call.world, call.repository
    left, dots, right = call.params["basehead"].partition("...")
    base, head = resolve(call, left), resolve(call, right)
    if not dots or base is None or head is None:
        raise not_found()
    bare = world.bare(of)
    start = git.merge_base(bare, base, head)
    if start is None:
        raise Refused(404, f"No common ancestor between {left} and {right}.")
    ahead, behind = git.log(bare, base, head), git.log(bare, head, base)
    status = {(True, True): "diverged", (True, False): "ahead", (False, True): "behind", (False, False): "identical"}
    page = f"{repositories.page_url(world, of)}/compare/{left}...{right}"
    body = {
        "url": f"{world.api_url}{call.request.path}",
        "html_url": page,
        "permalink_url": f"{repositories.page_url(world, of)}/compare/{base[:7]}...{head[:7]}",
        "diff_url": f"{page}.diff",
        "patch_url": f"{page}.patch",
        "base_commit": repositories.commit(world, of, base),
        "merge_base_commit": repositories.commit(world, of, start),
        "status": status[bool(ahead), bool(behind)],
        "ahead_by": len(ahead),
        "behind_by": len(behind),
        "total_commits": len(ahead),
        "commits": [repositories.commit(world, of, sha) for sha in ahead[:250]],
        "files": [pulls.changed_file(world, of, change, head) for change in git.diff(bare, start, head)[:300]],
    }
    return Reply(200, body)


def get_permission(call: Call) -> Reply:
    login, of = call.params["username"], call.repository
    try:
        shape = accounts.user(call.world, login)
    except KeyError as error:
        raise not_found() from error
    role = "admin" if login == of.owner else of.permissions.get(login, "none")
    if role == "none" and not of.private:
        role = "read"
    rights = {name: RANKS.index(role) >= RANKS.index(least) for name, least in RIGHTS.items()}
    user = shape | {"permissions": rights, "role_name": role}
    return Reply(200, {"permission": LEGACY.get(role, role), "role_name": role, "user": user})
