"""`settings.pro` as the client uses it: where the control plane is and as whom we speak."""

from typing import NamedTuple

from sonde.wire.limits import DEFAULT_MAX_PAYLOAD

DEFAULT_BASE_URL = "https://app.cloudposse.com"  # decisions.md, ruling 16
DEFAULT_ENDPOINT = "api/v1"


class ProSettings(NamedTuple):
    """Empty texts are unset values (protocol.md §4, §9). `max_payload_bytes` of nothing or less means the default."""

    base_url: str = ""
    endpoint: str = DEFAULT_ENDPOINT
    token: str = ""
    workspace_id: str = ""
    run_id: str = ""
    oidc_request_url: str = ""
    oidc_request_token: str = ""
    audience: str = ""  # of GitHub's token, where it is not the protocol's
    id_token: str = ""  # a token of GitHub's that was minted already
    max_payload_bytes: int = DEFAULT_MAX_PAYLOAD

    def url(self, path: str) -> str:
        """The address of an endpoint: joined as texts, so that a path prefix in the base URL works (protocol.md §1)."""
        return f"{self.base_url or DEFAULT_BASE_URL}/{self.endpoint or DEFAULT_ENDPOINT}/{path}"
