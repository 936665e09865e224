"""What `sonde serve` says to whoever starts it: where it listens, how to get in, and what is still to be done. Pure."""

from collections.abc import Iterator, Sequence
from urllib.parse import quote

from sonde.server.settings import Settings

LINK = "sonde admin workspace create NAME, then: sonde admin repo add OWNER/NAME …"


def lines(
    settings: Settings,
    address: str,
    *,
    dialect: str,
    link_token: str,
    linked: bool,
    misspelled: Sequence[tuple[str, str]],
) -> Iterator[str]:
    """One after the other, for standard error. `address` is where the socket listens, `linked` whether there is a repository."""
    yield f"Sonde listens on {address} ({dialect})"
    where = settings.public_url.rstrip("/") or address
    if settings.ui_token:  # what works again and again belongs in no log
        yield f"Sign in at {where}/login with SONDE_UI_TOKEN"
    else:
        yield f"Open {where}/login?token={quote(link_token)} (works once, for 24 hours)"
    if settings.github_missing:
        yield (
            "GitHub: no App yet. Locks, uploads and status work; webhooks, checks and dispatches need "
            f"{', '.join(settings.github_missing)}."
        )
    elif not settings.public_url:
        yield f"SONDE_PUBLIC_URL is not set: what is written on GitHub links to {settings.url}, which others cannot open."
    if not linked:
        yield f"No repository is linked yet. With the same settings, run: {LINK}"
    for name, meant in misspelled:
        yield f"{name} is no setting and changes nothing; {meant} is one."
