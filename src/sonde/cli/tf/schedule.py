"""What of several instances may start next: decided without side effects."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Literal

from sonde.cli.tf.order import Node

FAIL_FAST, KEEP_GOING = "fail-fast", "keep-going"
INTERRUPTED = "interrupted"


@dataclass(frozen=True)
class Job:
    """Instances to run. `order` has each after its `needs` (for destroy these are its dependents); `folders` are where they run."""

    order: tuple[Node, ...]
    needs: Mapping[Node, frozenset[Node]]
    folders: Mapping[Node, str]
    limit: int = 1
    failure_mode: str = FAIL_FAST


@dataclass(frozen=True)
class Ended:
    """How one of them ended. Times are epoch seconds, 0 for what was skipped; `why` tells why it failed or was skipped."""

    status: Literal["succeeded", "failed", "skipped"]
    exit_code: int = 0
    why: str = ""
    changed: bool = False
    started: float = 0.0
    finished: float = 0.0
    logs: Mapping[str, str] = field(default_factory=dict)  # `stdout` and `stderr` -> file


@dataclass(frozen=True)
class Next:
    """What starts now, and what will not run, with its reason."""

    start: tuple[Node, ...] = ()
    skip: Mapping[Node, str] = field(default_factory=dict)


def decide(job: Job, ended: Mapping[Node, Ended], running: Collection[Node], *, interrupted: bool = False) -> Next:
    """The next step of a job. `ended` is in the order in which they ended.

    One starts when all that it needs succeeded, if nothing runs in its folder: Terraform keeps its backend, its workspace
    and our files there. After a failure nothing starts, or with keep-going what does not need the failed one. The job is
    done when nothing runs and nothing starts.
    """
    left = [node for node in job.order if node not in ended and node not in running]
    if interrupted:
        return Next(skip=dict.fromkeys(left, INTERRUPTED))
    failed = [node for node, each in ended.items() if each.status == "failed"]
    if failed and job.failure_mode != KEEP_GOING:
        return Next(skip=dict.fromkeys(left, f"fail-fast after {failed[0].id} failed"))
    skip = _hopeless(job, ended, left)
    busy = {job.folders[node] for node in running}
    start: list[Node] = []
    for node in left:
        ready = all(need in ended and ended[need].status == "succeeded" for need in job.needs[node])
        if ready and job.folders[node] not in busy and len(running) + len(start) < job.limit:
            start.append(node)
            busy.add(job.folders[node])
    return Next(tuple(start), skip)


def _hopeless(job: Job, ended: Mapping[Node, Ended], left: list[Node]) -> dict[Node, str]:
    """What needs one that failed, be it through others; the reason names the one that failed."""
    lost = {node: f"dependency {node.id} failed" for node, each in ended.items() if each.status == "failed"}
    lost |= {node: each.why for node, each in ended.items() if each.status == "skipped"}
    skip: dict[Node, str] = {}
    for node in left:  # each comes after what it needs
        reasons = [lost[need] for need in sorted(job.needs[node]) if need in lost]
        if reasons:
            skip[node] = lost[node] = reasons[0]
    return skip
