"""A browser in front of a server with rows of its own; no GitHub, nothing pumps."""

import pytest
from browser import Browser, linked_repository
from starlette.testclient import TestClient
from world import built

from sonde.server.app import make_app
from sonde.server.settings import Settings


class Nudges:
    """An engine that only counts how often it was woken."""

    def __init__(self):
        self.count = 0

    def start(self):
        pass

    def nudge(self):
        self.count += 1

    def arrived(self):
        self.count += 1

    def stop(self):
        pass


@pytest.fixture
def nudges():
    return Nudges()


@pytest.fixture
def open_browser(tmp_path, database_url, nudges):
    """Starts a server with these settings and gives a browser that is not signed in."""
    clients = []

    def start(**settings):
        site = built(Settings(data_dir=tmp_path, database_url=database_url, **settings))
        base = settings.get("public_url", "http://sonde.test")
        client = TestClient(make_app(site, nudges), base_url=base, follow_redirects=False)
        client.__enter__()
        clients.append(client)
        return Browser(client, site)

    yield start
    for client in clients:
        client.__exit__(None, None, None)


@pytest.fixture
def browser(open_browser):
    """A signed-in browser; `acme/infra` is linked."""
    made = open_browser(ui_token="let me in")
    assert made.get("/login?token=let+me+in").status_code == 303
    with made.db.write("admin.change") as tx:
        made.repository = linked_repository(tx)
    return made
