"""Signing in from GitHub Actions: mint an OIDC token, exchange it for a session (protocol.md §4)."""

import re
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from sonde.cli import answers, transport
from sonde.cli.errors import ApiError, DecodeError, SignInError
from sonde.cli.settings import ProSettings
from sonde.cli.transport import Request, Transport
from sonde.wire import codec, exchange

NOT_IN_ACTIONS = "not running in GitHub Actions or missing OIDC token environment variables"
SIGN_IN_HINTS = (
    "In GitHub Actions give the job `permissions: id-token: write`; the runner then sets ACTIONS_ID_TOKEN_REQUEST_URL.",
    "Set ATMOS_PRO_WORKSPACE_ID (or settings.pro.workspace_id) to the workspace of this repository.",
    "Elsewhere set ATMOS_PRO_TOKEN to a token of the control plane's administrator.",
)
UNREADABLE = re.compile(r";|%(?![0-9A-Fa-f]{2})")  # what Go's url.ParseQuery leaves out of a query
NO_WORKSPACE = "workspace ID environment variable is required for OIDC authentication"


def sign_in(settings: ProSettings, wire: Transport, user_agent: str) -> str:
    """A session token. The minted token is single use, so each call mints its own. Raises SignInError or NoAnswerError."""
    unverified_jwt = mint(settings, wire, user_agent)
    if not settings.workspace_id:
        raise SignInError(f"{NO_WORKSPACE}: environment variable: ATMOS_PRO_WORKSPACE_ID", hints=SIGN_IN_HINTS[1:2])
    return trade(settings, unverified_jwt, wire, user_agent)


def mint(settings: ProSettings, wire: Transport, user_agent: str) -> str:
    """GitHub's OIDC token for the control plane's audience. https only, no retry."""
    if settings.id_token:
        return settings.id_token
    if not (settings.oidc_request_url and settings.oidc_request_token):
        raise SignInError(f"failed to get GitHub OIDC token: {NOT_IN_ACTIONS}", hints=SIGN_IN_HINTS)
    where = urlsplit(settings.oidc_request_url)
    if where.scheme != "https":
        raise SignInError(
            f"failed to get GitHub OIDC token: ACTIONS_ID_TOKEN_REQUEST_URL must use https scheme, got {where.scheme!r}"
        )
    kept = "&".join(part for part in where.query.split("&") if not UNREADABLE.search(part))
    query = [pair for pair in parse_qsl(kept, keep_blank_values=True) if pair[0] != "audience"]
    query = sorted([*query, ("audience", settings.audience or exchange.AUDIENCE)], key=lambda pair: pair[0])
    url = urlunsplit(where._replace(query=urlencode(query)))
    headers = {"Authorization": f"Bearer {settings.oidc_request_token}", "User-Agent": user_agent}
    try:
        answer = transport.send(Request("GET", url, headers), wire)
    except ApiError as error:
        raise error.prefixed("failed to get GitHub OIDC token: failed to get OIDC token: ") from error
    if answer.status != 200:
        raise SignInError(
            f"failed to get GitHub OIDC token: failed to get OIDC token: HTTP status: {answer.status} {answer.reason}"
        )
    return answers.value_of(answer.body)


def trade(settings: ProSettings, unverified_jwt: str, wire: Transport, user_agent: str) -> str:
    """The session token for a GitHub OIDC token; one attempt. Success is `success` in the body, whatever the status."""
    request = exchange.ExchangeRequest(token=unverified_jwt, workspace_id=settings.workspace_id)
    headers = {"User-Agent": user_agent, "Content-Type": "application/json"}
    body = transport.encode(codec.to_json(request))
    answer = transport.send(Request("POST", settings.url(exchange.PATH), headers, body), wire)
    try:
        said = answers.read(answer.body, answers.SESSION)
    except DecodeError as error:
        if answer.status >= 400:
            raise answers.refusal(answer, operation="failed to exchange OIDC token: ") from error
        raise error.prefixed("failed to decode token response: ") from error
    if not said.success:
        raise answers.refusal(answer, operation="failed to exchange OIDC token: ")
    return str(said.data.get("token", ""))
