"""The project around the current folder, as a command needs it: settings, log and the sign-in."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sonde.cli import client
from sonde.cli.errors import ApiError
from sonde.cli.log import Log
from sonde.cli.process import Process
from sonde.cli.settings import ProSettings


@dataclass(frozen=True)
class Project:
    """What atmos.yaml, the environment and the flags say together."""

    process: Process
    pro: ProSettings
    log: Log


def load(process: Process, flags: Mapping[str, Any]) -> Project:
    """Read the project's configuration. Raises StacksError where there is none."""
    env = process.env
    pro = ProSettings(
        base_url=env.get("ATMOS_PRO_BASE_URL", ""),
        endpoint=env.get("ATMOS_PRO_ENDPOINT", ""),
        token=env.get("ATMOS_PRO_TOKEN", ""),
        workspace_id=env.get("ATMOS_PRO_WORKSPACE_ID", ""),
        run_id=env.get("ATMOS_PRO_RUN_ID", ""),
        oidc_request_url=env.get("ACTIONS_ID_TOKEN_REQUEST_URL", ""),
        oidc_request_token=env.get("ACTIONS_ID_TOKEN_REQUEST_TOKEN", ""),
    )
    level = str(flags.get("logs-level") or env.get("ATMOS_LOGS_LEVEL") or "Warning")
    return Project(process, pro, Log(process.stderr, level))


def session(project: Project) -> client.Session:
    """Sign in to the project's control plane."""
    try:
        return client.open_session(project.pro, project.process, project.log)
    except ApiError as error:
        raise error.prefixed("failed to create API client ") from error
