"""The comment that a commit brings along: an effect like every other, found again by its hidden marker."""

import json

from sonde.server.commits.model import Wanted
from sonde.server.github.client import GitHub
from sonde.server.github.deliver import Nowhere, Unsure
from sonde.server.github.model import Effect, Kind, Sent
from sonde.server.workspaces.model import Repository


def effect(wanted: Wanted, sha: str) -> Effect:
    """One comment for one commit. A marker inside the text, ours or another's, is made visible and so marks nothing."""
    marker = f"<!-- sonde:commit:{sha} -->"
    text = f"{marker}\n{wanted.comment.replace('<!--', '&lt;!--')}"
    desired = json.dumps({"number": wanted.number, "marker": marker, "text": text})
    slot = f"commit:{wanted.repository.id}:{sha}"
    return Effect(slot, Kind.COMMIT_COMMENT, wanted.repository.id, wanted.key, desired)


class CommitCommentSender:
    """Created once; edited where another request for the same commit says something else."""

    def send(self, github: GitHub, repository: Repository, effect: Effect) -> Sent:
        """Create or edit. Raises GitHubError."""
        body = json.loads(effect.desired)
        if effect.remote_id is None:
            return Sent(*github.create_comment(repository, body["number"], body["text"]))
        github.update_comment(repository, effect.remote_id, body["text"])
        return Sent(effect.remote_id, effect.remote_url)

    def find(self, github: GitHub, repository: Repository, effect: Effect) -> Sent | Nowhere | Unsure:
        """The comment that carries the commit's marker."""
        body = json.loads(effect.desired)
        found = github.find_comment(repository, body["number"], body["marker"])
        return Sent(*found) if found else Nowhere()
