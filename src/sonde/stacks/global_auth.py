"""atmos.yaml's `auth` as `describe component` shows it for a component that has none of its own."""

from collections.abc import Mapping
from typing import Any

from sonde.stacks.merge import Section

# Every field of an identity and of a provider, with what stands there when nothing is written.
IDENTITY: Mapping[str, Any] = {
    "kind": "",
    "default": False,
    "required": False,
    "provider": "",
    "via": None,
    "principal": {},
    "credentials": {},
    "spec": {},
    "alias": "",
    "env": [],
    "session": None,
    "emulator": "",
    "tags": [],
}
PROVIDER: Mapping[str, Any] = {
    "kind": "",
    "start_url": "",
    "url": "",
    "region": "",
    "username": "",
    "password": "",
    "driver": "",
    "provider_type": "",
    "download_browser_driver": False,
    "browser_type": "",
    "browser_executable_path": "",
    "auto_provision_identities": None,
    "session": None,
    "console": None,
    "default": False,
    "spec": {},
    "tags": [],
}
VIA: Mapping[str, Any] = {"provider": "", "identity": ""}


def section(auth: Mapping[str, Any]) -> Section:
    """Providers and identities with all their fields; empty when atmos.yaml names none."""
    found: Section = {}
    for name, fields in (("providers", PROVIDER), ("identities", IDENTITY)):
        entries = auth.get(name)
        if isinstance(entries, Mapping) and entries:
            found[name] = {key: _filled(entry, fields) for key, entry in entries.items()}
    return found


def _filled(entry: Any, fields: Mapping[str, Any]) -> Any:
    if not isinstance(entry, Mapping):
        return entry
    result = {**fields, **{key: value for key, value in entry.items() if value is not None}}
    if isinstance(result.get("via"), Mapping):
        result["via"] = {**VIA, **result["via"]}
    return result
