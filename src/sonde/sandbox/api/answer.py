"""From a request to a reply: route, faults, who asks, limits, handler, ETag. Total: every request gets a reply."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache

import jwt

from sonde.sandbox.accounts import Refused, grants, not_found
from sonde.sandbox.api.call import Call, Reply, Request, Route
from sonde.sandbox.api.limits import Limits
from sonde.sandbox.api.routes import GRAPHQL, ROUTES
from sonde.sandbox.faults import SECONDARY, ApiFault, Faults
from sonde.sandbox.keys import read_rsa_key
from sonde.sandbox.model import Token
from sonde.sandbox.world import World

DOCUMENTATION = "https://docs.github.com/rest"
APP_JWT_LIFE = 600  # seconds; GitHub docs, "Generating a JSON Web Token (JWT) for a GitHub App"
CLOCK_DRIFT = 60  # seconds, the same page
HOUR = 3600
WITH_SLASHES = ("path", "ref", "branch", "basehead")


@dataclass
class Budget:
    """Requests of one installation in the current hour (GitHub docs, "Rate limits for the REST API")."""

    limit: int
    reset: int  # epoch seconds
    used: int = 0

    def headers(self) -> dict[str, str]:
        """As the headers of a reply."""
        return {
            "x-ratelimit-limit": str(self.limit),
            "x-ratelimit-remaining": str(max(0, self.limit - self.used)),
            "x-ratelimit-used": str(self.used),
            "x-ratelimit-reset": str(self.reset),
            "x-ratelimit-resource": "core",
        }


class Api:
    def __init__(self, world: World, faults: Faults, *, hourly_limit: int = 5000) -> None:
        self.world = world
        self.faults = faults
        self.hourly_limit = hourly_limit
        self.limits = Limits()
        self._budgets: dict[str, Budget] = {}
        self._public_key = read_rsa_key(world.app_key_file).public_key()

    def answer(self, request: Request) -> Reply:
        """The reply of a request, after or instead of the fault that was pressed for it."""
        route, params = match(request)
        with self.world.changed:
            self.world.counters["request", request.method, route.path if route else request.path] += 1
            if route is None:
                self.world.unknown_requests.append(f"{request.method} {request.path}")
            self.world.changed.notify_all()
        fault = self.faults.take_api(request.method, request.path)
        if fault and not fault.after_effect:
            return self._broken(fault, request)
        if route is None:
            return refusal(not_found())
        reply = self._handled(route, params, request)
        return self._broken(fault, request) if fault else reply

    def _handled(self, route: Route, params: Mapping[str, str], request: Request) -> Reply:
        with self.world.lock:
            budget = self._budget(None)
            try:
                token = self._caller(route, request)
                budget = self._budget(token)
                reply = spent(token) if budget.used >= budget.limit else self._limited(token, request)
                reply = reply or conditional(request, route.handler(Call(self.world, request, params, token)))
            except Refused as refused:
                reply = refusal(refused)
            if reply.status != 304:  # free, as GitHub promises for authorised conditional requests
                budget.used = min(budget.used + 1, budget.limit)
            return replace(reply, headers={**reply.headers, **budget.headers()})

    def _limited(self, token: Token | None, request: Request) -> Reply | None:
        wait = self.limits.wait(client_of(token), request, self.world.now().timestamp())
        if wait is None:
            return None
        return replace(refusal(Refused(403, SECONDARY)), headers={"retry-after": str(wait)})

    def _budget(self, token: Token | None) -> Budget:
        owner = client_of(token)
        now = int(self.world.now().timestamp())
        budget = self._budgets.get(owner)
        if budget is None or now >= budget.reset:
            budget = self._budgets[owner] = Budget(self.hourly_limit, now + HOUR)
        return budget

    def exhaust(self, seconds: int = HOUR) -> None:
        """Fault button: each installation's budget is spent until `seconds` from now (primary limit)."""
        now = int(self.world.now().timestamp())
        with self.world.lock:
            for number in self.world.records.installations:
                self._budgets[str(number)] = Budget(self.hourly_limit, now + seconds, self.hourly_limit)

    def _broken(self, fault: ApiFault, request: Request) -> Reply:
        if fault.kind == "drop":
            return Reply(0, dropped=True)
        if "retry-after" in fault.headers:
            token = self.world.live_token(request.headers.get("authorization", "").partition(" ")[2])
            seconds, now = int(fault.headers["retry-after"]), self.world.now().timestamp()
            self.limits.told_to_wait(client_of(token), seconds, now)
        body = {"message": fault.message, "documentation_url": DOCUMENTATION, "status": str(fault.status)}
        return Reply(fault.status, body, {**self._budget(None).headers(), **fault.headers})

    # --- who asks

    def _caller(self, route: Route, request: Request) -> Token | None:
        scheme, _, value = request.headers.get("authorization", "").partition(" ")
        if route.access == "anyone":
            return None
        if scheme.lower() not in ("bearer", "token") or not value:
            raise Refused(401, "Requires authentication")
        if route.access == "app":
            self._verify_app(value)
            return None
        token = self.world.live_token(value)
        if token is None:
            raise Refused(401, "Bad credentials")
        area, level = route.access
        if area != "metadata" and not allowed(token, area, level):
            raise Refused(403, "Resource not accessible by integration")
        return token

    def _verify_app(self, unverified_jwt: str) -> None:
        """The App's JWT: RS256 by its key, issued by its id or client id, at most ten minutes long."""
        app, now = self.world.records.app, self.world.now().timestamp()
        try:
            claims = jwt.decode(
                unverified_jwt,
                self._public_key,
                algorithms=["RS256"],
                # times are judged below, by the world's clock and with GitHub's sentences
                options={
                    "verify_exp": False,
                    "verify_iat": False,
                    "verify_nbf": False,
                    "require": ["iat", "exp", "iss"],
                },
            )
        except jwt.PyJWTError as error:
            raise Refused(401, "A JSON web token could not be decoded") from error
        if str(claims["iss"]) not in (str(app.id), app.client_id):
            raise Refused(401, "A JSON web token could not be decoded")
        if claims["exp"] <= now:
            sentence = "must be a numeric value representing the future time at which the assertion expires"
            raise Refused(401, f"'Expiration time' claim ('exp') {sentence}")
        if claims["exp"] > now + APP_JWT_LIFE + CLOCK_DRIFT:
            raise Refused(401, "'Expiration time' claim ('exp') is too far in the future")
        if claims["iat"] > now + CLOCK_DRIFT:
            sentence = "must be an Integer representing the time that the assertion was issued"
            raise Refused(401, f"'Issued at' claim ('iat') {sentence}")


def client_of(token: Token | None) -> str:
    """Whose limits count: the installation's, or those of the App itself, or of a run."""
    return "app" if token is None else str(token.installation_id or token.run_id or token.login)


def allowed(token: Token, area: str, level: str) -> bool:
    """Comments of a pull request are open to either of two permissions."""
    if grants(token.permissions, area, level):
        return True
    return area == "pull_requests" and grants(token.permissions, "issues", level)


@cache
def pattern(path: str) -> re.Pattern[str]:
    def group(found: re.Match[str]) -> str:
        name = found[1]
        return f"(?P<{name}>{'.+' if name in WITH_SLASHES else '[^/]+'})"

    return re.compile(re.sub(r"\{(\w+)\}", group, path))


def match(request: Request) -> tuple[Route | None, Mapping[str, str]]:
    for route in (*ROUTES, GRAPHQL):
        if route.method == request.method and (found := pattern(route.path).fullmatch(request.path)):
            return route, found.groupdict()
    return None, {}


def refusal(refused: Refused) -> Reply:
    body = {"message": refused.message, "documentation_url": DOCUMENTATION, "status": str(refused.status)}
    return Reply(refused.status, body | ({"errors": refused.errors} if refused.errors else {}))


def spent(token: Token | None) -> Reply:
    who = token.installation_id if token else 0
    return refusal(Refused(403, f"API rate limit exceeded for installation ID {who}."))


def conditional(request: Request, reply: Reply) -> Reply:
    """Give a GET its ETag, and answer 304 if the client has that already."""
    if request.method != "GET" or reply.status != 200:
        return reply
    content = reply.raw if reply.raw is not None else json.dumps(reply.body, sort_keys=True).encode()
    etag = f'W/"{hashlib.sha256(content).hexdigest()}"'
    headers = {**reply.headers, "etag": etag, "cache-control": "private, max-age=60, s-maxage=60"}
    if etag in request.headers.get("if-none-match", ""):
        return Reply(304, headers=headers)
    return replace(reply, headers=headers)
