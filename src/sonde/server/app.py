"""The HTTP application: the routes of `wiring` behind one door, health, and the pages."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from importlib import resources

import structlog
from anyio import to_thread
from fastapi import FastAPI
from sqlalchemy import text
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, Router
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

from sonde.server.auth import service as auth
from sonde.server.auth.permissions import permit
from sonde.server.engine import Engine
from sonde.server.kernel.http import Call, RefusedError, Reply, answer_for, envelope, read_body, success
from sonde.server.kernel.ids import new_trace_id
from sonde.server.kernel.log import log
from sonde.server.web import door as pages
from sonde.server.web.model import PageHandler
from sonde.server.web.render import Renderer
from sonde.server.webhooks import api as webhooks
from sonde.server.wiring import EXCHANGE, OLD_PATHS, OLD_PREFIX, PAGES, ROUTES, ApiRoute, GitHubRoute, Site
from sonde.wire.envelope import Envelope, ErrorTag
from sonde.wire.limits import WEBHOOK_CAP, cap_of

THREADS = 64  # requests that may wait for the database at once
PREFIX = "/api/v1/"
NOT_KNOWN = "does not exist on this server; it may be newer or older than the client"
NOT_OURS = f"does not exist; the API of this server is below {PREFIX}: check ATMOS_PRO_BASE_URL and ATMOS_PRO_ENDPOINT"

Endpoint = Callable[[Request], Awaitable[Response]]


class CollapseSlashes:
    """`//api/v1//locks/` is `/api/v1/locks`: clients join their settings by plain concatenation (protocol.md §1)."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Rewrite the path, then go on. A percent-encoded slash in a segment is not touched."""
        path = scope.get("path", "")
        if scope["type"] == "http" and ("//" in path or (path.startswith(PREFIX) and path.endswith("/"))):
            path = "/" + "/".join(part for part in path.split("/") if part)
            scope = {**scope, "path": PREFIX if f"{path}/" == PREFIX else path}
        await self._app(scope, receive, send)


def make_app(site: Site, engine: Engine) -> FastAPI:
    """The application of one server."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        to_thread.current_default_thread_limiter().total_tokens = THREADS
        engine.start()
        yield
        await to_thread.run_sync(engine.stop)
        if site.loop.github:
            site.loop.github.close()
        site.db.close()
        log.info("server.stopped")

    app = FastAPI(title="Sonde", openapi_url=None, docs_url=None, redoc_url=None, lifespan=lifespan)
    app.add_middleware(CollapseSlashes)
    app.mount(PREFIX.rstrip("/"), _api(site, engine))
    for path, handlers in _by_path():
        if path in OLD_PATHS:
            app.add_route(
                OLD_PREFIX + path, _door(path, partial(_authorized, site, engine, handlers)), methods=list(handlers)
            )
    receive = partial(_webhook, site, engine)
    app.add_route("/webhooks/github", _door("webhooks/github", receive, cap=WEBHOOK_CAP), methods=["POST"])
    app.add_route("/healthz", _healthz, methods=["GET"])
    app.add_route("/readyz", partial(_readyz, site), methods=["GET"])
    _add_pages(app, site, engine)
    app.add_exception_handler(HTTPException, _not_routed)
    app.add_exception_handler(Exception, _crashed)
    return app


def _api(site: Site, engine: Engine) -> Router:
    """Everything below `/api/v1`, by itself: no page, whatever its path, answers a client of the API."""
    method, path, exchange = EXCHANGE
    routes = [Route(f"/{path}", _door(path, partial(exchange, site.trust)), methods=[method])]
    for path, handlers in _by_path():
        door = _door(path, partial(_authorized, site, engine, handlers))
        routes.append(Route(f"/{path}", door, methods=list(handlers)))
    return Router(routes, redirect_slashes=False)


def _add_pages(app: FastAPI, site: Site, engine: Engine) -> None:
    settings = site.settings
    frame = {"github_missing": settings.github_missing, "github_url": settings.github_url}
    door = pages.Door(site.db, Renderer(frame), settings.url, settings.ui_token, engine.nudge)
    app.mount("/static", StaticFiles(directory=str(resources.files("sonde.server.web") / "static")))
    app.add_route("/login", pages.login(door), methods=["GET"])
    app.add_route("/logout", pages.logout(door), methods=["POST"])
    by_path: dict[str, dict[str, PageHandler]] = {}
    for page in PAGES:
        by_path.setdefault(page.path, {})[page.method] = page.handler
    for path, handlers in by_path.items():
        app.add_route(path, pages.page(door, handlers), methods=list(handlers))


def _by_path() -> list[tuple[str, dict[str, ApiRoute | GitHubRoute]]]:
    paths: dict[str, dict[str, ApiRoute | GitHubRoute]] = {}
    for route in ROUTES:
        paths.setdefault(route.path, {})[route.method] = route
    return list(paths.items())


def _door(path: str, handler: Callable[[Call], Reply], *, cap: int | None = None) -> Endpoint:
    limit = cap if cap is not None else cap_of(path)

    async def endpoint(request: Request) -> Response:
        trace_id = new_trace_id()
        asked = f"{request.method} {request.scope['path'].removeprefix(PREFIX)}"  # its URL trusts the Host header
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(trace_id=trace_id)
        try:
            call = await _call(request, limit, trace_id)
            reply = await to_thread.run_sync(handler, call)
        except Exception as error:  # noqa: BLE001 - the one place where whatever went wrong becomes an envelope
            return answer_for(error, trace_id=trace_id, request=asked)
        return success(reply, trace_id=trace_id, request=asked)

    return endpoint


async def _call(request: Request, cap: int, trace_id: str) -> Call:
    path, query = request.scope["path"], dict(request.query_params)
    if any("\x00" in part for part in (path, *query, *query.values())):
        raise RefusedError(
            400, ErrorTag.BAD_REQUEST, "The address holds the character NUL (%00), which no database stores."
        )
    return Call(
        method=request.method,
        path=path,
        body=await read_body(request, cap),
        headers={name: value for name, value in request.headers.items()},  # noqa: C416 - a Headers object keeps the request alive
        query=query,
        parameters=dict(request.path_params),
        trace_id=trace_id,
    )


def _authorized(site: Site, engine: Engine, routes: dict[str, ApiRoute | GitHubRoute], call: Call) -> Reply:
    actor = auth.authenticate(site.trust, call.headers.get("authorization", ""))
    structlog.contextvars.bind_contextvars(credential=actor.credential_id)
    route = routes["GET" if call.method == "HEAD" else call.method]
    permit(site.db, actor, route.permission)
    call = replace(call, site_url=site.settings.url)
    if isinstance(route, GitHubRoute):
        reply = route.handler(site.loop.github, site.db, actor, call)
    else:
        reply = route.handler(site.db, actor, call)
    if isinstance(route, GitHubRoute) or route.wakes:
        engine.nudge()
    return reply


def _webhook(site: Site, engine: Engine, call: Call) -> Reply:
    reply = webhooks.github(site.db, site.settings.github_webhook_secret, call)
    engine.nudge()
    return reply


async def _healthz(_: Request) -> Response:
    return JSONResponse({"status": "ok"})


async def _readyz(site: Site, _: Request) -> Response:
    """Ready when the database answers; says what the GitHub half still needs."""
    try:
        await to_thread.run_sync(partial(_ping, site))
    except Exception as error:  # noqa: BLE001 - whatever keeps the database away means: not ready
        return JSONResponse({"status": "unavailable", "database": str(error.__cause__ or error)}, 503)
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


async def _not_routed(request: Request, error: Exception) -> Response:
    """404 and 405: an envelope for a client of the API, also one with a wrong endpoint; a plain line for a browser."""
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for it
    path = request.scope["path"]
    ours = path.startswith((PREFIX, "/webhooks/"))
    if not ours and request.headers.get("content-type") != "application/json":
        return Response(f"{error.detail}\n", error.status_code, error.headers, "text/plain")
    tag = ErrorTag.METHOD_NOT_ALLOWED if error.status_code == 405 else ErrorTag.NOT_FOUND
    what = "does not take this method" if error.status_code == 405 else NOT_OURS if not ours else NOT_KNOWN
    body = Envelope(
        success=False,
        status=error.status_code,
        error_tag=str(tag),
        error_message=f"{request.method} {path} {what}.",
        request=f"{request.method} {path.removeprefix(PREFIX)}",
        trace_id=new_trace_id(),
    )
    return envelope(body, error.headers)


async def _crashed(request: Request, error: Exception) -> Response:
    return answer_for(error, trace_id=new_trace_id(), request=f"{request.method} {request.scope['path']}")
