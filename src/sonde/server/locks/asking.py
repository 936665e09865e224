"""From a request to what it asks for: who may ask at all, which instance a key names, and who holds what is granted."""

from collections.abc import Callable, Sequence
from typing import TypeVar
from unicodedata import category

from sonde.server.auth.model import Actor
from sonde.server.auth.service import repository_for
from sonde.server.kernel.db import Tx
from sonde.server.kernel.http import RefusedError
from sonde.server.locks.model import MAX_KEY, Holder, HolderKind, Name
from sonde.server.workspaces.model import Repository
from sonde.wire.envelope import ErrorTag

W = TypeVar("W")  # what somebody wishes
D = TypeVar("D")  # what was decided about it


def each(
    actors: Sequence[Actor | RefusedError],
    wish: Callable[[int, Actor], W],
    answer: Callable[[Sequence[W]], Sequence[D]],
) -> list[tuple[Actor, D] | RefusedError]:
    """Decide for all actors that are admitted; the others get their refusal."""
    wishes: dict[int, tuple[Actor, W]] = {}
    refused: dict[int, RefusedError] = {}
    for at, actor in enumerate(actors):
        if isinstance(actor, RefusedError):
            refused[at] = actor
            continue
        try:
            wishes[at] = actor, wish(at, actor)
        except RefusedError as error:
            refused[at] = error
    answers = dict(zip(wishes, answer([one for _, one in wishes.values()]), strict=True))
    return [refused.get(at) or (wishes[at][0], answers[at]) for at in range(len(actors))]


def turns(names: Sequence[Name]) -> list[list[int]]:
    """Positions in turns, such that no name occurs twice in a turn: of two requests for one name the later is answered later."""
    found: list[list[int]] = []
    seen: dict[Name, int] = {}
    for at, name in enumerate(names):
        turn = seen.get(name, 0)
        seen[name] = turn + 1
        if turn == len(found):
            found.append([])
        found[turn].append(at)
    return found


def located(tx: Tx, actor: Actor, key: str) -> tuple[Repository, str]:
    """The repository and the instance that a key names. Raises RefusedError 400 for no key, 403 for another's repository."""
    if len(key.encode()) > MAX_KEY or any(category(char) == "Cc" for char in key):
        raise RefusedError(
            400, ErrorTag.BAD_REQUEST, f"A lock key has at most {MAX_KEY} bytes and no control characters."
        )
    owner_and_name, instance = _split(actor, key)
    if not instance.strip("/") or instance.startswith("/") or "/" not in instance:
        raise RefusedError(400, ErrorTag.BAD_REQUEST, f"The lock key {key!r} is not OWNER/REPOSITORY/STACK/COMPONENT.")
    owner, _, name = owner_and_name.rpartition("/")
    return repository_for(tx, actor, owner, name), instance


def _split(actor: Actor, key: str) -> tuple[str, str]:
    """`owner/name` and the rest. The credential's own repository cuts the key, since an owner may hold a slash (GitLab)."""
    if actor.repository and key.lower().startswith(f"{actor.repository.full_name}/".lower()):
        length = len(actor.repository.full_name)
        return key[:length], key[length + 1 :]
    owner, _, rest = key.partition("/")
    name, _, instance = rest.partition("/")
    return f"{owner}/{name}", instance


def holder_of(actor: Actor, repository: Repository) -> Holder:
    """The holder that an actor is, with the address of its run."""
    run = actor.run_id
    url = f"{_server_url(actor)}/{repository.full_name}/actions/runs/{run}" if run else ""
    return Holder(HolderKind.CLIENT, actor.holder, actor.name, actor.reentrant, run, url)


def _server_url(actor: Actor) -> str:
    issuer = str(actor.claims.get("iss", ""))
    host = issuer.removeprefix("https://token.actions.").partition("/")[0]
    return "https://github.com" if host == "githubusercontent.com" else issuer.partition("/_services")[0]
