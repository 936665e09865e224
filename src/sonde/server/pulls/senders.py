"""How the check run is sent, and how it is found again."""

import json

from sonde.server.github.client import GitHub
from sonde.server.github.deliver import Nowhere, Unsure
from sonde.server.github.model import Effect, Sent
from sonde.server.pulls.render import CHECK_NAME
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
