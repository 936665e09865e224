"""The server's settings: the only reader of the environment."""

import os
import re
import sys
from collections.abc import Sequence
from difflib import get_close_matches
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import SplitResult, urlsplit

from pydantic import Field, NonNegativeInt, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
LEGACY_AUDIENCE = "atmos-pro.com"  # what every unmodified client asks for, whatever server it talks to (ruling 3)
GITHUB_ISSUER = "https://token.actions.githubusercontent.com"
PREFIX = "SONDE_"
FOR_TESTS = ("SONDE_CRASH_AT", "SONDE_TRACE_POINTS")  # read by kernel/points.py
ALIKE = 0.85  # of 1: how much a name must be like a setting's to be a misspelling of it


class Settings(BaseSettings):
    """Every `SONDE_*` variable of the server. docs/settings.md explains each."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore")

    listen: str = "127.0.0.1:8080"
    data_dir: Path = Path("~/.local/share/sonde")
    database_url: str = ""
    public_url: str = ""
    oidc_issuers: Annotated[tuple[str, ...], NoDecode] = (GITHUB_ISSUER,)
    oidc_audiences: Annotated[tuple[str, ...], NoDecode] = (LEGACY_AUDIENCE,)
    oidc_legacy_audience: bool = True
    oidc_live_runs: bool = False
    ca_file: Path | None = None
    github_api_url: str = "https://api.github.com"
    github_app_id: str = ""
    github_app_private_key_file: Path | None = None
    github_webhook_secret: str = ""
    github_webhook_secret_before: str = ""
    dispatch_settle_seconds: Positive = 90.0
    effect_lease_seconds: Positive = 120.0
    poll_seconds: Positive = 1.0
    delivery_body_days: Positive = 7.0
    ui_token: str = ""
    failures_at_once: NonNegativeInt = 600
    failures_a_minute: Positive = 60.0
    trusted_proxies: Annotated[tuple[IPv4Network | IPv6Network, ...], NoDecode] = ()
    log_json: bool | None = None
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @field_validator("oidc_issuers", "oidc_audiences", mode="before")
    @classmethod
    def _comma_list(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip().rstrip("/") for part in value.split(",") if part.strip())
        return value

    @field_validator("trusted_proxies", mode="before")
    @classmethod
    def _networks(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(_network(part.strip()) for part in value.split(",") if part.strip())
        return value

    @field_validator("data_dir")
    @classmethod
    def _home(cls, value: Path) -> Path:
        try:
            return value.expanduser()
        except RuntimeError as error:  # such as a unit of systemd with DynamicUser, or a container's user
            raise ValueError(f"this user has no home folder, so {value} is nowhere; set it to a folder") from error

    @field_validator("log_level", mode="before")
    @classmethod
    def _lower(cls, value: object) -> object:
        return value.lower() if isinstance(value, str) else value

    @field_validator("github_app_id")
    @classmethod
    def _app(cls, value: str) -> str:
        if value and not re.fullmatch(r"\d+|Iv[\w.-]+", value):
            raise ValueError(f"{value!r} is neither the App's number nor its client id (Iv…)")
        return value

    @field_validator("public_url")
    @classmethod
    def _origin(cls, value: str) -> str:
        """Pages link to each other from the root, and the cookie is bound to the host: there is no place for a path."""
        if not value:
            return value
        parts = _web(value)
        if parts.path.strip("/") or parts.query or parts.fragment:
            raise ValueError(
                f"{value!r} has a path; Sonde wants a host name of its own, such as https://sonde.example.com"
            )
        return value

    @field_validator("github_api_url")
    @classmethod
    def _api(cls, value: str) -> str:
        _web(value)
        return value

    @field_validator("oidc_issuers")
    @classmethod
    def _issuers(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for issuer in value:
            _web(issuer)
        return value

    @property
    def url_of_database(self) -> str:
        """`SONDE_DATABASE_URL`, or an SQLite file in the data folder."""
        return self.database_url or f"sqlite:///{self.data_dir / 'sonde.sqlite'}"

    @property
    def writes_json(self) -> bool:
        """Whether log lines are JSON: as `SONDE_LOG_JSON` says, else where no terminal shows them."""
        return not sys.stderr.isatty() if self.log_json is None else self.log_json

    @property
    def host(self) -> str:
        """The address part of `SONDE_LISTEN`."""
        return self.listen.rpartition(":")[0].strip("[]") or "127.0.0.1"

    @property
    def port(self) -> int:
        """The port part of `SONDE_LISTEN`. Raises ValueError where it is no number."""
        return int(self.listen.rpartition(":")[2])

    @property
    def url(self) -> str:
        """What people open: `SONDE_PUBLIC_URL`, or the address we listen on."""
        return (
            self.public_url.rstrip("/") or f"http://{'127.0.0.1' if self.listen.startswith(':') else ''}{self.listen}"
        )

    def address(self, port: int) -> str:
        """Where the server listens, for a browser on this machine."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{port}"

    @property
    def github_url(self) -> str:
        """Where people look at GitHub: the API's address without what makes it the API's."""
        return self.github_api_url.rstrip("/").removesuffix("/api/v3").replace("://api.", "://", 1)

    @property
    def github_missing(self) -> tuple[str, ...]:
        """The variables that the GitHub half still needs; empty where it is complete."""
        wanted = {
            "SONDE_GITHUB_APP_ID": self.github_app_id,
            "SONDE_GITHUB_APP_PRIVATE_KEY_FILE": self.github_app_private_key_file,
            "SONDE_GITHUB_WEBHOOK_SECRET": self.github_webhook_secret,
        }
        return tuple(name for name, value in wanted.items() if not value)


def _network(text: str) -> IPv4Network | IPv6Network:
    try:
        return ip_network(text, strict=False)
    except ValueError as error:
        raise ValueError(f"{text!r} is no address and no network, such as 10.0.0.5 or 10.0.0.0/8") from error


def _web(value: str) -> SplitResult:
    try:
        parts = urlsplit(value)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise ValueError(f"{value!r} is no address; one begins with https:// and names a host")
    return parts


def misspelled() -> Sequence[tuple[str, str]]:
    """Variables of the environment that are no settings, but nearly: each with the one that may have been meant."""
    known = [*(f"{PREFIX}{name}".upper() for name in Settings.model_fields), *FOR_TESTS]
    strange = sorted(name for name in os.environ if name.startswith(PREFIX) and name not in known)
    return [(name, meant) for name in strange for meant in get_close_matches(name, known, 1, ALIKE)]
