"""The git database: blobs, trees, commits and refs, of which an App builds its own commits; and files one by one."""

import base64
import binascii
import re
from typing import Any

from sonde.sandbox import git
from sonde.sandbox.accounts import Refused, not_found
from sonde.sandbox.api.call import Call, Reply
from sonde.sandbox.shapes import repositories as shapes

SHA = re.compile(r"[0-9a-f]{40}")


def _bytes(text: str, encoding: str) -> bytes:
    if encoding != "base64":
        return text.encode()
    try:
        return base64.b64decode(text)
    except binascii.Error as error:
        raise Refused(422, "content is not valid Base64") from error


def create_blob(call: Call) -> Reply:
    content = _bytes(call.required("content"), call.json.get("encoding", "utf-8"))
    sha = git.write_blob(call.world.bare(call.repository), content)
    return Reply(201, {"sha": sha, "url": f"{shapes.api_url(call.world, call.repository)}/git/blobs/{sha}"})


def create_tree(call: Call) -> Reply:
    """`tree` rows on top of `base_tree`: `content` or `sha`; a `sha` of null takes the path away."""
    bare = call.world.bare(call.repository)
    rows = [_row(call, row) for row in call.required("tree")]
    try:
        sha = git.write_tree(bare, call.json.get("base_tree"), rows)
    except git.GitError as error:
        raise Refused(422, "tree.sha or base_tree is not a valid object") from error
    return Reply(201, shapes.tree(call.world, call.repository, sha, git.listing(bare, sha, "") or ()))


def _row(call: Call, row: dict[str, Any]) -> tuple[str, str, str | None]:
    path, mode = row.get("path", ""), row.get("mode", "100644")
    if not path or path.startswith("/") or ".." in path.split("/"):
        raise Refused(422, "tree.path contains a malformed path component")
    if "content" in row:
        return path, mode, git.write_blob(call.world.bare(call.repository), row["content"].encode())
    return path, mode, row.get("sha")


def create_commit(call: Call) -> Reply:
    """Without `author` it is the App's bot, and GitHub signs it."""
    bare = call.world.bare(call.repository)
    given = call.json.get("author")
    author = f"{given['name']} <{given['email']}>" if given else call.world.identity(call.login)
    parents, tree = call.json.get("parents", []), call.required("tree")
    for sha in parents:
        if not SHA.fullmatch(sha) or git.resolve(bare, sha) is None:
            raise Refused(422, "Parent SHA does not exist or is not a commit object")
    if not SHA.fullmatch(tree) or git.listing(bare, tree, "") is None:
        raise Refused(422, "Tree SHA does not exist")
    message = call.required("message")
    sha = git.commit_tree(bare, tree, parents, message=message, author=author, when=call.world.now())
    return Reply(201, shapes.git_commit(call.world, call.repository, sha))


def create_ref(call: Call) -> Reply:
    name, sha = call.required("ref"), call.required("sha")
    bare = call.world.bare(call.repository)
    if not name.startswith("refs/") or name.count("/") < 2:
        raise Refused(422, "Reference name must start with 'refs/'.")
    if git.resolve(bare, sha) is None:
        raise Refused(422, "Object does not exist")
    if git.resolve(bare, name) is not None:
        raise Refused(422, "Reference already exists")
    return _move(call, name, None, sha, 201)


def update_ref(call: Call) -> Reply:
    """422 if it is no fast forward and `force` is not given: that is how two writers find out about each other."""
    name, sha = f"refs/{call.params['ref'].removeprefix('refs/')}", call.required("sha")
    bare = call.world.bare(call.repository)
    before = git.resolve(bare, name)
    if before is None:
        raise Refused(422, "Reference does not exist")
    if git.resolve(bare, sha) is None:
        raise Refused(422, "Object does not exist")
    if not call.json.get("force") and not git.is_ancestor(bare, before, sha):
        raise Refused(422, "Update is not a fast forward")
    return _move(call, name, before, sha, 200)


def _move(call: Call, name: str, before: str | None, sha: str, status: int) -> Reply:
    of = call.repository
    with call.world.change():
        git.update_ref(call.world.bare(of), name, sha)
        if name.startswith("refs/heads/") and before != sha:
            call.world.branch_moved(of, name.removeprefix("refs/heads/"), before, sha, call.login)
    return Reply(status, shapes.ref(call.world, of, name, sha))


def delete_ref(call: Call) -> Reply:
    name = f"refs/{call.params['ref'].removeprefix('refs/')}"
    bare = call.world.bare(call.repository)
    if git.resolve(bare, name) is None:
        raise Refused(422, "Reference does not exist")
    git.update_ref(bare, name, None)
    return Reply(204)


def put_file(call: Call) -> Reply:
    """PUT …/contents/{path}: 201 for a new file, 200 for a changed one, whose old blob `sha` must be named."""
    content = _bytes(call.required("content"), "base64")
    return _file_commit(call, content)


def delete_file(call: Call) -> Reply:
    call.required("sha")
    return _file_commit(call, None)


def _file_commit(call: Call, content: bytes | None) -> Reply:
    of, path = call.repository, call.params["path"]
    bare, branch = call.world.bare(of), call.json.get("branch") or of.default_branch
    tip = git.resolve(bare, f"refs/heads/{branch}")
    if tip is None:
        raise Refused(404, f"Branch {branch} not found")
    there = git.read(bare, tip, path)
    if there is None and content is None:
        raise not_found()
    if there is not None and call.json.get("sha") is None:
        raise Refused(422, 'Invalid request.\n\n"sha" wasn\'t supplied.')
    if there is not None and call.json["sha"] != there[0]:
        raise Refused(409, f"{path} does not match {call.json['sha']}")
    sha = call.world.commit(of, branch, {path: content}, call.required("message"), author=call.login)
    found = git.read(bare, sha, path)
    file = shapes.file(call.world, of, path, sha=found[0], content=found[1], at=branch) if found else None
    if file is not None:
        file = {name: value for name, value in file.items() if name not in ("content", "encoding")}
    return Reply(200 if there else 201, {"content": file, "commit": shapes.git_commit(call.world, of, sha)})
