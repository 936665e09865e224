"""How the check run and the comment are sent, and how they are found again."""

import json

from sonde.server.github.client import GitHub
from sonde.server.github.deliver import Nowhere, Unsure
from sonde.server.github.model import Effect, Sent
from sonde.server.pulls.render import CHECK_NAME, MARKER
from sonde.server.workspaces.model import Repository


class CheckSender:
    """The check run: created once, then edited; found by `external_id`."""

    def send(self, github: GitHub, repository: Repository, effect: Effect) -> Sent:
        """Create or edit. Raises GitHubError."""
        body = json.loads(effect.desired)
        if effect.remote_id is None:
            return Sent(*github.create_check(repository, body))
        github.update_check(
            repository, effect.remote_id, {name: value for name, value in body.items() if name != "head_sha"}
        )
        return Sent(effect.remote_id, effect.remote_url)

    def find(self, github: GitHub, repository: Repository, effect: Effect) -> Sent | Nowhere | Unsure:
        """The check run at the commit with our `external_id`."""
        if effect.remote_id is not None:
            return Sent(effect.remote_id, effect.remote_url)
        body = json.loads(effect.desired)
        found = github.find_check(repository, body["head_sha"], CHECK_NAME, body["external_id"])
        return Sent(*found) if found else Nowhere()


class CommentSender:
    """The comment: created once, then edited; found by its hidden marker."""

    def send(self, github: GitHub, repository: Repository, effect: Effect) -> Sent:
        """Create or edit. Raises GitHubError."""
        body = json.loads(effect.desired)
        if effect.remote_id is None:
            return Sent(*github.create_comment(repository, body["number"], body["text"]))
        github.update_comment(repository, effect.remote_id, body["text"])
        return Sent(effect.remote_id, effect.remote_url)

    def find(self, github: GitHub, repository: Repository, effect: Effect) -> Sent | Nowhere | Unsure:
        """The comment that carries the marker."""
        if effect.remote_id is not None:
            return Sent(effect.remote_id, effect.remote_url)
        found = github.find_comment(repository, json.loads(effect.desired)["number"], MARKER)
        return Sent(*found) if found else Nowhere()
