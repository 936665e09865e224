"""Telling the control plane how a plan or an apply ended (protocol.md §6.3)."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlencode

from sonde.cli import client, git, project
from sonde.cli.errors import CliError
from sonde.cli.project import Project
from sonde.wire.instances import InstanceStatus, status_path


def is_reported(settings: Any) -> bool:
    """Whether the instance takes part: `settings.pro.enabled` is true itself, not a text that says so."""
    pro = settings.get("pro") if isinstance(settings, Mapping) else None
    return isinstance(pro, Mapping) and pro.get("enabled") is True


def report(home: Project, *, component: str, stack: str, command: str, exit_code: int) -> None:
    """Send the result. A failure is a warning: the exit code belongs to Terraform.

    Every report signs in by itself, since many components may take longer than a session lasts. The component is
    named whole; the Go CLI cuts it at the last slash (quirk Q24).
    """
    try:
        _send(home, component=component, stack=stack, command=command, exit_code=exit_code)
    except CliError as error:
        home.log.warning(
            "Failed to upload command status to Atmos Pro. The terraform command result is unaffected.",
            error=error.message,
        )


def _send(home: Project, *, component: str, stack: str, command: str, exit_code: int) -> None:
    session = project.session(home)
    checkout = git.find(home.process.cwd)
    repository = git.repository(checkout)
    known = bool(home.pro.run_id or git.head_sha(checkout))
    status = InstanceStatus(
        command=command,
        exit_code=exit_code,
        last_run=datetime.fromtimestamp(home.process.now(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if known else None,
    )
    path = status_path(quote(repository.owner, safe=""), quote(repository.name, safe=""))
    query = urlencode([("stack", stack), ("component", component)])
    client.upload(session, "UploadInstanceStatus", "PATCH", f"{path}?{query}", status)
