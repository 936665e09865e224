"""`settings.pro` with the environment over it, each value with its origin (stacks.md §1.3; decisions.md rulings 16, 18)."""

from collections.abc import Mapping
from typing import Any, NamedTuple

DEFAULT_BASE_URL = "https://app.cloudposse.com"
DEFAULT_ENDPOINT = "api/v1"
DEFAULT_MAX_PAYLOAD_BYTES = 4 * 1024 * 1024

DEFAULT = "default"


class Value(NamedTuple):
    """A setting and where it comes from: `default`, the path of a file, or the name of an environment variable."""

    text: str
    origin: str

    @property
    def is_default(self) -> bool:
        return self.origin == DEFAULT


class ProSettings(NamedTuple):
    """How to reach the control plane. An empty text is a setting that nobody made."""

    base_url: Value
    endpoint: Value
    token: Value
    workspace_id: Value
    oidc_request_url: Value
    oidc_request_token: Value
    oidc_audience: Value
    github_run_id: Value
    run_id: Value
    head_ref: Value
    git_config_mode: Value
    revoke_on_exit: Value
    github_token: Value  # of ours, for what runs below us; never read
    max_payload: Value

    @property
    def max_payload_bytes(self) -> int:
        return int(self.max_payload.text)

    @property
    def url(self) -> str:
        """The address requests are made below: base URL and endpoint, concatenated as they are."""
        return f"{self.base_url.text}/{self.endpoint.text}"


def pro_settings(
    from_files: Mapping[str, Any], env: Mapping[str, str], origins: Mapping[str, str], limit: int
) -> ProSettings:
    """Choose each value: the environment (an empty variable is unset), then the files, then the default.

    `origins` names the file of each key. `limit` is `max_payload_bytes` as decoded; 0 and below mean the default.
    """

    def choose(variable: str, key: str = "", default: str = "") -> Value:
        # asked for "", the watched environment would note that the answer depends on every variable there is
        if variable and (value := env.get(variable)):
            return Value(value, variable)
        part, _, below = key.partition(".")
        written = from_files.get(part)
        if below:
            written = written.get(below) if isinstance(written, Mapping) else None
        if written not in (None, ""):
            text = str(written).lower() if isinstance(written, bool) else str(written)
            return Value(text, origins.get(key, "atmos.yaml"))
        return Value(default, DEFAULT)

    return ProSettings(
        base_url=choose("ATMOS_PRO_BASE_URL", "base_url", DEFAULT_BASE_URL),
        endpoint=choose("ATMOS_PRO_ENDPOINT", "endpoint", DEFAULT_ENDPOINT),
        token=choose("ATMOS_PRO_TOKEN", "token"),
        workspace_id=choose("ATMOS_PRO_WORKSPACE_ID", "workspace_id"),
        oidc_request_url=choose("ACTIONS_ID_TOKEN_REQUEST_URL", "github_oidc.request_url"),
        oidc_request_token=choose("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "github_oidc.request_token"),
        oidc_audience=choose("ATMOS_PRO_OIDC_AUDIENCE", "github_oidc.audience"),
        github_run_id=choose("GITHUB_RUN_ID", "github_run_id"),
        run_id=choose("ATMOS_PRO_RUN_ID", "atmos_pro_run_id"),
        head_ref=choose("GITHUB_HEAD_REF"),
        git_config_mode=choose("", "git_sts.git_config_mode", "env"),
        revoke_on_exit=choose("", "git_sts.revoke_on_exit", "true"),
        github_token=choose("ATMOS_PRO_GITHUB_TOKEN"),
        max_payload=Value(str(limit), origins.get("max_payload_bytes", "atmos.yaml"))
        if limit > 0
        else Value(str(DEFAULT_MAX_PAYLOAD_BYTES), DEFAULT),
    )
