"""The HTTP face: REST API, OIDC issuer and mint on one ASGI app, with connections that can be cut on purpose."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qsl

from uvicorn.protocols.http.h11_impl import H11Protocol

from sonde.sandbox import githttp
from sonde.sandbox.api.answer import Api
from sonde.sandbox.api.call import Reply, Request
from sonde.sandbox.oidc import Issuer, claims, discovery
from sonde.sandbox.world import World

API_ROOT = "/api/v3"  # as on GitHub Enterprise Server
GRAPHQL = "/api/graphql"  # likewise
ISSUER_ROOT = "/_services/token"  # likewise
MINT = f"{ISSUER_ROOT}/idtoken/"
TRANSPORT = "sonde.transport"  # extension of the ASGI scope
JSON_TYPE = "application/json; charset=utf-8"

Scope = dict[str, Any]


class CuttableProtocol(H11Protocol):
    """uvicorn's HTTP/1.1 that tells the app its transport, so that the app can cut the connection without an answer."""

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self.app_state = {**self.app_state, TRANSPORT: transport}


@dataclass(frozen=True)
class Web:
    world: World
    api: Api
    issuer: Issuer

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            raise ValueError(f"not served here: {scope['type']}")
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        query = dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
        request = Request(scope["method"], scope["path"], query, headers, body)
        reply = await asyncio.to_thread(self.answer, request)
        if reply.dropped:
            scope["state"][TRANSPORT].abort()
            while (await receive())["type"] != "http.disconnect":
                pass
            return
        await _send(send, reply, self.world)

    def answer(self, request: Request) -> Reply:
        """One request of any kind: API, OIDC issuer, token mint, git. What is none of these is 404 and kept in `unknown_requests`."""
        path = request.path
        if path.startswith(f"{API_ROOT}/") or path == GRAPHQL:
            return self.api.answer(replace(request, path=path.removeprefix(API_ROOT).removeprefix("/api")))
        if request.method == "GET" and path == f"{ISSUER_ROOT}/.well-known/openid-configuration":
            return Reply(200, discovery(self.world.issuer_url))
        if request.method == "GET" and path == f"{ISSUER_ROOT}/.well-known/jwks":
            return Reply(200, self.issuer.jwks())
        if request.method == "GET" and path.startswith(MINT):
            return self.mint(path.removeprefix(MINT), request.query, request.headers)
        if githttp.serves(path):
            return githttp.answer(self.world, request)
        with self.world.lock:
            self.world.unknown_requests.append(f"{request.method} {path}")
        return Reply(404, {"message": "Not Found"})

    def mint(self, place: str, query: Mapping[str, str], headers: Mapping[str, str]) -> Reply:
        """GET ACTIONS_ID_TOKEN_REQUEST_URL&audience=X: `{"value": jwt}`; only the job's own request token opens it."""
        run_id, _, job_id = place.partition("/")
        bearer = headers.get("authorization", "").partition(" ")[2]
        with self.world.lock:
            job = self.world.records.jobs.get(int(job_id)) if job_id.isdecimal() else None
            if job is None or str(job.run_id) != run_id or not job.oidc_token or job.oidc_token != bearer:
                return Reply(401, {"message": "the request token does not belong to a running job"})
            run = self.world.records.runs[job.run_id]
            owner = self.world.repository(run.repository_id).owner
            facts = claims(self.world, run, job, query.get("audience") or f"{self.world.html_url}/{owner}")
            token_id, now = self.world.ids.guid(), self.world.now()
        value = self.issuer.mint(self.world.issuer_url, facts, token_id=token_id, now=now)
        return Reply(200, {"count": len(value), "value": value})


async def _send(send: Any, reply: Reply, world: World) -> None:
    content = b"" if reply.body is None else json.dumps(reply.body).encode()
    if reply.raw is not None:
        content = reply.raw
    headers = {
        "date": format_datetime(world.now(), usegmt=True),
        "server": "github.com",
        "x-github-request-id": world.ids.guid(),
        "x-github-media-type": "github.v3; format=json",
        **({"content-type": JSON_TYPE} if content else {}),
        **reply.headers,
    }
    if reply.status not in (204, 304):
        headers["content-length"] = str(len(content))
    encoded = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": reply.status, "headers": encoded})
    await send({"type": "http.response.body", "body": content})
