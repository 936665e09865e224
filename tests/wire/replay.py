"""What real clients sent, as it was recorded, sent again to a live server."""

import gzip
import hashlib
import http.client
import json
import re
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlsplit

from world import FILES, World, link_with_everything

from sonde.server.locks import store as locks
from sonde.server.workspaces import store as workspaces
from sonde.server.workspaces.model import Repository, Workspace
from sonde.wire import accepts

LIVE, BRANCH, WORKSPACE = "acme-robotics/infra-live", "feature/resize", "ws_0001"
MODULES, POLICY = "acme-robotics/modules", f"allow: [{LIVE}]\n"
AUDIENCES = ("atmos-pro.com", "https://pro.acme.example")
NOT_OURS = frozenset({"Host", "Content-Length"})
ELIDED_TEXT = re.compile(r"<ELIDED: (\d+) characters.*>")
ELIDED_ITEMS = re.compile(r"<ELIDED: (\d+) more items>")
STATIC = frozenset({"static-token", "yaml-token", "from-my-env"})


@dataclass(frozen=True)
class Outcome:
    """What came of one request: `skipped` says why it was not sent, `objections` what a client would not accept."""

    recording: str
    call: str
    credential: str = ""
    status: int = 0
    message: str = ""
    skipped: str = ""
    objections: tuple = ()


class Place(World):
    """A server and an offline GitHub with the repository, the workspace and the pull request of the recordings."""

    def __init__(self, folder, database_url, deleted=()):
        super().__init__(folder, database_url, oidc_audiences=AUDIENCES)
        self.live = self.github.create_repository(LIVE, dict(FILES))
        modules = self.github.create_repository(MODULES, {"main.tf": "module", ".atmos/pro/sts/default.yaml": POLICY})
        installation = self.github.install("acme-robotics")
        self.github.grant(self.live, "octo-dev", "write")
        owner = self.github.records.accounts["acme-robotics"].id
        with self.db.write("admin.change") as tx:
            for workspace in (WORKSPACE, "ws_env"):
                workspaces.put_workspace(tx, Workspace(workspace, workspace))
                for made in (self.live, modules):
                    name = made.full_name.partition("/")[2]
                    link = Repository(
                        f"{workspace}_{name}", workspace, made.id, owner, "acme-robotics", name, installation.id
                    )
                    link_with_everything(tx, link)
        gone = dict.fromkeys(deleted, "to be deleted")
        self.github.commit(self.live, BRANCH, {"feature.txt": "a change", **gone}, author="octo-dev")
        self.pull = self.github.open_pull_request(self.live, head=BRANCH, author="octo-dev")
        self.head_sha = self.pull.head_sha  # commits will move it
        self.settle()
        self.static = self.static_token(repository=False, workspace=WORKSPACE)
        self.line = http.client.HTTPConnection(urlsplit(self.server.url).netloc, timeout=30)

    def replay(self, recording, bearer=None):
        """Every request of a recording, in order; `bearer` takes the place of a static token."""
        self.forget_locks()
        known = Stand(self, recording["name"], bearer or self.static)
        first_of_lock = next((r for r in recording["requests"] if r.get("path", "").endswith("/locks")), None)
        if first_of_lock and first_of_lock["method"] == "DELETE":
            known.before_unlock = True
        return [self._sent(recording["name"], request, known) for request in recording["requests"] if ours(request)]

    def _sent(self, name, request, known):
        if "method" not in request:
            return Outcome(name, "", skipped="the recorded client refused the server's certificate")
        call = accepts.call_of(request["method"], request["path"])
        if call is None:
            return Outcome(name, "", skipped="it follows a redirect that the recording server gave")
        body = known.filled(request.get("body"), request.get("decoded_jwt"))
        headers = known.headers(request["headers"])
        if known.before_unlock and call is accepts.Call.UNLOCK:
            known.before_unlock = False
            self.ask("POST", "/api/v1/locks", headers, go_json({"key": body["key"]}))
        query = f"?{request['raw_query']}" if request.get("raw_query") else ""
        answer = self.ask(request["method"], request["path"] + query, headers, go_json(body))
        known.learn(call, answer)
        wrong = accepts.objections(call, body, answer, now=int(datetime.now(UTC).timestamp()))
        message = json.loads(answer.body).get("errorMessage", "") if answer.body.startswith(b"{") else ""
        return Outcome(name, str(call), known.credential(request), answer.status, message, objections=wrong)

    def ask(self, method, path, headers, raw):
        """One request over the kept line, HTTP/1.1, with the headers as they were recorded."""
        self.line.putrequest(method, path, skip_accept_encoding=True)
        for header, value in headers.items():
            self.line.putheader(header, value)
        self.line.putheader("Content-Length", str(len(raw)))
        self.line.endheaders(raw)
        answer = self.line.getresponse()
        got = {header.lower(): value for header, value in answer.getheaders()}
        text = answer.read()
        assert answer.version == 11
        return accepts.Answer(
            answer.status, got, gzip.decompress(text) if got.get("content-encoding") == "gzip" else text
        )

    def forget_locks(self):
        with self.db.write("admin.change") as tx:
            tx.run(locks.locks.delete())

    def exchange(self, claims):
        """A real token of the offline GitHub with these claims, of our own repository, pull request and run."""
        token = self.mint(claims)
        answer = self.ask("POST", "/api/v1/auth/github-oidc", {}, go_json({"token": token, "workspaceId": WORKSPACE}))
        return json.loads(answer.body)["data"]["token"]

    def mint(self, claims):
        ours = {
            "repository_id": str(self.live.id),
            "repository_owner_id": str(self.github.records.accounts["acme-robotics"].id),
            "ref": claims["ref"].replace("pull/7/", f"pull/{self.pull.number}/"),
            "sha": self.head_sha,
        }
        facts = {name: value for name, value in claims.items() if name not in ("jti", "iss", "nbf", "iat", "exp")}
        now = datetime.now(UTC)
        return self.sandbox.issuer.mint(self.sandbox.issuer_url, facts | ours, token_id=str(uuid.uuid4()), now=now)

    def close(self):
        self.line.close()
        super().close()


class Stand:
    """What the placeholders of one recording stand for."""

    def __init__(self, place, name, bearer):
        self.place, self.name, self.bearer, self.session = place, name, bearer, "no-session-yet"
        self.before_unlock = False

    def learn(self, call, answer):
        if call is accepts.Call.EXCHANGE and answer.status == 200:
            self.session = json.loads(answer.body)["data"]["token"]

    def headers(self, recorded):
        found = {name: value for name, value in recorded.items() if name not in NOT_OURS}
        scheme, _, bearer = found.get("Authorization", "").partition(" ")
        if bearer:
            found["Authorization"] = f"{scheme} {self.bearer if bearer in STATIC else self.session}"
        return found

    def credential(self, request):
        """What the request is authorized by: nothing, the recording's own session, or what stands for a static token."""
        bearer = request["headers"].get("Authorization", "").partition(" ")[2]
        return "" if not bearer else "static" if bearer in STATIC and self.bearer == self.place.static else "session"

    def filled(self, value, jwt=None):
        if isinstance(value, dict):
            return {name: self.filled(item, jwt) for name, item in value.items()}
        if isinstance(value, list):
            return self._list(value)
        return self._text(value, jwt) if isinstance(value, str) else value

    def _list(self, items):
        elided = ELIDED_ITEMS.fullmatch(items[-1]) if items and isinstance(items[-1], str) else None
        if not elided:
            return [self.filled(item) for item in items]
        more = [{**items[0], "component": f"more-{number:05}"} for number in range(int(elided[1]))]
        return [self.filled(item) for item in [*items[:-1], *more]]

    def _text(self, text, jwt):
        if text.startswith("<JWT:") and jwt:
            return self.place.mint(jwt["claims"])
        if elided := ELIDED_TEXT.fullmatch(text):
            return "A" * (int(elided[1]) - 1) + "="  # base64
        known = {"<TIME>": "2026-11-23T10:00:00Z", "<SHA:head>": self.place.head_sha}
        known["<SHA:base>"] = self.place.pull.base_sha
        return re.sub(r"<[A-Z]+(?::[\w-]+)?>", lambda found: known.get(found[0]) or self._made(found[0]), text)

    def _made(self, placeholder):
        digest = hashlib.sha1(f"{self.name}{self.bearer}{placeholder}".encode()).hexdigest()
        return digest if placeholder.startswith("<SHA") else str(uuid.UUID(digest[:32]))


def ours(request):
    return request.get("server") == "pro"


def signature(recording):
    """What two recordings share that send the same, and differ only in how they were answered."""
    kept = ("method", "path", "raw_query", "body", "headers", "tls_error")
    sent = [{name: request.get(name) for name in kept} for request in recording["requests"] if ours(request)]
    return json.dumps(sent, sort_keys=True)


def distinct(recordings):
    """The recordings without those that send what an earlier one sent, retries of the same request left out too."""
    found = {}
    for recording in recordings:
        found.setdefault(signature(once(recording)), once(recording))
    return list(found.values())


def once(recording):
    """The recording without its retries: requests that repeat the one before."""
    kept = []
    for request in recording["requests"]:
        same = {name: value for name, value in request.items() if name != "n"}
        if not kept or same != {name: value for name, value in kept[-1].items() if name != "n"}:
            kept.append(request)
    return {**recording, "requests": kept}


def go_json(body):
    """JSON as Go writes it."""
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    for char in "<>&":
        text = text.replace(char, f"\\u{ord(char):04x}")
    return text.encode()
