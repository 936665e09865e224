"""`git clone` and `git push` over https, by git's own http-backend: what `clone_url` promises.

Anybody reads a public repository; all else needs a token as the password of any user name, as on GitHub.
"""

import base64
import binascii
import re
from collections.abc import Mapping

from sonde.sandbox import git
from sonde.sandbox.accounts import grants
from sonde.sandbox.api.call import Reply, Request, reaches, sender_of
from sonde.sandbox.model import Repository, Token
from sonde.sandbox.world import World

PLACE = re.compile(r"/(?P<name>[\w.-]+/[\w.-]+?)(\.git)?/(?P<what>info/refs|git-upload-pack|git-receive-pack)")
REALM = {"www-authenticate": 'Basic realm="GitHub"', "content-type": "text/plain"}


def serves(path: str) -> bool:
    """Whether a path is one of git's over HTTP: `/OWNER/NAME.git/…`."""
    return PLACE.fullmatch(path) is not None


def answer(world: World, request: Request) -> Reply:
    """Fetch or push by git itself: 404 for an unknown repository, 401 without a token that may. A push tells its webhooks."""
    found = PLACE.fullmatch(request.path)
    assert found is not None  # noqa: S101 - the caller asked `serves`
    pushes = "git-receive-pack" in (found["what"], request.query.get("service"))
    with world.change():
        try:
            of = world.repository(found["name"])
        except KeyError:
            return Reply(404, raw=b"Repository not found.\n")
        token = world.live_token(password(request.headers))
        if not may(world, of, token, pushes=pushes):
            return Reply(401, raw=b"Authentication required.\n", headers=REALM)
        before = git.branches(world.bare(of))
        reply = git.http_backend(
            world.bare(of), found["what"], request.method, request.query, request.headers, request.body
        )
        if pushes and token is not None:
            follow(world, of, before, sender_of(world, token))
    status, headers, body = reply
    return Reply(status, raw=body, headers=headers)


def password(headers: Mapping[str, str]) -> str:
    """The token of a request: the password of Basic, or what stands behind another scheme; empty if unreadable."""
    scheme, _, value = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return value
    try:
        return base64.b64decode(value).decode().partition(":")[2]
    except (binascii.Error, UnicodeDecodeError):
        return ""


def may(world: World, of: Repository, token: Token | None, *, pushes: bool) -> bool:
    if token is None:
        return not of.private and not pushes
    return reaches(world, token, of) and grants(token.permissions, "contents", "write" if pushes else "read")


def follow(world: World, of: Repository, before: Mapping[str, str], sender: str) -> None:
    """Tell the world of each branch that a push moved."""
    for branch, sha in git.branches(world.bare(of)).items():
        if before.get(branch) != sha:
            world.branch_moved(of, branch, before.get(branch), sha, sender)
