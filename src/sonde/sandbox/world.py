"""The offline GitHub's state, complete: `World`, made in a folder or loaded from one.

It is built in layers, a file each, every one of which uses only those before it:
state (records, lock, file) < hooks (webhooks) < accounts (users, App, tokens) < runs (Actions) < pushes < pulls < repositories
< releases < checks (check runs, comments) < reviews. All of them are methods of `World`, so that a test reads as a story:

    world = World.create(folder)
    repository = world.create_repository("acme/infra", {"README.md": "hello"})
    world.install("acme")
    world.commit(repository, "feature", {"vpc.yaml": "cidr: 10.0.0.0/8"}, author="octo-dev")
    pull = world.open_pull_request(repository, head="feature", author="octo-dev")
"""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from sonde.sandbox.keys import new_rsa_key, write_private
from sonde.sandbox.model import Account, App
from sonde.sandbox.reviews import Reviews
from sonde.sandbox.runs import ACTIONS_BOT
from sonde.sandbox.state import Ids, Records, read_records, stamp, utc_now

PERMISSIONS = {
    "actions": "write",
    "checks": "write",
    "contents": "write",
    "deployments": "read",
    "environments": "read",
    "issues": "write",
    "members": "read",
    "merge_queues": "read",
    "metadata": "read",
    "pull_requests": "write",
}
EVENTS = ["check_run", "merge_group", "pull_request", "push", "release", "repository", "workflow_run"]


class World(Reviews):
    @classmethod
    def create(
        cls,
        folder: Path,
        *,
        slug: str = "sonde-sandbox",
        now: Callable[[], datetime] = utc_now,
        ids: Ids | None = None,
        persist: bool = True,
    ) -> "World":
        """A new world in an empty or absent folder: an App with key and secret, and nobody else.

        `persist=False` leaves `state.json` out, for tests of speed.
        """
        for part in ("git", "deliveries", "events", "work"):
            (folder / part).mkdir(parents=True, exist_ok=True)
        ids = ids or Ids()
        write_private(folder / "app.pem", new_rsa_key())
        app = App(
            id=1_200_042,
            slug=slug,
            name="Sonde Sandbox",
            owner="github",
            client_id="Iv23liSondeSandbox00",
            webhook_secret=ids.token("whsec_"),
            webhook_url=None,
            permissions=dict(PERMISSIONS),
            events=list(EVENTS),
            created_at=stamp(now()),
        )
        records = Records(app=app)
        own = Account(1_200_043, f"{slug}[bot]", "Bot")
        for account in (Account(9919, "github", "Organization"), Account(41_898_282, ACTIONS_BOT, "Bot"), own):
            records.accounts[account.login] = account
        world = cls(folder, records, now=now, ids=ids, persist=persist)
        with world.change():
            return world

    @classmethod
    def load(cls, folder: Path, *, now: Callable[[], datetime] = utc_now, ids: Ids | None = None) -> "World":
        """The world as its folder has it; FileNotFoundError if there is none."""
        return cls(folder, read_records((folder / "state.json").read_text()), now=now, ids=ids)

    @property
    def app_key_file(self) -> Path:
        return self.folder / "app.pem"

    def set_webhook(self, url: str | None) -> None:
        """Where webhooks go from now on; events before are logged but not sent."""
        with self.change():
            self.records.app.webhook_url = url
