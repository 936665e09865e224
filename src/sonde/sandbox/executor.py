"""Who carries out a workflow run: the protocol, the one that runs it for real, and the one for tests.

The world starts a run with `executor.start(request, report)` and learns what becomes of it through `report` only.
"""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from sonde.sandbox.runner.model import (
    Conclusion,
    JobCompleted,
    JobFacts,
    JobQueued,
    JobStarted,
    Report,
    RunCompleted,
    RunEvent,
    RunRequest,
    RunStarted,
)

Execute = Callable[[RunRequest, Report, threading.Event], object]


class Executor(Protocol):
    def start(self, request: RunRequest, report: Report) -> None:
        """Begin the run and return at once; the last event reported is a RunCompleted."""

    def cancel(self, run_id: int) -> None:
        """Try to stop a run; what has begun may go on. The world shows it as cancelled once it ends."""

    def busy(self) -> set[int]:
        """Ids of the runs of which more will be reported without anybody asking for it."""

    def stop(self) -> None:
        """Begin nothing more and wait for what runs."""


class ThreadExecutor:
    """Runs each workflow for real, several at a time, each on a thread of its own."""

    def __init__(self, execute: Execute, *, at_once: int = 4) -> None:
        self._execute = execute
        self._pool = ThreadPoolExecutor(max_workers=at_once, thread_name_prefix="runner")
        self._lock = threading.Lock()
        self._cancels: dict[int, threading.Event] = {}  # of the runs that are not completed

    def start(self, request: RunRequest, report: Report) -> None:
        cancel = threading.Event()
        with self._lock:
            self._cancels[request.run_id] = cancel
            self._pool.submit(self._run, request, report, cancel)

    def _run(self, request: RunRequest, report: Report, cancel: threading.Event) -> None:
        last = RunCompleted(request.run_id, "failure", "the runner ended without a conclusion")

        def pass_on(event: RunEvent) -> None:
            nonlocal last
            if isinstance(event, RunCompleted):
                last = event  # told below, so that there is one end whatever the runner did
            else:
                report(event)

        try:
            self._execute(request, pass_on, cancel)
        except Exception as error:  # noqa: BLE001 - a bug of the runner fails the run that met it, and no other
            last = RunCompleted(request.run_id, "failure", f"{type(error).__name__}: {error}")
        report(last)
        with self._lock:
            del self._cancels[request.run_id]

    def cancel(self, run_id: int) -> None:
        with self._lock:
            if run_id in self._cancels:
                self._cancels[run_id].set()

    def busy(self) -> set[int]:
        with self._lock:
            return set(self._cancels)

    def stop(self) -> None:
        with self._lock:
            for cancel in self._cancels.values():
                cancel.set()
        self._pool.shutdown(wait=True)


class RecordingExecutor:
    """For tests: remembers each run and carries out only what it is told.

    With `conclusion` given, each run ends at once with it.
    """

    def __init__(self, conclusion: Conclusion | None = None) -> None:
        self.requests: dict[int, RunRequest] = {}
        self._reports: dict[int, Report] = {}
        self._jobs: dict[int, JobFacts] = {}
        self._conclusion = conclusion

    def start(self, request: RunRequest, report: Report) -> None:
        self.requests[request.run_id] = request
        self._reports[request.run_id] = report
        if self._conclusion is not None:
            self.complete(request.run_id, self._conclusion)

    def begin(self, run_id: int, job: JobFacts | None = None) -> JobFacts:
        """The run and its one job start; the job gets its OIDC grant, as with `id-token: write`."""
        request, report = self.requests[run_id], self._reports[run_id]
        facts = job or JobFacts("job", "job", request.allocate_job_id("job"), permissions={"id-token": "write"})
        self._jobs[run_id] = facts
        report(RunStarted(run_id, ""))
        report(JobQueued(run_id, facts))
        report(JobStarted(run_id, facts))
        return facts

    def complete(self, run_id: int, conclusion: Conclusion = "success") -> None:
        facts = self._jobs.get(run_id) or self.begin(run_id)
        because = "" if conclusion == "success" else f"the test said {conclusion}"
        self._reports[run_id](JobCompleted(run_id, facts, conclusion, {}, "", because))
        self._reports[run_id](RunCompleted(run_id, conclusion, because))

    def cancel(self, run_id: int) -> None:
        self.complete(run_id, "cancelled")

    def busy(self) -> set[int]:
        return set()

    def stop(self) -> None:
        return
