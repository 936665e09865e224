"""Which tokens atmos.yaml's `auth` asks for. Pure: configuration and environment in, settings out."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sonde.cli.errors import CliError
from sonde.cli.project import Project
from sonde.cli.settings import ProSettings
from sonde.wire.sts import DEFAULT_POLICY

PROVIDER, INTEGRATION = "atmos/pro", "github/sts"
MODES = ("env", "file")


@dataclass(frozen=True)
class Integration:
    """One `github/sts` integration. `repos` empty asks for all; `revoke` ends the tokens when the command ends."""

    name: str
    repos: tuple[str, ...]
    policy: str
    mode: str
    revoke: bool
    pro: ProSettings


def of(home: Project) -> list[Integration]:
    """The integrations, in the order of their names. Raises CliError for one that cannot be understood."""
    auth = home.config.get("auth") or {}
    found = auth.get("integrations") if isinstance(auth, Mapping) else None
    if not isinstance(found, Mapping):
        return []
    return [
        _integration(home, auth, name, entry)
        for name, entry in sorted(found.items())
        if isinstance(entry, Mapping) and entry.get("kind") == INTEGRATION
    ]


def _integration(home: Project, auth: Mapping[str, Any], name: str, entry: Mapping[str, Any]) -> Integration:
    spec = _map(entry.get("spec"))
    defaults = _map(home.config.get("settings.pro.git_sts"))
    mode = spec.get("git_config_mode") or defaults.get("git_config_mode") or "env"
    if mode not in MODES:
        raise CliError(f"auth.integrations.{name}.spec.git_config_mode is '{mode}'; it can be {' or '.join(MODES)}")
    revoke = spec.get("revoke_on_exit", defaults.get("revoke_on_exit", True))
    provider = _provider(auth, name, _map(entry.get("via")))
    return Integration(
        name=name,
        repos=tuple(str(repo) for repo in spec.get("repos") or ()),
        policy=str(spec.get("policy_name") or spec.get("policy") or DEFAULT_POLICY),
        mode=mode,
        revoke=revoke is not False,
        pro=_settings(home, provider),
    )


def _provider(auth: Mapping[str, Any], name: str, via: Mapping[str, Any]) -> Mapping[str, Any]:
    """The provider that `via` names, by itself or through an identity; the only one there is if it names none."""
    providers, identities = _map(auth.get("providers")), _map(auth.get("identities"))
    identity = _map(identities.get(str(via.get("identity"))))
    wanted = via.get("provider") or _map(identity.get("via")).get("provider")
    pros = [key for key, entry in providers.items() if _map(entry).get("kind") == PROVIDER]
    chosen = wanted or (pros[0] if len(pros) == 1 else None)
    if chosen not in pros:
        what = f"'{wanted}', which is no provider of kind {PROVIDER}" if wanted else "no provider"
        raise CliError(
            f"auth.integrations.{name}.via names {what}",
            hints=[f"Add one below auth.providers with `kind: {PROVIDER}`, and name it in `via: {{provider: NAME}}`."],
        )
    return _map(providers[chosen])


def _settings(home: Project, provider: Mapping[str, Any]) -> ProSettings:
    """The provider's `spec` first, then what all calls use. A static token is never used here (protocol.md §7.2)."""
    spec, pro = _map(provider.get("spec")), home.pro
    return ProSettings(
        base_url=str(spec.get("base_url") or pro.base_url).rstrip("/"),
        endpoint=str(spec.get("endpoint") or pro.endpoint),
        workspace_id=str(spec.get("workspace_id") or pro.workspace_id),
        audience=str(spec.get("audience") or ""),
        id_token=home.process.env.get("ACTIONS_ID_TOKEN", ""),
        oidc_request_url=pro.oidc_request_url,
        oidc_request_token=pro.oidc_request_token,
    )


def _map(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
