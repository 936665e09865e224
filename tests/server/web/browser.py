"""What the tests of the pages do: open, post, and read what a person would see."""

from html.parser import HTMLParser

from sonde.server.workspaces import store as workspaces
from sonde.server.workspaces.model import Repository, Workspace

VOID = {"meta", "link", "img", "br", "input", "hr"}


def linked_repository(tx, name="infra", github_id=1, *, workspace="ws_web", shown=None):
    if workspaces.workspace(tx, workspace) is None:
        workspaces.put_workspace(tx, Workspace(workspace, workspace))
    repository = Repository(f"repo_{name}", workspace, github_id, 9, "acme", shown or name, 5)
    workspaces.put_repository(tx, repository)
    return repository


class Browser:
    """One browser: keeps its cookie, sends what browsers send."""

    def __init__(self, client, site):
        self.client, self.site, self.db = client, site, site.db

    def get(self, path, **headers):
        return self.client.get(path, headers=headers)

    def post(self, path, data=None, **headers):
        return self.client.post(path, data=data or {}, headers=headers or {"Sec-Fetch-Site": "same-origin"})

    def seen(self, path):
        """The page at `path`, as a person and an attacker see it."""
        answer = self.get(path)
        assert answer.status_code == 200, answer.text
        return Seen(answer.text)


class Seen(HTMLParser):
    """The text, links, scripts and attributes of a page. `balanced` is False where tags do not nest: somebody broke out."""

    def __init__(self, html):
        super().__init__()
        self.html, self.words, self.links, self.scripts, self.attributes, self.balanced = html, [], [], [], [], True
        self._open = []
        self.feed(html)
        self.balanced &= not self._open

    def handle_starttag(self, tag, attrs):
        self.attributes += attrs
        found = dict(attrs)
        if tag == "a":
            self.links.append(found.get("href"))
        if tag == "script":
            self.scripts.append(found.get("src"))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.attributes += attrs

    def handle_endtag(self, tag):
        self.balanced &= bool(self._open) and self._open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())
