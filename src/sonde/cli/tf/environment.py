"""The environment of the tool: ours, the component's `env` section, and what Terraform is told about us."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sonde.cli.project import Project
from sonde.cli.tf.instance import Instance
from sonde.stacks import values


def of(home: Project, instance: Instance, *, secrets: bool = True) -> dict[str, str]:
    """The tool's environment (stacks.md §12). `secrets` adds sensitive variables as TF_VAR_*."""
    ours = home.process.env
    env = dict(ours)
    env |= {name: values.text(value) for name, value in instance.section("env").items()}
    env["ATMOS_CLI_CONFIG_PATH"] = str(home.config.folder or "")
    env["ATMOS_BASE_PATH"] = str(home.config.base_path)
    env |= nested(ours)
    env["TF_IN_AUTOMATION"] = "true"
    agent = ours.get("TF_APPEND_USER_AGENT") or home.config.get("components.terraform.append_user_agent")
    if agent:
        env["TF_APPEND_USER_AGENT"] = str(agent)
    env |= _plugin_cache(home, env)
    return env | (_secrets(instance) if secrets else {})


def nested(env: Mapping[str, str]) -> dict[str, str]:
    """How deep calls are nested in each other."""
    level = env.get("ATMOS_SHLVL", "")
    return {"ATMOS_SHLVL": str(int(level) + 1 if level.isdecimal() else 1)}


def text(value: Any) -> str:
    """A value for Terraform to read as HCL, of which JSON is a part."""
    if isinstance(value, str):
        return value
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _secrets(instance: Instance) -> dict[str, str]:
    """Sensitive variables do not touch the disk; Terraform reads TF_VAR_* as HCL, of which JSON is a part."""
    variables = instance.section("vars")
    return {f"TF_VAR_{name}": text(variables[name]) for name in sorted(instance.secret_variables & variables.keys())}


def _plugin_cache(home: Project, env: Mapping[str, str]) -> dict[str, str]:
    """One folder of providers for all components, unless one is set or the cache is switched off."""
    if env.get("TF_PLUGIN_CACHE_DIR") or not home.config.get("components.terraform.plugin_cache"):
        return {}
    configured = str(home.config.get("components.terraform.plugin_cache_dir") or "")
    base = Path(env.get("XDG_CACHE_HOME") or Path(env.get("HOME", "/")) / ".cache")
    folder = Path(configured) if Path(configured).is_absolute() else base / "atmos" / "terraform" / "plugins"
    folder.mkdir(parents=True, exist_ok=True)
    return {"TF_PLUGIN_CACHE_DIR": str(folder), "TF_PLUGIN_CACHE_MAY_BREAK_DEPENDENCY_LOCK_FILE": "true"}
