"""What an exit code means (product.md §2.5, §4 #16)."""

from sonde.server.instances.model import Outcome, Report, Status

APPLYING = frozenset({"apply", "deploy", "remediate", "destroy"})
MAX_NAME = 512  # bytes of a stack or a component: a lock key holds no more, and PostgreSQL indexes no row over 2.7 kB
LEGACY = {"in_sync": Report("plan", 0, None), "drifted": Report("plan", 2, None)}


def too_long(stack: str, component: str) -> str | None:
    """Why an instance of these names cannot be kept, or None."""
    for what, name in (("stack", stack), ("component", component)):
        if len(name.encode()) > MAX_NAME:
            return f"The {what} is longer than {MAX_NAME} bytes: {name[:40]}…"
    return None


def outcome(report: Report) -> Outcome:
    """The outcome of one command: plan 0 and 2, apply 0; every other exit code is a failure."""
    if report.command in APPLYING:
        return Outcome.APPLIED if report.exit_code == 0 else Outcome.FAILED
    return {0: Outcome.NO_CHANGES, 2: Outcome.CHANGES}.get(report.exit_code, Outcome.FAILED)


def status_after(before: Status, found: Outcome, *, proposed: bool) -> tuple[Status, str]:
    """The instance's status after a report, with the reason.

    `proposed` is True where the command looked at a change that is not merged: its plan says nothing of what is deployed.
    """
    if found is Outcome.APPLIED:
        return Status.IN_SYNC, "applied"
    if proposed:
        return before, "a plan of a change that is not merged tells nothing of what is deployed"
    table = {
        Outcome.NO_CHANGES: (Status.IN_SYNC, "a plan of the default branch found no changes"),
        Outcome.CHANGES: (Status.DRIFTED, "a plan of the default branch found changes"),
        Outcome.FAILED: (Status.ERROR, "the command failed"),
    }
    return table[found]
