"""`POST /graphql`, for one mutation: `createCommitOnBranch`, by which an App makes commits that GitHub signs.

Refusals are GraphQL's: status 200 with `errors`, each with a `type` and the sentence GitHub has for it.
"""

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Any

from sonde.sandbox import git
from sonde.sandbox.accounts import Refused, grants
from sonde.sandbox.api.call import Call, Reply, reaches
from sonde.sandbox.model import Repository
from sonde.sandbox.shapes.repositories import page_url

FIELD = "createCommitOnBranch"
QUERY = re.compile(
    r"mutation\s*\w*\s*\(\s*\$(?P<variable>\w+)\s*:\s*CreateCommitOnBranchInput!\s*\)\s*"
    r"\{\s*createCommitOnBranch\s*\(\s*input\s*:\s*\$(?P=variable)\s*\)\s*"
    r"\{\s*commit\s*\{(?P<fields>[\w\s,]+)\}\s*\}\s*\}"
)
KNOWN_FIELDS = frozenset({"oid", "url"})


class Failed(Exception):  # noqa: N818 - an error of the answer, not a bug of ours
    """One of the answer's `errors`."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind, self.message = kind, message


def answer(call: Call) -> Reply:
    """The mutation's answer. Refused 400 for a body without a query; errors of the mutation are answered with 200."""
    query = call.json.get("query")
    if not isinstance(query, str):
        raise Refused(400, "A query attribute must be specified and must be a string.")
    asked = QUERY.fullmatch(query.strip())
    if asked is None or not (fields := set(re.split(r"[\s,]+", asked["fields"].strip()))) <= KNOWN_FIELDS:
        return Reply(
            200, {"errors": [{"message": "The offline GitHub knows createCommitOnBranch { commit { oid url } }"}]}
        )
    value: Any = (call.json.get("variables") or {}).get(asked["variable"])
    if problem := invalid(value):
        message = (
            f"Variable ${asked['variable']} of type CreateCommitOnBranchInput! was provided invalid value for {problem}"
        )
        return Reply(200, {"errors": [{"message": message}]})
    try:
        of, sha = _commit(call, value)
    except Failed as failed:
        error = {
            "type": failed.kind,
            "path": [FIELD],
            "locations": [{"line": 1, "column": 1}],
            "message": failed.message,
        }
        return Reply(200, {"data": {FIELD: None}, "errors": [error]})
    shown = {"oid": sha, "url": f"{page_url(call.world, of)}/commit/{sha}"}
    return Reply(200, {"data": {FIELD: {"commit": {name: shown[name] for name in fields}}}})


def invalid(value: Any) -> str:
    """Which part of the input is absent or of another type; empty where it is well-formed."""
    if not isinstance(value, Mapping):
        return "input (Expected value to not be null)"
    branch, message, changes = value.get("branch"), value.get("message"), value.get("fileChanges") or {}
    named = ("repositoryNameWithOwner", "branchName")
    checks = {
        "branch": isinstance(branch, Mapping) and all(isinstance(branch.get(name), str) for name in named),
        "message.headline": isinstance(message, Mapping) and isinstance(message.get("headline"), str),
        "expectedHeadOid": isinstance(value.get("expectedHeadOid"), str),
        "fileChanges": isinstance(changes, Mapping)
        and all(isinstance(row.get("path"), str) for row in _rows(changes, "additions", "deletions")),
        "fileChanges.additions.contents": isinstance(changes, Mapping)
        and all(isinstance(row.get("contents"), str) for row in _rows(changes, "additions")),
    }
    wrong = [name for name, fine in checks.items() if not fine]
    return f"{wrong[0]} (Expected value to not be null)" if wrong else ""


def _rows(changes: Mapping[str, Any], *names: str) -> list[Mapping[str, Any]]:
    return [row for name in names for row in changes.get(name) or []]


def _commit(call: Call, value: Mapping[str, Any]) -> tuple[Repository, str]:
    of, branch = _repository(call, value["branch"]["repositoryNameWithOwner"]), value["branch"]["branchName"]
    if call.token is None or not grants(call.token.permissions, "contents", "write"):
        raise Failed("FORBIDDEN", "Resource not accessible by integration")
    bare, branch = call.world.bare(of), branch.removeprefix("refs/heads/")
    tip = git.resolve(bare, f"refs/heads/{branch}")
    if tip is None:
        raise Failed("NOT_FOUND", f'The branch "{branch}" does not exist in {of.full_name}.')
    expected = value["expectedHeadOid"]
    if tip != expected:
        raise Failed("STALE_DATA", f'Expected branch to point to "{expected}" but it did not. Pull and try again.')
    tree = git.write_tree(bare, tip, _entries(call, of, tip, value.get("fileChanges") or {}))
    message = "\n\n".join(part for part in (value["message"]["headline"], value["message"].get("body")) if part)
    author = call.world.identity(call.login)
    with call.world.change():
        sha = git.commit_tree(bare, tree, [tip], message=message, author=author, when=call.world.now())
        git.update_ref(bare, f"refs/heads/{branch}", sha)
        call.world.branch_moved(of, branch, tip, sha, call.login)
    return of, sha


def _repository(call: Call, full_name: str) -> Repository:
    try:
        found = call.world.repository(full_name)
    except KeyError:
        found = None
    if found is None or call.token is None or not reaches(call.world, call.token, found):
        raise Failed("NOT_FOUND", f"Could not resolve to a Repository with the name '{full_name}'.")
    return found


def _entries(call: Call, of: Repository, tip: str, changes: Mapping[str, Any]) -> list[tuple[str, str, str | None]]:
    """Rows of the new tree. A file that is there keeps its mode, a new one is 100644: the input has no modes."""
    bare = call.world.bare(of)
    entries: list[tuple[str, str, str | None]] = []
    for row in _rows(changes, "deletions"):
        if _mode(call, of, tip, _path(row)) is None:
            raise Failed(
                "NOT_FOUND", f"A path was requested for deletion which does not exist as of commit oid `{tip}`"
            )
        entries.append((row["path"], "0", None))
    for row in _rows(changes, "additions"):
        try:
            content = base64.b64decode(row["contents"], validate=True)
        except binascii.Error as error:
            raise Failed("UNPROCESSABLE", f"{row['path']}: contents is not valid Base64") from error
        entries.append((_path(row), _mode(call, of, tip, row["path"]) or "100644", git.write_blob(bare, content)))
    return entries


def _path(row: Mapping[str, Any]) -> str:
    path = str(row["path"])
    parts = path.split("/")
    if not path or "\0" in path or any(part in ("", ".", "..") or part.lower() == ".git" for part in parts):
        raise Failed("UNPROCESSABLE", "A path was requested which contains a malformed path component")
    return path


def _mode(call: Call, of: Repository, tip: str, path: str) -> str | None:
    folder, _, name = path.rpartition("/")
    for entry in git.listing(call.world.bare(of), tip, folder) or ():
        if entry.path == name and entry.type == "blob":
            return entry.mode
    return None
