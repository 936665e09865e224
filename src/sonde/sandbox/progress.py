"""What becomes of workflow runs: their executor's reports, cancelling, and the OIDC grant of a job."""

from collections.abc import Mapping
from types import MappingProxyType

from sonde.sandbox.accounts import Accounts, Refused
from sonde.sandbox.executor import Executor
from sonde.sandbox.model import CheckRun, Job, Run
from sonde.sandbox.runner.model import (
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
from sonde.sandbox.shapes import actions as shapes
from sonde.sandbox.shapes.accounts import ACTIONS_APP_ID


class Progress(Accounts):
    executor: Executor | None = None  # None: runs stay queued
    issuer_url = "https://token.actions.githubusercontent.com"
    job_env: Mapping[str, str] = MappingProxyType({})  # further environment of every step
    job_path = "/usr/local/bin:/usr/bin:/bin"

    def hand_over(self, run: Run, request: RunRequest) -> None:
        """Give a run to the executor, or let it wait for its concurrency group (GitHub docs, "Concurrency").

        One run of a group works and one waits; a newer one takes the place of the waiting one, which is cancelled.
        """
        rivals = self._group_of(run)
        for other in rivals:
            if other.id in self.waiting:
                why = f"Canceling since a higher priority waiting request for '{run.group}' exists"
                self._end_waiting(other, why)
            elif run.cancels_group:
                self.cancel(other.id)
        if any(other.status != "completed" for other in rivals):
            self.waiting[run.id] = request
        else:
            self._start_now(request)

    def _start_now(self, request: RunRequest) -> None:
        executor = self.executor
        if executor is not None:
            self.after(lambda: executor.start(request, self.report))

    def _group_of(self, run: Run) -> list[Run]:
        """The other runs of its group that are not completed."""
        if not run.group:
            return []
        return [
            other
            for other in self.records.runs.values()
            if (other.repository_id, other.group) == (run.repository_id, run.group)
            and other.id != run.id
            and other.status != "completed"
        ]

    def _end_waiting(self, run: Run, because: str) -> None:
        del self.waiting[run.id]
        self.report(RunCompleted(run.id, "cancelled", because))

    def _start_next(self, run: Run) -> None:
        for other in self._group_of(run):
            if other.id in self.waiting:
                self._start_now(self.waiting.pop(other.id))
                return

    def from_fork(self, run: Run) -> bool:
        return run.event == "pull_request" and run.head_repository_id != run.repository_id

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
            attempt=run.attempt,
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
        self._start_next(run)

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

    def cancel(self, run_id: int) -> None:
        """POST …/cancel. Refused 409 for a run that is completed."""
        with self.change():
            run = self.records.runs[run_id]
            if run.status == "completed":
                raise Refused(409, "Cannot cancel a workflow run that is completed.")
            run.cancel_asked = True
            executor = self.executor
            if run_id in self.waiting:
                self._end_waiting(run, "cancelled before it began")
            elif executor is not None:
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
        """Jobs of the run's latest attempt."""
        attempt = self.records.runs[run_id].attempt
        return [job for job in self.records.jobs.values() if (job.run_id, job.attempt) == (run_id, attempt)]
