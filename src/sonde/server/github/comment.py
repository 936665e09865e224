"""How a comment is sent, and how it is found again."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from sonde.server.github.client import GitHub
from sonde.server.github.deliver import Nowhere, Unsure
from sonde.server.github.model import Effect, Sent
from sonde.server.workspaces.model import Repository


class CommentSender:
    """A comment: created once, then edited; found by the hidden marker that `marker_of` knows of what is desired."""

    def __init__(self, marker_of: Callable[[Mapping[str, Any]], str]) -> None:
        self._marker_of = marker_of

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
        body = json.loads(effect.desired)
        found = github.find_comment(repository, body["number"], self._marker_of(body))
        return Sent(*found) if found else Nowhere()
