"""For schemathesis (`SCHEMATHESIS_HOOKS`): rules that JSON Schema cannot say, and names that exist, so that it gets further."""

import re

import schemathesis

from sonde.server.commits.decide import path_refused
from sonde.wire.bounds import KEY
from sonde.wire.commits import MAX_CHANGES

LONG = 400  # characters of a key that may get another beginning without being too long


@schemathesis.hook
def before_call(_context, case, _kwargs):
    """Mend what a body breaks of the rules that the description cannot say; what else is wrong with it stays wrong."""
    body = case.body
    if not isinstance(body, dict):
        return
    index, total = body.get("batch_index"), body.get("batch_total")
    if isinstance(index, int | float) and isinstance(total, int | float) and 1 <= total <= index:
        body["batch_total"] = int(index) + 1  # a part is not beyond the last
    if "execution_id" in body and isinstance(body.get("data"), str):
        body["data"] = {}  # the address of a result is that of one that was uploaded
    if isinstance(body.get("changes"), dict):
        mend_paths(body["changes"])


def mend_paths(changes):
    """Each path once, none that is refused, and not too many in all."""
    lists = [one for one in changes.values() if isinstance(one, list)]
    items = [item for one in lists for item in one if isinstance(item, dict)]
    if not items and not any(changes.values()):
        changes["deletions"] = [{"path": "one"}]  # schemathesis does not see through the two forms of a commit
    seen = set()
    for number, item in enumerate(items):
        path = item.get("path")
        if isinstance(path, str) and path and (path in seen or path_refused(path)):
            item["path"] = path = f"file-{number}"
        seen.add(str(path))
    if len(items) > MAX_CHANGES and len(lists) > 1 and all(len(one) <= MAX_CHANGES for one in lists):
        del lists[1][MAX_CHANGES - len(lists[0]) :]


@schemathesis.hook
def map_body(_context, body):
    """Half of the bodies are about the repository that is there."""
    if not isinstance(body, dict) or odd(body):
        return body
    known = {"repo_owner": "acme", "repo_name": "infra"}
    real = {name: value for name, value in known.items() if body.get(name) and isinstance(body[name], str)}
    if "head_sha" in body and all(isinstance(body.get(name), str | None) for name in known):
        real = known  # an upload may leave them out, and is about no repository then
    if is_key(body.get("key")):
        real["key"] = ours(body["key"])
    keys = body.get("keys")
    if isinstance(keys, list) and all(is_key(key) for key in keys):
        real["keys"] = [ours(key) for key in keys]
    return {**body, **real}


def odd(drawn):
    """A coin that falls the same way for the same draw."""
    return sum(map(ord, str(drawn))) % 2


def is_key(key):
    return isinstance(key, str) and len(key) < LONG and re.search(KEY["pattern"], key)


def ours(key):
    return "acme/infra/" + key.split("/", 2)[2]


@schemathesis.hook
def map_path_parameters(_context, parameters):
    """Half of the addresses are those of the repository and of the pull request that are there."""
    if not parameters or odd(parameters):
        return parameters
    known = {"owner": "acme", "repo": "infra", "number": 1}
    return {name: known.get(name, value) for name, value in parameters.items()}
