"""One call for several instances: one after the other, or some at a time, in the order of their dependencies."""

from collections.abc import Mapping
from dataclasses import replace

from sonde.cli.errors import CliError, ToolError, UsageError
from sonde.cli.project import Project
from sonde.cli.tf import board, execute, parallel, run, schedule, selection, summary
from sonde.cli.tf import instance as instances
from sonde.cli.tf.argv import Call
from sonde.cli.tf.order import Node
from sonde.cli.tf.schedule import FAIL_FAST, KEEP_GOING, Ended, Job
from sonde.stacks.engine import Engine
from sonde.stacks.errors import StacksError

EXPANSIONS = ("include-dependencies", "include-dependents")
CHOICES = {"failure-mode": (FAIL_FAST, KEEP_GOING), "log-order": (board.STREAM, board.GROUPED)}


def is_many(call: Call) -> bool:
    """Whether the call names a selection, or no component at all where a stack is given."""
    named = any(call.values.get(name) for name in ("components", "query", "tags", "labels"))
    selects = call.on("all") or call.on("affected") or named
    return selects or (not call.component and bool(call.stack) and call.name in ("plan", "apply", "deploy", "destroy"))


def check_one(call: Call) -> None:
    """Raises CliError where a call for one instance asks for more than that one."""
    if any(call.on(name) for name in EXPANSIONS):
        raise CliError(
            "--include-dependencies and --include-dependents add to a selection of several components, and need one of "
            "--all, --affected, --components, --query, --tags and --labels, or -s without a component"
        )


def execute_many(home: Project, call: Call) -> int:
    """Run a call for each selected instance. After a failure nothing new starts, unless the call says to keep going.

    Raises ToolError with 2 where a plan of any of them found changes and said so by its exit code.
    """
    _check(call)
    limit = _limit(call)
    engine = instances.engine_of(home)
    chosen = selection.select(home, call, engine)
    if not chosen.order:
        home.process.stderr.write("✓ No components matched\n")
        return 0
    job = Job(*chosen, limit=limit, failure_mode=call.values.get("failure-mode") or FAIL_FAST)
    if limit == 1 or len(chosen.order) == 1 or call.on("dry-run"):
        ended = _in_turn(home, call, engine, job)
    else:
        _require_approval(home, call)
        shown = board.Board(home.process, call.name, len(job.order), call.values.get("log-order") or board.STREAM)
        ended = parallel.run(home, call, job, shown)
        shown.summary(job.order, ended)
    if call.values.get("execution-summary-file"):
        summary.write(home.process.cwd / call.values["execution-summary-file"], job.order, ended)
    return _result(job, ended)


def _check(call: Call) -> None:
    """Raises CliError where the flags exclude each other, or have a value that means nothing."""
    if call.component:
        raise CliError(
            f"component {call.component}: the component argument can't be used with the multi-component (bulk operations) "
            "flags --affected, --all, --query, --components, --tags and --labels"
        )
    if call.on("affected") and (call.on("all") or call.values.get("query") or call.values.get("components")):
        raise CliError(
            "the --affected flag can't be used with the other multi-component (bulk operations) flags --all, --query and "
            "--components"
        )
    for name, choices in CHOICES.items():
        given = call.values.get(name, "")
        if given and given not in choices:
            said = ", ".join(f'"{choice}"' for choice in choices)
            raise CliError(f'invalid value for flag\n\ninvalid --{name} "{given}": supported values are {said}')


def _limit(call: Call) -> int:
    """How many may run at a time; less than one means one. Raises UsageError for what is no number."""
    given = call.values.get("max-concurrency") or "1"
    try:
        return max(1, int(given))
    except ValueError as error:
        raise UsageError(f'invalid argument "{given}" for "--max-concurrency" flag: it is a number') from error


def _require_approval(home: Project, call: Call) -> None:
    """Raises CliError where several at a time would ask for approval: nobody could tell which of them asks."""
    asks = call.name == "destroy" or (call.name == "apply" and not execute.switches_of(home, call).auto_approve)
    if asks and not any(word in ("-auto-approve", "-auto-approve=true") for word in call.passed):
        raise CliError(
            f"invalid configuration\n\nconcurrent Terraform {call.name} requires -auto-approve",
            hints=["Approve all of them with -auto-approve, or be asked for each with --max-concurrency 1."],
        )


def _in_turn(home: Project, call: Call, engine: Engine, job: Job) -> dict[Node, Ended]:
    """Run one at a time, here, with our own streams, so that Terraform can ask for approval."""
    ended: dict[Node, Ended] = {}
    with run.noting() as signals:
        while True:
            step = schedule.decide(replace(job, limit=1), ended, (), interrupted=bool(signals))
            ended |= {node: Ended("skipped", 1, why) for node, why in step.skip.items()}
            for node, why in step.skip.items() if job.failure_mode == KEEP_GOING else ():
                home.log.warning("Skipped.", component=node.component, stack=node.stack, because=why)
            if not step.start:
                return ended
            ended[step.start[0]] = _one(home, call, engine, step.start[0])


def _one(home: Project, call: Call, engine: Engine, node: Node) -> Ended:
    """How one of several ended; what cannot be run at all is a failure too, but in a dry run only said."""
    started = home.process.now()
    engine.forget_outputs()  # those before it may have changed them
    try:
        code = execute.execute(home, call, instances.find(engine, call, node.component, node.stack))
        how = parallel.outcome(call, code)
    except (CliError, StacksError) as error:
        how = Ended("failed", 1, " ".join(error.message.split()))
        if call.on("dry-run"):
            home.process.stderr.write(f"Would fail: component={node.component} stack={node.stack}: {how.why}\n")
            how = Ended("succeeded")
    if how.status == "failed" and call.values.get("failure-mode") == KEEP_GOING:
        home.log.warning("Terraform execution failed, going on.", component=node.component, stack=node.stack)
    return replace(how, started=started, finished=home.process.now())


def _result(job: Job, ended: Mapping[Node, Ended]) -> int:
    """0, or the error that stands for all of them."""
    failed = [summary.failure(node, how) for node, how in ended.items() if how.status == "failed"]
    skipped = [how.why for how in ended.values() if how.status == "skipped"]
    if failed:
        raise CliError("terraform execution failed: " + "\n".join(failed), hints=_hints(job, skipped))
    if skipped:
        raise CliError(f"interrupted: {len(skipped)} component(s) were not started", exit_code=130)
    if any(how.changed for how in ended.values()):
        raise ToolError(2)
    return 0


def _hints(job: Job, skipped: list[str]) -> list[str]:
    if not skipped:
        return []
    if schedule.INTERRUPTED in skipped:
        why = "not started after the interrupt."
    elif job.failure_mode == KEEP_GOING:
        why = "skipped, since they depend on what failed."
    else:
        why = "skipped after the failure; --failure-mode keep-going runs those that do not need it."
    return [f"{len(skipped)} component(s) {why}"]
