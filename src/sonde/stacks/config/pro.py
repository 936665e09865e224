"""`settings.pro` with the environment over it, each value with its origin (stacks.md §1.3; decisions.md rulings 16, 18)."""

from collections.abc import Mapping
from typing import Any, NamedTuple

DEFAULT_BASE_URL = "https://app.cloudposse.com"
DEFAULT_ENDPOINT = "api/v1"
DEFAULT_MAX_PAYLOAD_BYTES = 4 * 1024 * 1024

DEFAULT = "default"


class Value(NamedTuple):
    """A setting and where it comes from: `default`, the path of atmos.yaml, or the name of an environment variable."""

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
    max_payload_bytes: int

    @property
    def url(self) -> str:
        """The address requests are made below: base URL and endpoint, concatenated as they are."""
        return f"{self.base_url.text}/{self.endpoint.text}"


def pro_settings(from_files: Mapping[str, Any], env: Mapping[str, str], file_name: str, limit: int) -> ProSettings:
    """Choose each value: the environment (an empty variable is unset), then atmos.yaml, then the default.

    `limit` is `max_payload_bytes` as decoded; 0 and below mean the default.
    """
    oidc = from_files.get("github_oidc") or {}

    def choose(variable: str, written: Any = None, default: str = "") -> Value:
        if value := env.get(variable):
            return Value(value, variable)
        if written not in (None, ""):
            return Value(str(written), file_name)
        return Value(default, DEFAULT)

    return ProSettings(
        base_url=choose("ATMOS_PRO_BASE_URL", from_files.get("base_url"), DEFAULT_BASE_URL),
        endpoint=choose("ATMOS_PRO_ENDPOINT", from_files.get("endpoint"), DEFAULT_ENDPOINT),
        token=choose("ATMOS_PRO_TOKEN", from_files.get("token")),
        workspace_id=choose("ATMOS_PRO_WORKSPACE_ID", from_files.get("workspace_id")),
        oidc_request_url=choose("ACTIONS_ID_TOKEN_REQUEST_URL", oidc.get("request_url")),
        oidc_request_token=choose("ACTIONS_ID_TOKEN_REQUEST_TOKEN", oidc.get("request_token")),
        oidc_audience=choose("ATMOS_PRO_OIDC_AUDIENCE", oidc.get("audience")),
        github_run_id=choose("GITHUB_RUN_ID"),
        run_id=choose("ATMOS_PRO_RUN_ID"),
        head_ref=choose("GITHUB_HEAD_REF"),
        max_payload_bytes=limit if limit > 0 else DEFAULT_MAX_PAYLOAD_BYTES,
    )
