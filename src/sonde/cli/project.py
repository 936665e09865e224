"""The project around the current folder, as a command needs it: configuration, settings, log and the sign-in."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from sonde.cli import client, git
from sonde.cli.errors import ApiError, CliError, GitError
from sonde.cli.log import Log
from sonde.cli.process import Process
from sonde.cli.settings import ProSettings
from sonde.stacks import config
from sonde.stacks.config import Config


class Project(NamedTuple):
    """What atmos.yaml, the environment and the flags say together."""

    process: Process
    config: Config
    pro: ProSettings
    log: Log


def load(process: Process, flags: Mapping[str, Any], *, warn: bool = True) -> Project:
    """Read the project's configuration. Raises StacksError for one that is wrong, CliError where there are no stacks."""
    project = of(process, config.load(cwd=process.cwd, env=process.env, flags=_flags(flags)))
    for warning in project.config.warnings if warn else ():
        project.log.warning(warning)
    project.config.require_stacks()
    _require_manifests(project.config.stacks_base, str(project.config.get("stacks.base_path")))
    return project


def of(process: Process, loaded: Config) -> Project:
    """The project of a configuration that is loaded already."""
    return Project(process, loaded, _pro(loaded), Log(process.stderr, str(loaded.get("logs.level") or "Warning")))


def session(project: Project) -> client.Session:
    """Sign in to the project's control plane."""
    try:
        return client.open_session(project.pro, project.process, project.log)
    except ApiError as error:
        raise error.prefixed("failed to create API client ") from error


def repository(process: Process) -> git.Repository:
    """The repository of the checkout around us. Raises GitError where there is none, or its remote is no host's."""
    try:
        return git.repository(git.find(process.cwd))
    except GitError as error:
        raise GitError(f"failed to get local repository {error.message}", hints=error.hints) from error


def _flags(given: Mapping[str, Any]) -> config.Flags:
    return config.Flags(
        base_path=given.get("base-path", ""),
        config=given.get("config", ()),
        config_path=given.get("config-path", ()),
        profiles=given.get("profile", ()),
        logs_level=given.get("logs-level", ""),
        logs_file=given.get("logs-file", ""),
        list_merge_strategy=given.get("settings-list-merge-strategy", ""),
    )


def _pro(loaded: Config) -> ProSettings:
    pro = loaded.pro
    return ProSettings(
        base_url="" if pro.base_url.is_default else pro.base_url.text,
        endpoint=pro.endpoint.text,
        token=pro.token.text,
        workspace_id=pro.workspace_id.text,
        run_id=pro.run_id.text,
        oidc_request_url=pro.oidc_request_url.text,
        oidc_request_token=pro.oidc_request_token.text,
        audience=pro.oidc_audience.text,
        max_payload_bytes=0 if pro.max_payload.is_default else pro.max_payload_bytes,
    )


def _require_manifests(folder: Path, written: str) -> None:
    """A project without stacks is a wrong folder, more often than not (stacks.md §11.1)."""
    if not folder.is_dir():
        missing = "the directory does not exist"
    elif not any(name.endswith((".yaml", ".yml")) for _, _, names in os.walk(folder) for name in names):
        missing = "it holds no manifest"
    else:
        return
    raise CliError(
        f"atmos.yaml names {written} as the directory of the stacks, but {missing}: {folder}",
        hints=["Run at the top of the project, or set `stacks.base_path` (ATMOS_STACKS_BASE_PATH)."],
    )
