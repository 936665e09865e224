"""The door of the pages: nobody gets further without a session, nothing is written without an origin check (T13, T17)."""

import math
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from urllib.parse import quote, urlencode

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from sonde.server.kernel.body import read_body
from sonde.server.kernel.db import Database
from sonde.server.kernel.http import Call, RefusedError
from sonde.server.kernel.ids import new_trace_id
from sonde.server.kernel.log import log, traced
from sonde.server.kernel.outage import unavailable
from sonde.server.kernel.strangers import Strangers, too_many
from sonde.server.web import signin
from sonde.server.web.model import File, Goto, PageHandler, View, Visitor, form, missing
from sonde.server.web.render import Renderer
from sonde.wire.envelope import ErrorTag

FORM_CAP = 64 * 1024  # bytes
HEADERS = {
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'",
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",  # with no-referrer, browsers send `Origin: null` with our own forms
    "Cache-Control": "no-store",
    "Vary": "Cookie, HX-Request",
}
Endpoint = Callable[[Request], Awaitable[Response]]
Answer = Callable[[Call], Response]


@dataclass(frozen=True)
class Door:
    """What answering needs. `nudge` wakes the engine after a write."""

    db: Database
    render: Renderer
    url: str
    password: signin.Password
    nudge: Callable[[], None]
    strangers: Strangers

    @property
    def secure(self) -> bool:
        """Whether browsers reach us by https; then the cookie is bound to it and to this host."""
        return self.url.startswith("https://")

    @property
    def cookie(self) -> str:
        """The name of the session cookie."""
        return "__Host-sonde" if self.secure else "sonde"


def page(door: Door, handlers: Mapping[str, PageHandler]) -> Endpoint:
    """The endpoint of one path: `handlers` by method."""

    def answer(call: Call) -> Response:
        visitor = signin.visitor(door.db, _cookie(door, call))
        if visitor is None:
            return _shown(door, call, View("signin.html", {"refused": ""}, 401))
        if call.method not in ("GET", "HEAD") and not signin.own_write(call.headers, door.url):
            return _shown(door, call, View("refused.html", {}, 403))
        handler = handlers["GET" if call.method == "HEAD" else call.method]
        shown = _shown(door, call, handler(door.db, visitor, call))
        if call.method not in ("GET", "HEAD"):
            log.info("page.written", path=call.path, session=visitor.session_id)
            door.nudge()
        return shown

    return _endpoint(door, answer)


def nowhere(door: Door) -> Endpoint:
    """The endpoint of every unknown address: a page that says so, for whoever is signed in."""

    def handler(db: Database, visitor: Visitor, call: Call) -> View:
        del visitor
        return missing(f"There is no page at {call.path}.", db.clock())

    return page(door, {"GET": handler})


def login(door: Door) -> Endpoint:
    """`GET /login?token=…`, or the form of the sign-in page: a good token becomes a session, and leaves the address bar."""

    def answer(call: Call) -> Response:
        if call.method == "POST" and not signin.own_write(call.headers, door.url):
            return _shown(door, call, View("refused.html", {}, 403))
        # a browser that fetches ahead, or a HEAD of a link checker, must not use the token up
        ahead = call.method == "HEAD" or "prefetch" in call.headers.get("sec-purpose", "")
        token = "" if ahead else (form(call) if call.method == "POST" else call.query).get("token", "")
        password = signin.NONE if token and door.strangers.wait(call) else door.password
        secret = signin.sign_in(door.db, token, password=password, replaces=_cookie(door, call)) if token else None
        if secret is None:
            log.info("page.signin.refused", ahead=ahead)
            return _refused(door, call, guessed=bool(token))
        log.info("page.signed_in")
        response = RedirectResponse("/", 303, HEADERS)
        age = signin.SESSION_LIFE // 1000
        response.set_cookie(door.cookie, secret, max_age=age, httponly=True, samesite="lax", secure=door.secure)
        return response

    return _endpoint(door, answer)


def _refused(door: Door, call: Call, *, guessed: bool) -> Response:
    refused = "This link was used, has expired, or is not one of this server." if guessed else ""
    if call.method == "POST":
        refused = "That is not the token of this server."
    wait = door.strangers.failed(call) if guessed else 0
    if not wait:
        return _shown(door, call, View("signin.html", {"refused": refused}, 401))
    response = _shown(door, call, View("signin.html", {"refused": too_many(wait, refused)}, 429))
    response.headers["Retry-After"] = str(math.ceil(wait))
    return response


def logout(door: Door) -> Endpoint:
    """`POST /logout`: the session ends here and in the browser."""

    def answer(call: Call) -> Response:
        if not signin.own_write(call.headers, door.url):
            return _shown(door, call, View("refused.html", {}, 403))
        signin.sign_out(door.db, _cookie(door, call))
        response = _shown(door, call, View("signin.html", {"refused": "You are signed out."}))
        response.delete_cookie(door.cookie, httponly=True, samesite="lax", secure=door.secure)
        return response

    return _endpoint(door, answer)


def _endpoint(door: Door, answer: Answer) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        trace_id = new_trace_id()
        traced(trace_id)
        try:
            call = await _call(request, trace_id)
            return await to_thread.run_sync(answer, call)
        except Exception as error:  # noqa: BLE001 - the one place where whatever went wrong becomes a page
            return _crashed(door, error, trace_id)

    return endpoint


async def _call(request: Request, trace_id: str) -> Call:
    body = await read_body(request, FORM_CAP)
    nul = "\x00" in request.scope["path"] or "%00" in str(request.query_params)
    if nul or b"%00" in body or b"\x00" in body:
        raise RefusedError(400, ErrorTag.BAD_REQUEST, "The address holds the character NUL, which names nothing here.")
    return Call(
        method=request.method,
        path=request.url.path,
        body=body,
        headers=dict(request.headers.items()),
        query=dict(request.query_params),
        parameters=dict(request.path_params),
        trace_id=trace_id,
        peer=request.client.host if request.client else "",
    )


def _here(call: Call) -> str:
    return quote(call.path) + (f"?{urlencode(call.query)}" if call.query else "")


def _cookie(door: Door, call: Call) -> str:
    try:
        found = SimpleCookie(call.headers.get("cookie", "")).get(door.cookie)
    except CookieError:
        return ""
    return found.value if found else ""


def _shown(door: Door, call: Call, shown: View | Goto | File) -> Response:
    if isinstance(shown, Goto):
        return RedirectResponse(shown.path, 303, HEADERS)
    if isinstance(shown, File):
        return Response(shown.text, 200, HEADERS, shown.media_type)
    if call.headers.get("hx-request") and shown.status == 200:
        fragment = door.render.fragment(shown, _here(call))
        if fragment.digest == call.headers.get("x-have"):
            return Response(None, 204, HEADERS)  # htmx leaves the page as it is
        return Response(fragment.html, 200, HEADERS, "text/html")
    return Response(door.render.page(shown, _here(call)), shown.status, HEADERS, "text/html")


def _crashed(door: Door, error: Exception, trace_id: str) -> Response:
    if isinstance(error, RefusedError):
        what, status = error.message, error.status
    elif unavailable(error):
        log.error("database.unavailable", reason=str(error.__cause__ or error))
        what, status = "The database cannot be reached now. Nothing is lost; try again in a moment.", 503
    else:
        log.error("page.crashed", exc_info=error)
        what, status = f"The server met an error of its own. Its log has it under {trace_id}.", 500
    return Response(door.render.page(View("broken.html", {"what": what}, status), ""), status, HEADERS, "text/html")
