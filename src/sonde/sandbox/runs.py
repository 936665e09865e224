"""Workflow runs: what starts them, and what their executor is given."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sonde.sandbox import git, workflows
from sonde.sandbox.accounts import Refused, not_found
from sonde.sandbox.model import PullRequest, Repository, Run, Token
from sonde.sandbox.progress import Progress
from sonde.sandbox.runner.model import (
    InvalidInputs,
    RunRequest,
)
from sonde.sandbox.runner.start import start_matches, validate_inputs
from sonde.sandbox.shapes.accounts import Json

MAX_INPUTS = 25  # of a dispatch, since 2025-12
ACTIONS_BOT = "github-actions[bot]"
TOKEN_OF_JOB_LIFE = 24 * 3600  # seconds; GITHUB_TOKEN


@dataclass(frozen=True)
class Occasion:
    """Why runs start: the event, its payload, and the commit whose workflow files count."""

    event: str
    payload: Json
    actor: str
    ref: str  # GITHUB_REF
    sha: str  # GITHUB_SHA
    head_branch: str
    head_sha: str
    head_repository: Repository
    activity: str | None = None
    branch: str = ""  # what `branches` filters look at
    changed: Sequence[str] = ()
    pull: PullRequest | None = None
    inputs: Mapping[str, Any] = field(default_factory=dict)


def title_contexts(of: Repository, why: Occasion) -> Json:
    """What `run-name` may speak of (GitHub docs, "Contexts reference")."""
    github = {
        "event": why.payload,
        "event_name": why.event,
        "actor": why.actor,
        "ref": why.ref,
        "ref_name": why.ref.split("/", 2)[2],
        "sha": why.sha,
        "head_ref": why.pull.head_branch if why.pull else "",
        "base_ref": why.pull.base_branch if why.pull else "",
        "repository": of.full_name,
        "repository_owner": of.owner,
    }
    return {"github": github, "inputs": dict(why.inputs)}


class Runs(Progress):
    def start_runs(self, of: Repository, occasion: Occasion) -> list[Run]:
        """Start each workflow at the occasion's commit that its event starts, in the order of their names.

        What a job does with its GITHUB_TOKEN starts nothing (GitHub docs, "Automatic token authentication").
        """
        started: list[Run] = []
        if occasion.actor == ACTIONS_BOT:
            return started
        for file in workflows.load_all(self.bare(of), occasion.sha):
            if file.workflow is None:
                self.refused_workflows.append(file.error)
                continue
            matches = start_matches(
                file.workflow, occasion.event, occasion.activity, occasion.branch, changed=occasion.changed
            )
            if matches:
                started.append(self._start(of, file, occasion))
        return started

    def dispatch(self, of: Repository, workflow: str, ref: str, inputs: Mapping[str, Any], *, actor: str) -> Run:
        """POST …/dispatches: start one workflow by its file name, path or id at a branch or tag.

        Raises Refused with GitHub's status and sentence: 404 for a workflow that is not on the default branch, 422
        for everything that is wrong with ref and inputs.
        """
        with self.change():
            path = self.workflow_file(of, workflow).path
            if len(inputs) > MAX_INPUTS:
                sentence = f"No more than {MAX_INPUTS} properties are allowed; {len(inputs)} were supplied."
                raise Refused(422, f"Invalid request.\n\n{sentence}")
            full_ref, sha = self._dispatch_ref(of, ref)
            file = workflows.load(self.bare(of), sha, path)
            if file is None:
                raise Refused(422, f"Workflow file '{path}' does not exist on ref {ref}")  # wording not observed
            if file.workflow is None:
                raise Refused(422, f"Failed to parse workflow: {file.error}")
            try:
                context = validate_inputs(file.workflow, inputs)
            except InvalidInputs as error:
                raise Refused(422, str(error)) from error
            payload = self.emit(
                "workflow_dispatch", None, of, actor, {"inputs": dict(inputs), "ref": full_ref, "workflow": path}
            )
            self.counters["dispatch", path, *(f"{name}={inputs[name]}" for name in sorted(inputs))] += 1
            branch = full_ref.partition("/")[2].partition("/")[2]
            occasion = Occasion(
                "workflow_dispatch", payload, actor, full_ref, sha, branch, sha, of, branch=branch, inputs=context
            )
            return self._start(of, file, occasion)

    def workflow_file(self, of: Repository, workflow: str) -> workflows.File:
        """A workflow on the default branch, by file name, path or id; else Refused 404."""
        for file in self.workflow_files(of):
            if workflow in (file.path, file.path.rpartition("/")[2], str(of.workflow_ids[file.path])):
                return file
        raise not_found()

    def workflow_files(self, of: Repository) -> list[workflows.File]:
        """Workflows on the default branch, each with an id."""
        with self.change():
            sha = git.resolve(self.bare(of), f"refs/heads/{of.default_branch}")
            files = workflows.load_all(self.bare(of), sha) if sha else []
            for file in files:
                self._workflow_id(of, file.path)
            return files

    def _workflow_id(self, of: Repository, path: str) -> int:
        if path not in of.workflow_ids:
            of.workflow_ids[path] = self.next_id("workflow")
        return of.workflow_ids[path]

    def _dispatch_ref(self, of: Repository, ref: str) -> tuple[str, str]:
        for full in (ref, f"refs/heads/{ref}", f"refs/tags/{ref}"):
            if full.startswith(("refs/heads/", "refs/tags/")) and (sha := git.resolve(self.bare(of), full)):
                return full, sha
        raise Refused(422, f"No ref found for: {ref}")

    def _start(self, of: Repository, file: workflows.File, why: Occasion) -> Run:
        assert file.workflow is not None  # noqa: S101 - both callers looked
        number = of.run_numbers[file.path] = of.run_numbers.get(file.path, 0) + 1
        now = self.time()
        contexts = title_contexts(of, why) | {"vars": dict(of.vars)}
        otherwise = why.pull.title if why.pull else file.workflow.name
        group, cancels = workflows.concurrency(file.workflow, contexts)
        run = Run(
            id=self.next_id("run"),
            repository_id=of.id,
            workflow_id=self._workflow_id(of, file.path),
            workflow_path=file.path,
            workflow_name=file.workflow.name,
            title=workflows.title(file.workflow, otherwise, contexts),
            number=number,
            event=why.event,
            ref=why.ref,
            sha=why.sha,
            head_branch=why.head_branch,
            head_sha=why.head_sha,
            head_repository_id=why.head_repository.id,
            actor=why.actor,
            triggered_by=why.actor,
            check_suite_id=self.next_id("suite"),
            created_at=now,
            updated_at=now,
            inputs=dict(why.inputs),
            pull_number=why.pull.number if why.pull else None,
            head_ref=why.pull.head_branch if why.pull else "",
            base_ref=why.pull.base_branch if why.pull else "",
            group=group,
            cancels_group=cancels,
        )
        self.records.runs[run.id] = run
        self._event_file(run).write_text(json.dumps(why.payload))
        self._begin(run, file.text, why.payload)
        return run

    def _event_file(self, run: Run) -> Path:
        """What the run was started by, kept for its later attempts."""
        return self.folder / "events" / f"{run.id}.json"

    def _begin(self, run: Run, text: str, payload: Json) -> None:
        self._emit_run("requested", run)
        self.hand_over(run, self._request(self.repository(run.repository_id), run, text, payload))

    def rerun(self, run_id: int, *, actor: str) -> Run:
        """POST …/rerun: the same run once more as its next attempt, at the same commit. Refused 403 while it runs."""
        with self.change():
            run = self.records.runs[run_id]
            if run.status != "completed":
                raise Refused(403, "This workflow is already running")
            file = workflows.load(self.bare(self.repository(run.repository_id)), run.sha, run.workflow_path)
            if file is None:
                raise Refused(403, "This workflow run cannot be rerun because its workflow file is gone")
            run.attempt += 1
            run.status, run.conclusion, run.because, run.cancel_asked = "queued", None, "", False
            run.triggered_by, run.updated_at, run.started_at = actor, self.time(), None
            self._begin(run, file.text, json.loads(self._event_file(run).read_text()))
            return run

    def _request(self, of: Repository, run: Run, text: str, payload: Json) -> RunRequest:
        """What the executor gets. A run from a fork gets no secrets and no OIDC, as on GitHub."""
        fork = self.from_fork(run)
        token = Token(
            value=self.ids.token("ghs_"),
            installation_id=None,
            expires_at=self.time_in(seconds=TOKEN_OF_JOB_LIFE),
            permissions=dict.fromkeys(("contents", "checks", "issues", "pull_requests"), "read" if fork else "write"),
            repository_ids=[of.id],
            run_id=run.id,
        )
        self.records.tokens[token.value] = token
        return RunRequest(
            repository=of.full_name,
            repository_id=of.id,
            repository_owner_id=self.account(of.owner).id,
            bare_repository=self.bare(of),
            workflow_path=run.workflow_path,
            workflow_text=text,
            event_name=run.event,
            payload=payload,
            ref=run.ref,
            sha=run.sha,
            actor=run.actor,
            run_id=run.id,
            run_number=run.number,
            work=self.folder / "work" / f"{run.id}-{run.attempt}",
            path=self.job_path,
            head_ref=run.head_ref,
            base_ref=run.base_ref,
            run_attempt=run.attempt,
            inputs=payload.get("inputs") or {},
            vars=dict(of.vars),
            secrets={"GITHUB_TOKEN": token.value} | ({} if fork else of.secrets),
            env=dict(self.job_env),
            server_url=self.html_url,
            api_url=self.api_url,
            allocate_job_id=lambda _name: self.next_id("check"),
            oidc=self._grant_oidc,
        )
