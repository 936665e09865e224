"""Workflow files: text to frozen dataclasses. Whatever this runner does not do is refused here, with file:line.

Source: GitHub docs, "Workflow syntax for GitHub Actions"; which contexts a key may use, "Contexts reference".
Read and without effect: `runs-on` (every job runs on this machine), `max-parallel` and `concurrency` (jobs run one
after another; a run's rendered group is reported, so that the sandbox may act on it).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sonde.sandbox.runner.document import Entry, read, texts_of
from sonde.sandbox.runner.triggers import Trigger, parse_on

RUN = frozenset(["github", "inputs", "vars"])
WORKFLOW_ENV = RUN | {"secrets"}
JOB_IF = RUN | {"needs"}
JOB = JOB_IF | {"strategy", "matrix"}
JOB_ENV = JOB | {"secrets"}
STEP_IF = JOB | {"job", "runner", "env", "steps"}
STEP = STEP_IF | {"secrets"}

PERMISSIONS = (
    "actions",
    "attestations",
    "checks",
    "contents",
    "deployments",
    "discussions",
    "id-token",
    "issues",
    "models",
    "packages",
    "pages",
    "pull-requests",
    "security-events",
    "statuses",
)
# What a job may do when the file says nothing: GitHub's restricted default.
DEFAULT_PERMISSIONS = {"contents": "read", "packages": "read"}
SHELLS = ("bash", "sh", "python")
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
CHECKOUT = "actions/checkout@"
# `with` of actions/checkout; those with None are accepted and without effect (no credentials, always a fresh folder).
CHECKOUT_INPUTS: dict[str, tuple[str, ...] | None] = {
    "ref": (),
    "fetch-depth": (),
    "path": (),
    "token": None,
    "persist-credentials": None,
    "clean": None,
    "fetch-tags": None,
    "show-progress": None,
    "set-safe-directory": None,
    "submodules": ("false",),
    "lfs": ("false",),
}


@dataclass(frozen=True)
class Defaults:
    shell: str | None = None
    working_directory: str | None = None


@dataclass(frozen=True)
class Step:
    """`run` or `uses`, never both. Texts are as written: expressions are evaluated when the step starts."""

    where: str  # file:line
    name: str | None = None
    id: str | None = None
    condition: str = ""
    run: str | None = None
    uses: str | None = None
    with_: Mapping[str, str] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)
    shell: str | None = None
    working_directory: str | None = None
    continue_on_error: Any = False  # a boolean, or an expression
    timeout_minutes: Any = None  # a number, or an expression


@dataclass(frozen=True)
class Job:
    key: str
    where: str  # file:line
    steps: tuple[Step, ...]
    name: str | None = None
    needs: tuple[str, ...] = ()
    condition: str = ""
    env: Mapping[str, str] = field(default_factory=dict)
    permissions: Mapping[str, str] | None = None  # None: those of the workflow
    defaults: Defaults = Defaults()
    outputs: Mapping[str, str] = field(default_factory=dict)
    environment: str | None = None
    timeout_minutes: Any = 360
    continue_on_error: Any = False
    matrix: Any = None  # mapping of lists, include and exclude; or an expression that answers one
    fail_fast: Any = True


@dataclass(frozen=True)
class Workflow:
    path: str
    name: str  # its path if the file gives none, as on GitHub
    triggers: Mapping[str, Trigger]
    jobs: Mapping[str, Job]  # in an order in which each job stands after what it needs
    run_name: str | None = None
    permissions: Mapping[str, str] | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    defaults: Defaults = Defaults()
    concurrency_group: str | None = None
    cancel_in_progress: Any = False


def parse(text: str, path: str = ".github/workflows/workflow.yaml") -> Workflow:
    """The workflow of a file's text. UnsupportedWorkflow `file:line: what` for all that is wrong or not done here."""
    root = read(text, path)
    allowed = ("name", "run-name", "on", "permissions", "env", "defaults", "concurrency", "jobs")
    given = root.mapping(allowed, "the workflow")
    for required in ("on", "jobs"):
        if required not in given:
            raise root.error(f"the workflow has no `{required}`")
    group, cancel = parse_concurrency(given.get("concurrency"), RUN)
    jobs = {key: parse_job(key, item) for key, item in given["jobs"].mapping(of="jobs").items()}
    if not jobs:
        raise given["jobs"].error("the workflow has no job")
    return Workflow(
        path=path,
        name=given["name"].text("name") if "name" in given else path,
        triggers=parse_on(given["on"]),
        jobs=in_order(jobs),
        run_name=given["run-name"].checked(RUN).text("run-name") if "run-name" in given else None,
        permissions=parse_permissions(given["permissions"]) if "permissions" in given else None,
        env=parse_env(given.get("env"), WORKFLOW_ENV),
        defaults=parse_defaults(given.get("defaults"), RUN),
        concurrency_group=group,
        cancel_in_progress=cancel,
    )


def parse_env(entry: Entry | None, contexts: frozenset[str]) -> dict[str, str]:
    if entry is None or entry.value is None:
        return {}
    return texts_of(entry.checked(contexts).mapping(of="env"), "env")


def parse_permissions(entry: Entry) -> dict[str, str]:
    """`read-all`, `write-all` or a mapping; what a mapping leaves out is `none`."""
    if isinstance(entry.value, str):
        level = entry.one_of(("read-all", "write-all"), "permissions").removesuffix("-all")
        return {name: level for name in PERMISSIONS if not (name == "id-token" and level == "read")}
    if entry.value is None:
        return {}
    given = entry.mapping(PERMISSIONS, "permissions")
    return {name: item.one_of(("read", "write", "none"), f"permissions.{name}") for name, item in given.items()}


def parse_defaults(entry: Entry | None, contexts: frozenset[str]) -> Defaults:
    if entry is None:
        return Defaults()
    run = entry.mapping(("run",), "defaults").get("run")
    given = run.mapping(("shell", "working-directory"), "defaults.run") if run else {}
    folder = given.get("working-directory")
    return Defaults(
        shell=given["shell"].one_of(SHELLS, "shell") if "shell" in given else None,
        working_directory=folder.checked(contexts).text("working-directory") if folder else None,
    )


def parse_concurrency(entry: Entry | None, contexts: frozenset[str]) -> tuple[str | None, Any]:
    if entry is None:
        return None, False
    if not isinstance(entry.value, dict):
        return entry.checked(contexts).text("concurrency"), False
    given = entry.checked(contexts).mapping(("group", "cancel-in-progress"), "concurrency")
    if "group" not in given:
        raise entry.error("concurrency has no `group`")
    cancel = given["cancel-in-progress"].plain() if "cancel-in-progress" in given else False
    return given["group"].text("concurrency.group"), cancel


JOB_KEYS = (
    "name",
    "needs",
    "if",
    "permissions",
    "runs-on",
    "env",
    "defaults",
    "steps",
    "outputs",
    "environment",
    "timeout-minutes",
    "continue-on-error",
    "strategy",
    "concurrency",
)


def parse_job(key: str, entry: Entry) -> Job:
    of = f"job '{key}'"
    if not NAME.fullmatch(key):
        raise entry.error(f"{of}: a job's key is letters, digits, - and _")
    given = entry.mapping(JOB_KEYS, of)
    for required in ("runs-on", "steps"):
        if required not in given:
            raise entry.error(f"{of} has no `{required}`")
    given["runs-on"].checked(JOB)
    parse_concurrency(given.get("concurrency"), JOB)
    matrix, fail_fast = parse_strategy(given.get("strategy"))
    return Job(
        key=key,
        where=entry.where,
        steps=parse_steps(given["steps"], of),
        name=given["name"].checked(JOB).text("name") if "name" in given else None,
        needs=given["needs"].texts(f"needs of {of}") if "needs" in given else (),
        condition=given["if"].checked(JOB_IF, is_condition=True).text("if") if "if" in given else "",
        env=parse_env(given.get("env"), JOB_ENV),
        permissions=parse_permissions(given["permissions"]) if "permissions" in given else None,
        defaults=parse_defaults(given.get("defaults"), JOB | {"env"}),
        outputs=parse_outputs(given.get("outputs"), of),
        environment=parse_environment(given.get("environment")),
        timeout_minutes=given["timeout-minutes"].checked(JOB).plain() if "timeout-minutes" in given else 360,
        continue_on_error=given["continue-on-error"].checked(JOB).plain() if "continue-on-error" in given else False,
        matrix=matrix,
        fail_fast=fail_fast,
    )


def parse_outputs(entry: Entry | None, of: str) -> dict[str, str]:
    return texts_of(entry.checked(STEP).mapping(of=f"outputs of {of}"), "outputs") if entry else {}


def parse_environment(entry: Entry | None) -> str | None:
    if entry is None:
        return None
    if not isinstance(entry.value, dict):
        return entry.checked(JOB).text("environment")
    given = entry.checked(STEP).mapping(("name", "url", "deployment"), "environment")
    if "name" not in given:
        raise entry.error("environment has no `name`")
    return given["name"].checked(JOB).text("environment.name")


def parse_strategy(entry: Entry | None) -> tuple[Any, Any]:
    if entry is None:
        return None, True
    given = entry.checked(JOB_IF).mapping(("matrix", "fail-fast", "max-parallel"), "strategy")
    if "matrix" not in given:
        raise entry.error("strategy has no `matrix`")
    matrix = given["matrix"]
    if not isinstance(matrix.value, str):
        for name, item in matrix.mapping(of="matrix").items():
            if not isinstance(item.value, (str, list)):
                raise item.error(f"matrix.{name} must be a list, or an expression that answers one")
    return matrix.plain(), given["fail-fast"].plain() if "fail-fast" in given else True


STEP_KEYS = (
    "id",
    "name",
    "if",
    "run",
    "uses",
    "with",
    "env",
    "shell",
    "working-directory",
    "continue-on-error",
    "timeout-minutes",
)


def parse_steps(entry: Entry, of: str) -> tuple[Step, ...]:
    items = entry.items(f"steps of {of}")
    seen = set()
    for item in items:
        given = item.mapping(STEP_KEYS, f"a step of {of}")
        name = given["id"].text("id") if "id" in given else None
        if name is not None and (name in seen or not NAME.fullmatch(name)):
            raise given["id"].error(f"the step id '{name}' of {of} is used twice or is not a name")
        seen.add(name)
    return tuple(parse_step(item, item.mapping()) for item in items)


def parse_step(entry: Entry, given: dict[str, Entry]) -> Step:
    if ("run" in given) == ("uses" in given):
        raise entry.error("a step has either `run` or `uses`")
    if "uses" in given:
        check_action(given)

    def text(key: str) -> str | None:
        return given[key].checked(STEP).text(key) if key in given else None

    return Step(
        where=entry.where,
        name=text("name"),
        id=given["id"].text("id") if "id" in given else None,
        condition=given["if"].checked(STEP_IF, is_condition=True).text("if") if "if" in given else "",
        run=text("run"),
        uses=given["uses"].text("uses") if "uses" in given else None,
        with_=texts_of(given["with"].checked(STEP).mapping(of="with"), "with") if "with" in given else {},
        env=parse_env(given.get("env"), STEP),
        shell=given["shell"].one_of(SHELLS, "shell") if "shell" in given else None,
        working_directory=text("working-directory"),
        continue_on_error=given["continue-on-error"].checked(STEP).plain() if "continue-on-error" in given else False,
        timeout_minutes=given["timeout-minutes"].checked(STEP).plain() if "timeout-minutes" in given else None,
    )


def check_action(given: dict[str, Entry]) -> None:
    """Only actions/checkout is built in, and of its inputs only those that we honour, or that change nothing here."""
    uses = given["uses"].text("uses")
    if not uses.startswith(CHECKOUT):
        raise given["uses"].error(f"uses: {uses} is not supported; only {CHECKOUT}… is built in, write it as `run:`")
    for key in ("shell", "working-directory"):
        if key in given:
            raise given[key].error(f"`{key}` belongs to `run`")
    for name, item in given["with"].mapping(CHECKOUT_INPUTS, uses).items() if "with" in given else ():
        only = CHECKOUT_INPUTS[name]
        if only and item.text(name) not in only:
            raise item.error(f"{uses} with {name}: {item.text(name)} is not supported")


def in_order(jobs: dict[str, Job]) -> dict[str, Job]:
    """The jobs, each after those that it needs, otherwise as in the file. An error for an unknown need and for a cycle."""
    for job in jobs.values():
        for need in job.needs:
            if need not in jobs:
                raise Entry(None, job.where).error(f"job '{job.key}' needs '{need}', which does not exist")
    ordered: dict[str, Job] = {}
    while len(ordered) < len(jobs):
        ready = [job for job in jobs.values() if job.key not in ordered and set(job.needs) <= ordered.keys()]
        if not ready:
            waiting = [key for key in jobs if key not in ordered]
            where = Entry(None, jobs[waiting[0]].where)
            raise where.error(f"the jobs {', '.join(waiting)} need each other in a circle, or need one that does")
        ordered[ready[0].key] = ready[0]
    return ordered
