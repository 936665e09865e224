"""One step: a `run:` with a real shell, or the built-in checkout with real git."""

import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sonde.sandbox.runner import checkout, commands, process
from sonde.sandbox.runner.contexts import Folders, texts
from sonde.sandbox.runner.expressions import condition, interpolate, resolve
from sonde.sandbox.runner.functions import Status
from sonde.sandbox.runner.model import Conclusion, ExpressionError, JobFacts, Report, RunnerError, RunRequest
from sonde.sandbox.runner.values import to_number
from sonde.sandbox.runner.workflow import Job, Step, Workflow

# What GitHub starts for `shell:` (docs, "Workflow syntax", steps.shell); without one it is bash without pipefail.
SHELLS: dict[str | None, tuple[str, ...]] = {
    None: ("bash", "-e"),
    "bash": ("bash", "--noprofile", "--norc", "-eo", "pipefail"),
    "sh": ("sh", "-e"),
    "python": ("python3",),
}
NEVER = threading.Event()  # never set


@dataclass(frozen=True)
class JobPlan:
    """What is fixed before the job starts."""

    request: RunRequest
    workflow: Workflow
    job: Job
    facts: JobFacts
    contexts: Mapping[str, Any]  # of the run, with needs, matrix and strategy
    folders: Folders
    report: Report
    cancel: threading.Event


@dataclass
class Running:
    """What changes while the job runs."""

    contexts: dict[str, Any]
    base: dict[str, str]  # environment of every step before `env:`
    env: dict[str, str]  # the `env` context between steps: workflow, job, GITHUB_ENV
    deadline: float  # time.monotonic
    secrets: set[str]  # what logs and summaries show as ***
    prepended: list[str] = field(default_factory=list)  # GITHUB_PATH, the newest first
    summary: list[str] = field(default_factory=list)
    processes: list["subprocess.Popen[bytes]"] = field(default_factory=list)
    status: Status = field(default_factory=Status)


@dataclass(frozen=True)
class StepResult:
    """What became of a step, before its continue-on-error."""

    outcome: Conclusion  # timed_out: the job's time was up, not the step's own
    because: str = ""
    outputs: Mapping[str, str] = field(default_factory=dict)
    log: str = ""


def run_step(plan: JobPlan, running: Running, number: int, step: Step) -> StepResult:
    """Run the step, or skip it if its `if` says so. What is wrong with it is a failure, never an exception."""
    try:
        own = texts(step.env, running.contexts)
        running.contexts["env"] = {**running.env, **own}
        if not condition(step.condition, running.contexts, running.status):
            return StepResult("skipped")
        return act(plan, running, step, Workbench.of(plan, running, number, own))
    except (RunnerError, OSError, ValueError) as error:  # ValueError: a NUL in the script, a path or the environment
        return StepResult("failure", str(error), log=f"Error: {error}\n")


@dataclass(frozen=True)
class Workbench:
    """The files and the environment of one step."""

    script: Path
    log: Path
    files: Mapping[str, Path]  # GITHUB_ENV, GITHUB_OUTPUT, …
    env: Mapping[str, str]

    @classmethod
    def of(cls, plan: JobPlan, running: Running, number: int, own: Mapping[str, str]) -> "Workbench":
        folder = plan.folders.temp / f"step{number}"
        folder.mkdir()
        files = {name: folder / name.removeprefix("GITHUB_").lower() for name in commands.FILES}
        for path in files.values():
            path.touch()
        env = {**running.base, **running.env, **own, **{name: str(path) for name, path in files.items()}}
        env["PATH"] = ":".join([*running.prepended, env["PATH"]])
        return cls(folder / "script", folder / "log", files, env)


def act(plan: JobPlan, running: Running, step: Step, bench: Workbench) -> StepResult:
    """Do the step's work, then take what it left in its command files, whether it succeeded or not."""
    deadline = step_deadline(step, running)
    outputs: dict[str, str] = {}
    if step.uses:
        given = texts(step.with_, running.contexts)
        ended = check_out(plan, running, given, bench, deadline)
        outputs = checkout.outputs(plan.request, given, plan.folders.workspace) if ended == 0 else {}
    else:
        argv, folder = shell_command(plan, running, step, bench.script)
        ended = execute(plan, running, argv, folder, bench, deadline)
    log = commands.read_text(bench.log)
    running.secrets |= commands.masks_in(log)
    try:
        outputs |= take_files(running, bench.files)
    except commands.BadCommandFile as error:
        return StepResult("failure", str(error), outputs, f"{log}Error: {error}\n")
    outcome, because = judged(running, ended)
    return StepResult(outcome, because, outputs, f"{log}Error: {because}\n" if because else log)


def step_deadline(step: Step, running: Running) -> float:
    """The step's own limit, if it ends before the job's."""
    if step.timeout_minutes is None:
        return running.deadline
    return min(running.deadline, time.monotonic() + seconds_of(step.timeout_minutes, running.contexts))


def seconds_of(minutes: Any, contexts: Mapping[str, Any]) -> float:
    """A `timeout-minutes`, number or expression, in seconds. ExpressionError unless it is above 0."""
    found = to_number(resolve(minutes, contexts))
    if not found > 0:
        raise ExpressionError(f"timeout-minutes '{minutes}' is not a number above 0")
    return found * 60


def judged(running: Running, ended: process.Ended) -> tuple[Conclusion, str]:
    """Outcome of a step and GitHub's sentence for it."""
    if ended == 0:
        return "success", ""
    if ended == "cancelled":
        return "cancelled", "The operation was canceled."
    if ended == "timed_out":
        whose: Conclusion = "timed_out" if time.monotonic() >= running.deadline else "failure"
        return whose, "The action has timed out."
    return "failure", f"Process completed with exit code {ended}."


def shell_command(plan: JobPlan, running: Running, step: Step, script: Path) -> tuple[list[str], Path]:
    """(argv, folder) of a `run` step. The script is a file, as on GitHub: `$0` and long scripts behave the same."""
    defaults = (plan.job.defaults, plan.workflow.defaults)
    shell = step.shell or next((given.shell for given in defaults if given.shell), None)
    where = step.working_directory or next((d.working_directory for d in defaults if d.working_directory), None) or "."
    folder = plan.folders.workspace / interpolate(where, running.contexts)
    if not folder.is_dir():
        raise checkout.BadCheckout(f"The working directory '{folder}' does not exist. Is there a checkout before it?")
    script.write_text(interpolate(step.run or "", running.contexts))
    return [*SHELLS[shell], str(script)], folder


def execute(
    plan: JobPlan, running: Running, argv: Sequence[str], folder: Path, bench: Workbench, deadline: float
) -> process.Ended:
    """Run one command into the step's log. A step that runs in spite of a cancelled run is not cancelled again."""
    started = process.spawn(argv, cwd=folder, env=bench.env, log=bench.log)
    running.processes.append(started)
    return process.wait(started, deadline, NEVER if running.status.cancelled else plan.cancel)


def check_out(
    plan: JobPlan, running: Running, given: Mapping[str, str], bench: Workbench, deadline: float
) -> process.Ended:
    """`actions/checkout`: its git commands, the first that fails ends it."""
    folder = checkout.folder(plan.folders.workspace, given.get("path", ""))
    checkout.prepare(folder)
    shallow = (folder / ".git" / "shallow").exists()
    env = {**bench.env, "GIT_TERMINAL_PROMPT": "0"}
    quiet = Workbench(bench.script, bench.log, bench.files, env)
    for argv in checkout.script(plan.request, given, shallow=shallow):
        ended = execute(plan, running, argv, folder, quiet, deadline)
        if ended != 0:
            return ended
    return 0


def take_files(running: Running, files: Mapping[str, Path]) -> dict[str, str]:
    """Honour the command files; the answer is GITHUB_OUTPUT. Raises BadCommandFile."""
    if summary := commands.read_text(files["GITHUB_STEP_SUMMARY"]):
        running.summary.append(summary)
    for line in commands.read_text(files["GITHUB_PATH"]).splitlines():
        if line.strip():
            running.prepended.insert(0, line.strip())
    running.env |= commands.pairs(commands.read_text(files["GITHUB_ENV"]), "env")
    return commands.pairs(commands.read_text(files["GITHUB_OUTPUT"]), "output")
