"""What an exit code means (product.md §2.5, §4 #16), and what an inventory tells (§2.4). Pure and total."""

import json
from collections.abc import Mapping
from typing import Any

from sonde.server.instances.model import InventoryRow, Outcome, Report, Status
from sonde.wire.instances import InstanceItem

APPLYING = frozenset({"apply", "deploy", "remediate", "destroy"})
MAX_NAME = 512  # bytes of a stack or a component: a lock key holds no more, and PostgreSQL indexes no row over 2.7 kB
PROPOSING = frozenset({"pull_request", "pull_request_target", "pull_request_review", "merge_group"})
COMPACT = json.JSONEncoder(separators=(",", ":"))  # made once: json.dumps would make one for each instance
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


def status_after(before: Status, report: Report, history_only: str, overtaken: str = "") -> tuple[Status, str]:
    """The instance's status after a report, with the reason.

    `history_only` is why a plan tells nothing of what is deployed, as a sentence; empty where it does. An apply changes what
    is deployed, whatever it was made from. `overtaken` is why not even that: its holder lost the lock to somebody else while
    it worked, and what is deployed now is for the newer one to say (reliability.md §4 rule 8).
    """
    if overtaken:
        return before, overtaken
    found = outcome(report)
    if found is Outcome.APPLIED:
        return Status.IN_SYNC, "applied"
    if report.command in APPLYING:
        return Status.ERROR, "the command failed"
    if history_only:
        return before, history_only
    table = {
        Outcome.NO_CHANGES: (Status.IN_SYNC, "a plan of the default branch found no changes"),
        Outcome.CHANGES: (Status.DRIFTED, "a plan of the default branch found changes"),
        Outcome.FAILED: (Status.ERROR, "the command failed"),
    }
    return table[found]


def inventory_row(item: InstanceItem) -> InventoryRow:
    """What an inventory tells of one instance: `settings.pro` and nothing else of its settings (ruling 10).

    The client has collapsed `enabled` (protocol.md §6.2). No `settings.pro` is disabled, one without a boolean `enabled` is
    enabled (product.md §4 #29). Drift detection without both workflows is accepted and marked (ruling 11).
    """
    pro: Any = (item.settings or {}).get("pro")
    enabled = drift = False
    misconfigured = ""
    if isinstance(pro, Mapping):
        enabled = pro.get("enabled") is not False
        detection = pro.get("drift_detection")
        settings = detection if isinstance(detection, Mapping) else {}
        drift = enabled and settings.get("enabled") is True
        misconfigured = _lacking(settings) if drift else ""
    elif pro is not None:
        misconfigured = "settings.pro is not a map; set settings.pro.enabled: true"
    text = COMPACT.encode(pro) if pro is not None else ""
    return InventoryRow(item.stack, item.component, item.component_type, enabled, drift, misconfigured, text)


def _lacking(detection: Mapping[str, Any]) -> str:
    """What drift detection needs and does not have, in a sentence; empty where it has both workflows."""
    lacks = []
    for name in ("detect", "remediate"):
        part = detection.get(name)
        workflows = part.get("workflows") if isinstance(part, Mapping) else None
        if not isinstance(workflows, Mapping) or not workflows:
            lacks.append(f"settings.pro.drift_detection.{name}.workflows")
    if not lacks:
        return ""
    return f"drift detection is enabled and cannot run; add {' and '.join(lacks)}, a map of workflow file names"


def unfit(row: InventoryRow) -> str | None:
    """Why a row's names can be those of no instance, in a sentence; None where they can."""
    for what, text in (("stack", row.stack), ("component", row.component)):
        if not text:
            return f"An instance has no {what} (stack {row.stack!r}, component {row.component!r})."
    return too_long(row.stack, row.component)


def refused_event(event_name: str) -> str | None:
    """Why an inventory from this event is not taken: it would tell of a change that is not merged (product.md §4 #30)."""
    if event_name not in PROPOSING:
        return None
    return (
        f"An inventory from a {event_name} event speaks of a change that is not merged, so it was not taken. "
        "Run `list instances --upload` on push to the default branch or on a schedule."
    )
