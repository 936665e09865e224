"""One request to the API: what came in, who asks, and what a handler answers."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal
from urllib.parse import urlencode

from sonde.sandbox.accounts import Refused, not_found
from sonde.sandbox.model import PullRequest, Repository, Token
from sonde.sandbox.runs import ACTIONS_BOT
from sonde.sandbox.world import World

PER_PAGE, MAX_PER_PAGE = 30, 100
FIRST_VERSION, SECOND_VERSION = "2022-11-28", "2026-03-10"


@dataclass(frozen=True)
class Request:
    method: str
    path: str  # below the API's root, percent-decoded
    query: Mapping[str, str]
    headers: Mapping[str, str]  # names in lower case
    body: bytes = b""


@dataclass(frozen=True)
class Reply:
    status: int
    body: Any = None  # JSON; None: no body
    headers: Mapping[str, str] = field(default_factory=dict)
    raw: bytes | None = None  # instead of JSON
    dropped: bool = False  # no answer at all: the connection is cut


@dataclass(frozen=True)
class Call:
    world: World
    request: Request
    params: Mapping[str, str]  # of the route's path
    token: Token | None  # None on routes of the App itself, where the JWT stands for the App

    @cached_property
    def json(self) -> dict[str, Any]:
        if not self.request.body:
            return {}
        try:
            document = json.loads(self.request.body)
        except ValueError as error:
            raise Refused(400, "Problems parsing JSON") from error
        if not isinstance(document, dict):
            raise Refused(400, "Body should be a JSON object")
        return document

    @cached_property
    def repository(self) -> Repository:
        """The repository of the path; 404 also if the token does not reach it, so that nothing is told of it."""
        try:
            found = self.world.repository(f"{self.params['owner']}/{self.params['repo']}")
        except KeyError as error:
            raise not_found() from error
        if self.token is not None and not reaches(self.world, self.token, found):
            raise not_found()
        return found

    @cached_property
    def pull(self) -> PullRequest:
        try:
            return self.world.pull(self.repository, self.number("pull_number"))
        except KeyError as error:
            raise not_found() from error

    def number(self, name: str) -> int:
        try:
            return int(self.params[name])
        except ValueError as error:
            raise not_found() from error

    def of_repository(self, table: Mapping[int, Any], name: str) -> Any:
        """The record with the id in the path, if it belongs to the path's repository; else 404."""
        found = table.get(self.number(name))
        if found is None or found.repository_id != self.repository.id:
            raise not_found()
        return found

    def required(self, name: str) -> Any:
        value = self.json.get(name)
        if value is None:
            raise Refused(422, f'Invalid request.\n\n"{name}" wasn\'t supplied.')
        return value

    @property
    def version(self) -> str:
        """X-GitHub-Api-Version, a date; without it GitHub takes its first."""
        return self.request.headers.get("x-github-api-version", FIRST_VERSION)

    @property
    def login(self) -> str:
        return self.world.bot if self.token is None else sender_of(self.world, self.token)


def sender_of(world: World, token: Token) -> str:
    """Who acts with a token: a person, the App's bot, or for a job's token the bot of GitHub Actions."""
    if token.login is not None:
        return token.login
    return ACTIONS_BOT if token.run_id is not None else world.bot


def reaches(world: World, token: Token, repository: Repository) -> bool:
    """Whether a token may see a repository: a person with write access, a job's or an installation's token for it."""
    if token.login is not None:
        return repository.permissions.get(token.login, "none") in ("admin", "maintain", "write")
    if token.repository_ids is not None:
        return repository.id in token.repository_ids
    if token.installation_id is None:
        return False
    return world.records.installations[token.installation_id].account == repository.owner


def paged(call: Call, items: Sequence[Any]) -> tuple[Sequence[Any], dict[str, str]]:
    """The asked page of `items`, and its Link header (GitHub docs, "Using pagination in the REST API")."""
    size = min(positive(call, "per_page", PER_PAGE), MAX_PER_PAGE)
    page = positive(call, "page", 1)
    last = max(1, -(-len(items) // size))
    wanted: dict[str, int] = {}
    if page > 1:
        wanted |= {"prev": page - 1}
    if page < last:
        wanted |= {"next": page + 1, "last": last}
    if page > 1:
        wanted |= {"first": 1}
    address = f"{call.world.api_url}{call.request.path}"
    links = [
        f'<{address}?{urlencode({**call.request.query, "page": number})}>; rel="{name}"'
        for name, number in wanted.items()
    ]
    return items[(page - 1) * size : page * size], {"link": ", ".join(links)} if links else {}


def positive(call: Call, name: str, default: int) -> int:
    text = call.request.query.get(name, "")
    return int(text) if text.isdecimal() and int(text) > 0 else default


Handler = Callable[[Call], Reply]
Access = Literal["app", "anyone"] | tuple[str, str]


@dataclass(frozen=True)
class Route:
    method: str
    path: str  # GitHub's own template; {path}, {ref} and {branch} may hold slashes
    handler: Handler
    access: Access  # the App's JWT, nobody's, or a token with this permission
