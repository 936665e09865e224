"""Workflow runs: what starts them, what their executor reports, what becomes of them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from sonde.sandbox import git, workflows
from sonde.sandbox.accounts import Accounts, Refused, not_found
from sonde.sandbox.executor import Executor
from sonde.sandbox.model import CheckRun, Job, PullRequest, Repository, Run, Token
from sonde.sandbox.runner.model import (
    InvalidInputs,
    JobCompleted,
    JobFacts,
    JobQueued,
    JobStarted,
    OidcGrant,
    RunCompleted,
    RunEvent,
    RunRequest,
    RunStarted,
    StepCompleted,
)
from sonde.sandbox.runner.start import start_matches, validate_inputs
from sonde.sandbox.shapes import actions as shapes
from sonde.sandbox.shapes.accounts import ACTIONS_APP_ID, Json
from sonde.sandbox.state import Ids, Records, utc_now

MAX_INPUTS = 25  # of a dispatch, since 2025-12
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


class Runs(Accounts):
    def __init__(
        self,
        folder: Path,
        records: Records,
        *,
        now: Callable[[], datetime] = utc_now,
        ids: Ids | None = None,
        persist: bool = True,
    ) -> None:
        super().__init__(folder, records, now=now, ids=ids, persist=persist)
        self.executor: Executor | None = None  # None: runs stay queued
        self.issuer_url = "https://token.actions.githubusercontent.com"
        self.job_env: dict[str, str] = {}  # further environment of every step
        self.job_path = "/usr/local/bin:/usr/bin:/bin"
        self.refused_workflows: list[str] = []  # `file:line: what` of files that no event can start here

    # --- what starts a run

    def start_runs(self, of: Repository, occasion: Occasion) -> list[Run]:
        """Start each workflow at the occasion's commit that its event starts, in the order of their names."""
        started = []
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
            check_suite_id=self.next_id("suite"),
            created_at=now,
            updated_at=now,
            inputs=dict(why.inputs),
            pull_number=why.pull.number if why.pull else None,
            head_ref=why.pull.head_branch if why.pull else "",
            base_ref=why.pull.base_branch if why.pull else "",
        )
        self.records.runs[run.id] = run
        self._emit_run("requested", run)
        request = self._request(of, run, file.text, why.payload)
        self.after(lambda: self._hand_to_executor(request))
        return run

    def _hand_to_executor(self, request: RunRequest) -> None:
        if self.executor is not None:
            self.executor.start(request, self.report)

    def from_fork(self, run: Run) -> bool:
        return run.event == "pull_request" and run.head_repository_id != run.repository_id

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
            work=self.folder / "work" / str(run.id),
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

    # --- what the executor reports

    def report(self, event: RunEvent) -> None:
        """Take in an executor's event; runs that are completed already are left alone."""
        with self.change():
            run = self.records.runs[event.run_id]
            if run.status == "completed":
                return
            run.updated_at = self.time()
            match event:
                case RunStarted():
                    self._run_started(run)
                case JobQueued():
                    self._job_queued(run, event.job)
                case JobStarted():
                    self._job_started(event.job)
                case StepCompleted():
                    self._step_completed(event)
                case JobCompleted():
                    self._job_completed(event)
                case RunCompleted():
                    self._run_completed(run, event)

    def _run_started(self, run: Run) -> None:
        run.status, run.started_at = "in_progress", self.time()
        self._emit_run("in_progress", run)

    def _job_queued(self, run: Run, facts: JobFacts) -> None:
        now = self.time()
        job = Job(
            id=facts.check_run_id,
            run_id=run.id,
            key=facts.key,
            name=facts.name,
            created_at=now,
            environment=facts.environment,
            permissions=dict(facts.permissions),
        )
        self.records.jobs[job.id] = job
        self.records.check_runs[job.id] = CheckRun(
            id=job.id,
            repository_id=run.repository_id,
            app_id=ACTIONS_APP_ID,
            suite_id=run.check_suite_id,
            head_sha=run.head_sha,
            name=facts.name,
            created_at=now,
            started_at=now,
            details_url=f"{shapes.run_page(self, run)}/job/{job.id}",
        )
        self._emit_job("queued", job)

    def _job_started(self, facts: JobFacts) -> None:
        job, check = self.records.jobs[facts.check_run_id], self.records.check_runs[facts.check_run_id]
        job.status, job.started_at = "in_progress", self.time()
        job.environment = facts.environment
        check.status, check.started_at = "in_progress", job.started_at
        self._emit_job("in_progress", job)

    def _step_completed(self, event: StepCompleted) -> None:
        step = {
            "number": event.number,
            "name": event.name,
            "conclusion": event.conclusion,
            "completed_at": self.time(),
            "log": event.log,
        }
        self.records.jobs[event.job.check_run_id].steps.append(step)

    def _job_completed(self, event: JobCompleted) -> None:
        job, check = self.records.jobs[event.job.check_run_id], self.records.check_runs[event.job.check_run_id]
        now = self.time()
        job.status, job.conclusion, job.completed_at = "completed", event.conclusion, now
        job.outputs, job.summary, job.because = dict(event.outputs), event.summary, event.because
        job.oidc_token = None
        check.status, check.conclusion, check.completed_at = "completed", event.conclusion, now
        self._emit_job("completed", job)

    def _run_completed(self, run: Run, event: RunCompleted) -> None:
        run.status = "completed"
        run.conclusion = "cancelled" if run.cancel_asked else event.conclusion
        run.because = event.because
        for value in [token.value for token in self.records.tokens.values() if token.run_id == run.id]:
            del self.records.tokens[value]
        self._emit_run("completed", run)

    def _emit_run(self, action: str, run: Run) -> None:
        of = self.repository(run.repository_id)
        body = {
            "workflow": shapes.workflow(self, of, run.workflow_path, run.workflow_name),
            "workflow_run": shapes.run(self, run),
        }
        self.emit("workflow_run", action, of, run.actor, body)

    def _emit_job(self, action: str, job: Job) -> None:
        run = self.records.runs[job.run_id]
        self.emit(
            "workflow_job",
            action,
            self.repository(run.repository_id),
            run.actor,
            {"workflow_job": shapes.job(self, job)},
        )

    # --- what users and clients do to a run

    def cancel(self, run_id: int) -> None:
        """POST …/cancel. Refused 409 for a run that is completed."""
        with self.change():
            run = self.records.runs[run_id]
            if run.status == "completed":
                raise Refused(409, "Cannot cancel a workflow run that is completed.")
            run.cancel_asked = True
            if self.executor is not None:
                executor = self.executor
                self.after(lambda: executor.cancel(run_id))

    def _grant_oidc(self, facts: JobFacts) -> OidcGrant | None:
        with self.change():
            job = self.records.jobs[facts.check_run_id]
            if self.from_fork(self.records.runs[job.run_id]):
                return None
            job.oidc_token = self.ids.token("idtoken_")
            url = f"{self.issuer_url}/idtoken/{job.run_id}/{job.id}?api-version=2.0"
            return OidcGrant(url, job.oidc_token)

    def jobs_of(self, run_id: int) -> list[Job]:
        return [job for job in self.records.jobs.values() if job.run_id == run_id]
