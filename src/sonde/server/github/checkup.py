"""At the start: does GitHub take our App, and has it what the server needs? The log says so, before somebody misses a check."""

from collections.abc import Mapping
from typing import Any

from sonde.server.github.client import GitHub, GitHubError
from sonde.server.kernel.log import log

LEVELS = ("", "read", "write", "admin")
PERMISSIONS = {"metadata": "read", "contents": "read", "actions": "write", "checks": "write", "pull_requests": "write"}
EVENTS = ("pull_request", "workflow_run")


def lacking(app: Mapping[str, Any]) -> list[str]:
    """What the App of `GET /app` has not, in GitHub's words: `checks: write`, `event workflow_run`."""
    given = app.get("permissions") or {}
    rights = [
        f"{name}: {level}"
        for name, level in PERMISSIONS.items()
        if LEVELS.index(level) > (LEVELS.index(given.get(name, "")) if given.get(name, "") in LEVELS else 0)
    ]
    return rights + [f"event {name}" for name in EVENTS if name not in (app.get("events") or ())]


def look(github: GitHub) -> None:
    """Ask GitHub about the App, once, and log the answer. A server without GitHub starts all the same."""
    try:
        app = github.app()
    except GitHubError as error:
        log.error("github.app_refused", because=str(error))
        return
    if lacks := lacking(app):
        log.warning("github.app_lacks", app=app["slug"], lacks=lacks, settings=f"{app.get('html_url', '')}")
    else:
        log.info("github.app", app=app["slug"])
