"""The HTTP application: the routes of `wiring` behind one door, health, and the pages."""

import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from importlib import resources

import structlog
from anyio import to_thread
from fastapi import FastAPI
from msgspec import structs
from sqlalchemy import text
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, Router
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

from sonde.server import metrics
from sonde.server.auth import service as auth
from sonde.server.auth.known import Known
from sonde.server.auth.model import Actor, Permission
from sonde.server.auth.permissions import permit
from sonde.server.auth.posture import State, findings, wall
from sonde.server.engine import Engine
from sonde.server.kernel.db import Database
from sonde.server.kernel.decode import decode
from sonde.server.kernel.door import PREFIX, ApiDoor, Ask, HotDoor, Lane, MustWaitError
from sonde.server.kernel.http import Answer, Call, RefusedError, Reply, answer_for, envelope
from sonde.server.kernel.ids import new_trace_id
from sonde.server.kernel.log import log, refused
from sonde.server.kernel.strangers import FORWARDED, Buckets, Gate, Strangers
from sonde.server.web import door as pages
from sonde.server.web.model import PageHandler
from sonde.server.web.render import Renderer
from sonde.server.web.signin import Password
from sonde.server.webhooks import api as webhooks
from sonde.server.webhooks.service import Secrets
from sonde.server.wiring import EXCHANGE, OLD_PATHS, OLD_PREFIX, PAGES, ROUTES, ApiRoute, GitHubRoute, HotRoute, Site
from sonde.wire.envelope import Envelope, ErrorTag
from sonde.wire.limits import WEBHOOK_CAP, cap_of

POLICY_SCHEMA = "/static/sts-policy.json"
THREADS = 64  # requests that may wait for the database at once
WEBHOOKS = "/webhooks/github"
LOOPBACK = frozenset({"127.0.0.1", "::1"})
DAY = 86_400  # seconds
NOT_EXCHANGED = frozenset({401, 403, 404})  # a token that proves nothing here, or of nobody we know
SHOWN = 500  # characters of an address that does not exist, in what is answered about it
NOT_KNOWN = "does not exist on this server; it may be newer or older than the client"
NOT_OURS = f"does not exist; the API of this server is below {PREFIX}: check ATMOS_PRO_BASE_URL and ATMOS_PRO_ENDPOINT"


class CollapseSlashes:
    """`//api/v1//locks/` is `/api/v1/locks`: clients join their settings by plain concatenation (protocol.md §1).

    So the framework finds nothing below `/api` to redirect, which a client would take for success (protocol.md §2).
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Rewrite the path, then go on. A percent-encoded slash in a segment is not touched."""
        path = scope.get("path", "")
        if scope["type"] == "http" and ("//" in path or (path.startswith(OLD_PREFIX) and path.endswith("/"))):
            path = "/" + "/".join(part for part in path.split("/") if part)
            scope = {**scope, "path": path}
        if path == PREFIX[:-1]:
            scope = {**scope, "path": PREFIX}
        await self._app(scope, receive, send)


class ByMethod:
    """The door of each method; HEAD goes in by that of GET."""

    def __init__(self, doors: Mapping[str, ASGIApp]) -> None:
        self._doors = doors

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, whose method the route has checked."""
        await self._doors["GET" if scope["method"] == "HEAD" else scope["method"]](scope, receive, send)


def make_app(site: Site, engine: Engine) -> Lane:
    """The application of one server."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        to_thread.current_default_thread_limiter().total_tokens = THREADS
        await to_thread.run_sync(site.db.find_wall)
        for one in wall(site.db.dialect, site.db.wall):
            if one.state is not State.SOUND:
                log.warning("database.no_wall", because=one.because, fix=one.fix)
        site.db.open_writers()
        engine.start()
        yield
        await to_thread.run_sync(engine.stop)
        if site.loop.github:
            site.loop.github.close()
        site.db.close()
        log.info("server.stopped")

    app = FastAPI(title="Sonde", openapi_url=None, docs_url=None, redoc_url=None, lifespan=lifespan)
    strangers = _strangers(site)
    doors = _doors(site, engine, strangers)
    webhook = HotDoor(WEBHOOK_CAP, Gate(strangers), site.db, partial(webhooks.github, _secrets(site), engine.arrived))
    app.add_middleware(CollapseSlashes)
    app.mount(PREFIX.rstrip("/"), _api(doors))
    for path in OLD_PATHS:
        mine = {method: door for (method, where), door in doors.items() if where == PREFIX + path}
        app.router.routes.append(_route(OLD_PREFIX + path, mine))
    app.router.routes.append(_route(WEBHOOKS, {"POST": webhook}))
    app.add_route("/healthz", _healthz, methods=["GET"])
    app.add_route("/readyz", partial(_readyz, site), methods=["GET"])
    app.add_route(POLICY_SCHEMA, _policy_schema, methods=["GET"])
    app.add_route("/metrics", partial(_metrics, site.db, strangers.buckets), methods=["GET"])
    _add_pages(app, site, engine, strangers)
    app.add_exception_handler(Exception, _crashed)
    return Lane(
        app, {("POST", WEBHOOKS): webhook} | {at: door for at, door in doors.items() if isinstance(door, HotDoor)}
    )


def _secrets(site: Site) -> Secrets:
    """A secret that was replaced stays good for a day from our start on, so that no delivery is refused in between (T7)."""
    settings = site.settings
    return Secrets(settings.github_webhook_secret, settings.github_webhook_secret_before, time.monotonic() + DAY)


def _strangers(site: Site) -> Strangers:
    settings = site.settings
    return Strangers(
        Buckets(settings.failures_at_once, 60 / settings.failures_a_minute), settings.trusted_proxies, time.monotonic
    )


def _doors(site: Site, engine: Engine, strangers: Strangers) -> dict[tuple[str, str], ApiDoor | HotDoor]:
    """The door of each route of the API, by method and path."""
    method, path, exchange = EXCHANGE
    known = Known(site.db, site.trust.ring, time.monotonic)
    gate = Gate(strangers, signed=known.signed, good=known.good, unknown=auth.DEAD)
    doors: dict[tuple[str, str], ApiDoor | HotDoor] = {
        (method, PREFIX + path): HotDoor(
            cap_of(path), Gate(strangers, NOT_EXCHANGED), site.db, partial(exchange, site.trust)
        )
    }
    for route in ROUTES:
        doors[route.method, PREFIX + route.path] = (
            HotDoor(cap_of(route.path), gate, site.db, partial(_hot, site, route))
            if isinstance(route, HotRoute)
            else ApiDoor(cap_of(route.path), gate, partial(_authorized, site, engine, route))
        )
    return doors


def _api(doors: Mapping[tuple[str, str], ApiDoor | HotDoor]) -> Router:
    """Everything below `/api/v1`, by itself: no page, whatever its path, answers a client of the API."""
    by_path: dict[str, dict[str, ASGIApp]] = {}
    for (method, path), door in doors.items():
        by_path.setdefault("/" + path.removeprefix(PREFIX), {})[method] = door
    return Router([_route(path, mine) for path, mine in by_path.items()], redirect_slashes=False)


def _route(path: str, doors: Mapping[str, ASGIApp]) -> Route:
    """One path of the framework's table."""
    return Route(path, ByMethod(doors), methods=list(doors))


def _add_pages(app: FastAPI, site: Site, engine: Engine, strangers: Strangers) -> None:
    settings = site.settings
    frame = {
        "github_missing": settings.github_missing,
        "github_url": settings.github_url,
        "findings": findings(settings),
        "failures": strangers.buckets,
        "has_password": bool(settings.ui_token),
    }
    door = pages.Door(site.db, Renderer(frame), settings.url, Password(settings.ui_token), engine.nudge, strangers)
    app.mount("/static", StaticFiles(directory=str(resources.files("sonde.server.web") / "static")))
    app.add_route("/login", pages.login(door), methods=["GET", "POST"])
    app.add_route("/logout", pages.logout(door), methods=["POST"])
    by_path: dict[str, dict[str, PageHandler]] = {}
    for page in PAGES:
        by_path.setdefault(page.path, {})[page.method] = page.handler
    for path, handlers in by_path.items():
        app.add_route(path, pages.page(door, handlers), methods=list(handlers))
    app.add_exception_handler(HTTPException, partial(_not_routed, pages.nowhere(door)))


def _hot(site: Site, route: HotRoute, call: Call, *, may_wait: bool) -> Ask:
    given, ring = call.headers.get("authorization", ""), site.trust.ring
    try:
        who = auth.claimant(given, route.permission, ring.secret if may_wait else ring.known)
    except KeyError as error:  # the key of another replica, or of nobody: the database knows
        raise MustWaitError from error
    try:
        request = decode(route.body, call.body)
    except RefusedError as error:
        if not may_wait:
            raise MustWaitError from error
        _permitted(site, route.permission, call)  # an unauthenticated caller learns nothing but that
        raise
    return route.handler(who, request)


def _permitted(site: Site, permission: Permission, call: Call) -> Actor:
    actor = auth.authenticate(site.trust, call.headers.get("authorization", ""))
    structlog.contextvars.bind_contextvars(credential=actor.credential_id)
    permit(site.db, actor, permission)
    return actor


def _authorized(site: Site, engine: Engine, route: ApiRoute | GitHubRoute, call: Call) -> Reply:
    actor = _permitted(site, route.permission, call)
    call = structs.replace(call, site_url=site.settings.url)
    db = site.db.within(actor.workspace_id)
    if isinstance(route, GitHubRoute):
        reply = route.handler(site.loop.github, db, actor, call)
    else:
        reply = route.handler(db, actor, call)
    if isinstance(route, GitHubRoute) or route.wakes:
        engine.nudge()
    return reply


async def _healthz(_: Request) -> Response:
    return JSONResponse({"status": "ok"})


async def _policy_schema(_: Request) -> Response:
    """For editors of trust policies; it says nothing about this server, so nobody has to sign in."""
    schema = (resources.files("sonde.server.sts") / "schema.json").read_text()
    return Response(schema, media_type="application/schema+json")


async def _readyz(site: Site, _: Request) -> Response:
    """Ready when the database answers; says what the GitHub half still needs."""
    try:
        await to_thread.run_sync(partial(_ping, site))
    except Exception as error:  # noqa: BLE001 - whatever keeps the database away means: not ready
        log.error("database.unavailable", reason=str(error.__cause__ or error))  # it may name hosts: not for everybody
        return JSONResponse({"status": "unavailable", "database": "does not answer; the server's log says why"}, 503)
    missing = site.settings.github_missing
    return JSONResponse(
        {
            "status": "ok",
            "database": site.db.dialect,
            "github": "ok" if not missing else f"missing: {', '.join(missing)}",
        }
    )


def _ping(site: Site) -> None:
    with site.db.read() as tx:
        tx.run(text("SELECT 1 FROM workspaces LIMIT 1"))


async def _metrics(db: Database, failures: Buckets, request: Request) -> Response:
    """For a Prometheus on this machine (ruling 15): a caller from elsewhere, or through a proxy that says so, finds nothing."""
    peer = request.client.host if request.client else ""
    if peer not in LOOPBACK or FORWARDED in request.headers or "forwarded" in request.headers:
        raise HTTPException(404)
    told = await to_thread.run_sync(metrics.text, db, failures)
    return Response(told, media_type="text/plain; version=0.0.4")


async def _not_routed(nowhere: pages.Endpoint, request: Request, error: Exception) -> Response:
    """404 and 405: an envelope for a client of the API, also one with a wrong endpoint; a page for a browser, else a line."""
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for it
    path = request.scope["path"]
    ours = path.startswith((PREFIX, "/webhooks/"))
    api = ours or f"{path}/".startswith(OLD_PREFIX)
    if not api and request.method == "GET" and "text/html" in request.headers.get("accept", ""):
        return await nowhere(request)
    if not api and request.headers.get("content-type") != "application/json":
        return Response(f"{error.detail}\n", error.status_code, error.headers, "text/plain")
    tag = ErrorTag.METHOD_NOT_ALLOWED if error.status_code == 405 else ErrorTag.NOT_FOUND
    what = "does not take this method" if error.status_code == 405 else NOT_OURS if not ours else NOT_KNOWN
    body = Envelope(
        success=False,
        status=error.status_code,
        error_tag=str(tag),
        error_message=f"{request.method} {path[:SHOWN]} {what}.",
        request=f"{request.method} {path.removeprefix(PREFIX)[:SHOWN]}",
        trace_id=(trace_id := new_trace_id()),
    )
    refused(error.status_code, tag, body.error_message or "", trace_id=trace_id, request=body.request or "")
    return _response(envelope(body, error.headers))


def _response(answer: Answer) -> Response:
    return Response(answer.body, answer.status, {name.decode(): value.decode() for name, value in answer.headers})


async def _crashed(request: Request, error: Exception) -> Response:
    asked = f"{request.method} {request.scope['path']}"
    return _response(answer_for(error, trace_id=new_trace_id(), request=asked))
