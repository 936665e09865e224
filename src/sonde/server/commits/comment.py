"""The comment that a commit brings along: an effect like every other, found again by its hidden marker."""

import json

from sonde.server.commits.model import Wanted
from sonde.server.github.model import Effect, Kind


def effect(wanted: Wanted, sha: str) -> Effect:
    """One comment for one commit. A marker inside the text, ours or another's, is made visible and so marks nothing."""
    marker = f"<!-- sonde:commit:{sha} -->"
    text = f"{marker}\n{wanted.comment.replace('<!--', '&lt;!--')}"
    desired = json.dumps({"number": wanted.number, "marker": marker, "text": text})
    slot = f"commit:{wanted.repository.id}:{sha}"
    return Effect(slot, Kind.COMMIT_COMMENT, wanted.repository.id, wanted.key, desired)
