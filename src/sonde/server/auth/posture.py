"""How far this server may be trusted as it is set up: what is open, why that matters and how to close it. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from sonde.server.settings import GITHUB_ISSUER, LEGACY_AUDIENCE, Settings


class State(StrEnum):
    """How a finding is shown: red, amber, green."""

    EXPOSED = "exposed"
    WEAK = "weak"
    SOUND = "sound"


@dataclass(frozen=True)
class Finding:
    """One choice of the settings: `what` in a few words, `because` in sentences, `fix` the next step where there is one."""

    state: State
    what: str
    because: str
    fix: str = ""


def findings(settings: Settings) -> Sequence[Finding]:
    """What the settings leave open, the worst first; what is sound is listed too."""
    rules = (_audience, _live_runs, _issuers, _https, _sign_in, _failures, _proxies)
    found = [rule(settings) for rule in rules]
    return sorted((one for one in found if one), key=lambda one: list(State).index(one.state))


def wall(dialect: str, role: str) -> Sequence[Finding]:
    """What keeps workspaces apart beside every query: on PostgreSQL `role`, which acts in the name of one; empty where there is none."""
    if dialect != "postgresql":
        return ()
    if role:
        return (
            Finding(
                State.SOUND,
                "The database keeps workspaces apart too",
                f"What a job asks for is done by the role {role}, which row-level security shows one workspace.",
            ),
        )
    return (
        Finding(
            State.WEAK,
            "Only the queries keep workspaces apart",
            "Row-level security would be a second wall, but its role is missing and this server may not create it.",
            "As a superuser of PostgreSQL, for a server that signs in as sonde: CREATE ROLE sonde_tenant NOLOGIN; "
            "GRANT sonde_tenant TO sonde; and start this server again.",
        ),
    )


def _audience(settings: Settings) -> Finding:
    if LEGACY_AUDIENCE not in settings.oidc_audiences or not settings.oidc_legacy_audience:
        return Finding(State.SOUND, "Only tokens made for this server are accepted", f"{LEGACY_AUDIENCE} is refused.")
    return Finding(
        State.EXPOSED,
        f"The shared audience {LEGACY_AUDIENCE} is accepted",
        "Unmodified clients ask GitHub for a token of this audience, whatever server they talk to. So whoever runs another "
        "server of this protocol can use the token of a job that talks to it here, within five minutes, and act as that "
        "job's repository.",
        f"Give each job ATMOS_PRO_OIDC_AUDIENCE={settings.url} and the sonde client, then start the server with "
        "SONDE_OIDC_LEGACY_AUDIENCE=False. That shuts out jobs of the unmodified client, unless they have a static token.",
    )


def _live_runs(settings: Settings) -> Finding:
    if settings.oidc_live_runs:
        return Finding(State.SOUND, "A token is taken only while its run lives", "SONDE_OIDC_LIVE_RUNS is on.")
    return Finding(
        State.WEAK,
        "A token is taken whether its run still lives or not",
        "One that leaks from a finished run, into a log for example, can be used here once until it expires.",
        "Start the server with SONDE_OIDC_LIVE_RUNS=True. It needs the GitHub App, with the event Workflow run.",
    )


def _issuers(settings: Settings) -> Finding | None:
    others = [one for one in settings.oidc_issuers if one != GITHUB_ISSUER]
    if not others:
        return None
    return Finding(
        State.WEAK,
        f"Tokens of {', '.join(others)} are accepted",
        "Whoever runs an issuer can name any repository in its tokens. That is right for your own GitHub Enterprise Server.",
        "Remove from SONDE_OIDC_ISSUERS what is not yours.",
    )


def _https(settings: Settings) -> Finding:
    if settings.url.startswith("https://"):
        return Finding(State.SOUND, "Browsers and jobs come by https", f"The address is {settings.url}.")
    return Finding(
        State.WEAK,
        "The address is not https",
        "Tokens and the cookie of a sign-in can be read on the way, unless nobody comes from another machine.",
        "Put a proxy with TLS in front and set SONDE_PUBLIC_URL to its https:// address.",
    )


def _sign_in(settings: Settings) -> Finding:
    if not settings.ui_token:
        return Finding(State.SOUND, "Each sign-in link works once", "There is no password to these pages.")
    return Finding(
        State.WEAK,
        "SONDE_UI_TOKEN lets in whoever knows it",
        "It works again and again, and nothing tells its users apart.",
        "Unset it and make a link for each with: sonde admin sign-in-link",
    )


def _failures(settings: Settings) -> Finding:
    if settings.failures_at_once:
        return Finding(
            State.SOUND,
            "Failed attempts to authenticate are limited per address",
            f"{settings.failures_at_once} failures at once for each address, then {settings.failures_a_minute:g} a minute. "
            "Good credentials are accepted all the while.",
        )
    return Finding(
        State.WEAK,
        "Failed attempts to authenticate are not limited",
        "Each attempt costs a thread and a query.",
        "Unset SONDE_FAILURES_AT_ONCE.",
    )


def _proxies(settings: Settings) -> Finding | None:
    if settings.trusted_proxies or not settings.url.startswith("https://") or not settings.failures_at_once:
        return None
    return Finding(
        State.WEAK,
        "All who come through the proxy share one count of failures",
        "It does TLS, but SONDE_TRUSTED_PROXIES does not name it, so its X-Forwarded-For is not believed. Whoever guesses "
        "SONDE_UI_TOKEN locks everybody else out of it.",
        "Set SONDE_TRUSTED_PROXIES to the proxy's address, as this server sees it.",
    )
