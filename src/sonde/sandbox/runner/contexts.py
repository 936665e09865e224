"""The contexts of a run and a job, and the default environment of a step (GitHub docs, "Variables reference")."""

import platform
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sonde.sandbox.runner.expressions import interpolate
from sonde.sandbox.runner.model import JobFacts, RunRequest
from sonde.sandbox.runner.values import to_text
from sonde.sandbox.runner.workflow import Workflow

ARCHITECTURES = {"x86_64": "X64", "aarch64": "ARM64", "arm64": "ARM64"}


@dataclass(frozen=True)
class Folders:
    """The folders of one job, all below the run's `work`."""

    root: Path

    @property
    def workspace(self) -> Path:
        return self.root / "workspace"

    @property
    def home(self) -> Path:
        return self.root / "home"

    @property
    def temp(self) -> Path:
        return self.root / "temp"

    @property
    def event(self) -> Path:
        return self.temp / "event.json"

    def make(self) -> None:
        for folder in (self.workspace, self.home, self.temp):
            folder.mkdir(parents=True)


def payload_of(request: RunRequest, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """`github.event`: of a dispatch it holds the inputs, as texts and with their defaults."""
    if request.event_name != "workflow_dispatch":
        return dict(request.payload)
    return {**request.payload, "inputs": {name: to_text(value) for name, value in inputs.items()}}


def github_context(request: RunRequest, workflow: Workflow, inputs: Mapping[str, Any]) -> dict[str, Any]:
    owner, _, _ = request.repository.partition("/")
    _, _, ref_name = request.ref.removeprefix("refs/").partition("/")
    return {
        "actor": request.actor,
        "triggering_actor": request.actor,
        "api_url": request.api_url,
        "base_ref": request.base_ref,
        "event": payload_of(request, inputs),
        "event_name": request.event_name,
        "graphql_url": f"{request.api_url}/graphql",
        "head_ref": request.head_ref,
        "ref": request.ref,
        "ref_name": ref_name or request.ref,
        "ref_type": "tag" if request.ref.startswith("refs/tags/") else "branch",
        "repository": request.repository,
        "repository_id": str(request.repository_id),
        "repository_owner": owner,
        "repository_owner_id": str(request.repository_owner_id),
        "repositoryUrl": f"git:{request.server_url.removeprefix('https:')}/{request.repository}.git",
        "run_attempt": str(request.run_attempt),
        "run_id": str(request.run_id),
        "run_number": str(request.run_number),
        "server_url": request.server_url,
        "sha": request.sha,
        "token": request.secrets.get("GITHUB_TOKEN", ""),
        "workflow": workflow.name,
        "workflow_ref": f"{request.repository}/{request.workflow_path}@{request.ref}",
        "workflow_sha": request.sha,
    }


def run_contexts(request: RunRequest, workflow: Workflow, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """What every expression of the run may use, before `needs` and the job's own contexts."""
    return {
        "github": github_context(request, workflow, inputs),
        "inputs": dict(inputs),
        "vars": dict(request.vars),
        "secrets": dict(request.secrets),
    }


def job_contexts(run: Mapping[str, Any], facts: JobFacts, folders: Folders) -> dict[str, Any]:
    """The run's contexts with those that exist once a job has its folders."""
    github = {
        **run["github"],
        "job": facts.key,
        "event_path": str(folders.event),
        "workspace": str(folders.workspace),
    }
    runner = {
        "name": "sonde-sandbox",
        "os": "Linux" if platform.system() == "Linux" else platform.system(),
        "arch": ARCHITECTURES.get(platform.machine(), platform.machine().upper()),
        "temp": str(folders.temp),
        "tool_cache": str(folders.root / "tools"),
        "environment": "self-hosted",
        "debug": "",
    }
    return {**run, "github": github, "runner": runner}


# Environment variable <- key of the github context.
GITHUB_VARIABLES = {
    "GITHUB_ACTOR": "actor",
    "GITHUB_TRIGGERING_ACTOR": "triggering_actor",
    "GITHUB_API_URL": "api_url",
    "GITHUB_BASE_REF": "base_ref",
    "GITHUB_EVENT_NAME": "event_name",
    "GITHUB_EVENT_PATH": "event_path",
    "GITHUB_GRAPHQL_URL": "graphql_url",
    "GITHUB_HEAD_REF": "head_ref",
    "GITHUB_JOB": "job",
    "GITHUB_REF": "ref",
    "GITHUB_REF_NAME": "ref_name",
    "GITHUB_REF_TYPE": "ref_type",
    "GITHUB_REPOSITORY": "repository",
    "GITHUB_REPOSITORY_ID": "repository_id",
    "GITHUB_REPOSITORY_OWNER": "repository_owner",
    "GITHUB_REPOSITORY_OWNER_ID": "repository_owner_id",
    "GITHUB_RUN_ATTEMPT": "run_attempt",
    "GITHUB_RUN_ID": "run_id",
    "GITHUB_RUN_NUMBER": "run_number",
    "GITHUB_SERVER_URL": "server_url",
    "GITHUB_SHA": "sha",
    "GITHUB_WORKFLOW": "workflow",
    "GITHUB_WORKFLOW_REF": "workflow_ref",
    "GITHUB_WORKFLOW_SHA": "workflow_sha",
    "GITHUB_WORKSPACE": "workspace",
}
RUNNER_VARIABLES = {
    "RUNNER_NAME": "name",
    "RUNNER_OS": "os",
    "RUNNER_ARCH": "arch",
    "RUNNER_TEMP": "temp",
    "RUNNER_TOOL_CACHE": "tool_cache",
    "RUNNER_ENVIRONMENT": "environment",
}


def default_environment(request: RunRequest, contexts: Mapping[str, Any], folders: Folders) -> dict[str, str]:
    """The whole environment of a step before `env:`. Nothing of this process's own environment is in it."""
    return {
        "LANG": "C.UTF-8",
        "USER": "runner",
        **request.env,
        "PATH": request.path,
        "HOME": str(folders.home),
        "TMPDIR": str(folders.temp),
        "CI": "true",
        "GITHUB_ACTIONS": "true",
        **{name: contexts["github"][key] for name, key in GITHUB_VARIABLES.items()},
        **{name: contexts["runner"][key] for name, key in RUNNER_VARIABLES.items()},
    }


def texts(values: Mapping[str, str], contexts: Mapping[str, Any]) -> dict[str, str]:
    """A mapping of texts (`env`, `with`, `outputs`) with its expressions evaluated."""
    return {name: interpolate(value, contexts) for name, value in values.items()}
