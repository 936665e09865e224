"""The server's settings: the only reader of the environment."""

import sys
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, NonNegativeInt, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
LEGACY_AUDIENCE = "atmos-pro.com"  # what every unmodified client asks for, whatever server it talks to (ruling 3)
GITHUB_ISSUER = "https://token.actions.githubusercontent.com"


class Settings(BaseSettings):
    """Every `SONDE_*` variable of the server. docs/settings.md explains each."""

    model_config = SettingsConfigDict(env_prefix="SONDE_", frozen=True, extra="ignore")

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
        return value.expanduser()

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
        return self.public_url.rstrip("/") or f"http://{self.listen}"

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
