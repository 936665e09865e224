"""`on:` of a workflow file, in its three shapes, with the filters that this runner decides by."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sonde.sandbox.runner.document import Entry
from sonde.sandbox.runner.globs import glob

BRANCHES = ("branches", "branches-ignore")
PATHS = ("paths", "paths-ignore")


@dataclass(frozen=True)
class Event:
    """What GitHub knows of an event: which filters `on` may give it, and its activities (empty: it has none)."""

    filters: tuple[str, ...] = ()
    activities: tuple[str, ...] = ()
    default: tuple[str, ...] = ()  # activities that start a run when `types` is not given; empty: all


PULL_REQUEST = Event(
    ("types", *BRANCHES, *PATHS),
    (
        "assigned",
        "unassigned",
        "labeled",
        "unlabeled",
        "milestoned",
        "demilestoned",
        "opened",
        "edited",
        "closed",
        "reopened",
        "synchronize",
        "converted_to_draft",
        "ready_for_review",
        "locked",
        "unlocked",
        "review_requested",
        "review_request_removed",
        "auto_merge_enabled",
        "auto_merge_disabled",
        "enqueued",
        "dequeued",
    ),
    ("opened", "synchronize", "reopened"),
)

# GitHub docs, "Events that trigger workflows"; tag filters and `workflow_call` are left out on purpose.
EVENTS: dict[str, Event] = {
    "pull_request": PULL_REQUEST,
    "pull_request_target": PULL_REQUEST,
    "push": Event((*BRANCHES, *PATHS)),
    "merge_group": Event(("types", *BRANCHES), ("checks_requested",)),
    "release": Event(
        ("types",), ("published", "unpublished", "created", "edited", "deleted", "prereleased", "released")
    ),
    "workflow_dispatch": Event(("inputs",)),
    "workflow_run": Event(("types", "workflows", *BRANCHES), ("completed", "requested", "in_progress")),
    "schedule": Event(),
    "repository_dispatch": Event(("types",)),
    "check_run": Event(("types",), ("created", "rerequested", "completed", "requested_action")),
    "check_suite": Event(("types",), ("completed",)),
    "issue_comment": Event(("types",), ("created", "edited", "deleted")),
    "pull_request_review": Event(("types",), ("submitted", "edited", "dismissed")),
    "create": Event(),
    "delete": Event(),
    "status": Event(),
}

INPUT_TYPES = ("string", "boolean", "choice", "number", "environment")


@dataclass(frozen=True)
class Input:
    """An input of `workflow_dispatch`. `default` is None when the file gives none."""

    name: str
    type: str = "string"
    required: bool = False
    default: Any = None
    options: tuple[str, ...] = ()
    description: str = ""


@dataclass(frozen=True)
class Trigger:
    """One event of `on`. None is a filter that the file does not give."""

    event: str
    types: tuple[str, ...] | None = None
    branches: tuple[str, ...] | None = None
    branches_ignore: tuple[str, ...] | None = None
    paths: tuple[str, ...] | None = None
    paths_ignore: tuple[str, ...] | None = None
    workflows: tuple[str, ...] | None = None  # of workflow_run
    inputs: Mapping[str, Input] = field(default_factory=dict)  # of workflow_dispatch
    cron: tuple[str, ...] = ()  # of schedule


def parse_on(on: Entry) -> dict[str, Trigger]:
    """`on: push`, `on: [push, pull_request]` or `on: {push: {branches: [main]}}`."""
    if isinstance(on.value, dict):
        return {name: parse_trigger(name, item) for name, item in on.value.items()}
    events = on.items("on") if isinstance(on.value, list) else [on]
    return {item.text("on"): parse_trigger(item.text("on"), Entry(None, item.where)) for item in events}


def parse_trigger(name: str, entry: Entry) -> Trigger:
    if name not in EVENTS:
        raise entry.error(f"the event '{name}' is not supported")
    if name == "schedule":
        crons = [item.mapping(("cron", "timezone"), "schedule") for item in entry.items("schedule")]
        return Trigger(name, cron=tuple(item["cron"].text("cron") for item in crons if "cron" in item))
    if entry.value is None:
        return Trigger(name)
    given = entry.mapping(EVENTS[name].filters, f"on.{name}")
    for one, other in (BRANCHES, PATHS):
        if one in given and other in given:
            raise given[other].error(f"on.{name} cannot have both {one} and {other}")
    filters = {key.replace("-", "_"): item.texts(f"on.{name}.{key}") for key, item in given.items() if key != "inputs"}
    for activity in filters.get("types", ()):
        if EVENTS[name].activities and activity not in EVENTS[name].activities:
            raise given["types"].error(f"on.{name} has no activity type '{activity}'")
    check_patterns(given, f"on.{name}")
    return Trigger(name, **filters, inputs=parse_inputs(given["inputs"]) if "inputs" in given else {})


def check_patterns(given: Mapping[str, Entry], of: str) -> None:
    """An error for a pattern that is none, and for a list that takes away without ever taking in."""
    for key in (*BRANCHES, *PATHS):
        patterns = given[key].texts(f"{of}.{key}") if key in given else ()
        for pattern in patterns:
            try:
                glob(pattern.removeprefix("!"))
            except re.error as error:
                raise given[key].error(f"{of}.{key}: '{pattern}' is no pattern: {error}") from error
        if patterns and all(pattern.startswith("!") for pattern in patterns):
            raise given[key].error(f"{of}.{key} only takes away; it needs a pattern without ! first")


def parse_inputs(entry: Entry) -> dict[str, Input]:
    if entry.value is None:
        return {}
    return {name: parse_input(name, item) for name, item in entry.mapping(of="on.workflow_dispatch.inputs").items()}


def parse_input(name: str, entry: Entry) -> Input:
    if entry.value is None:
        return Input(name)
    of = f"input '{name}'"
    given = entry.mapping(("description", "required", "default", "type", "options", "deprecationMessage"), of)
    kind = given["type"].one_of(INPUT_TYPES, f"type of {of}") if "type" in given else "string"
    options = given["options"].texts(f"options of {of}") if "options" in given else ()
    if (kind == "choice") != bool(options):
        raise entry.error(f"{of}: `options` belong to `type: choice`, and to nothing else")
    if kind == "choice" and "default" in given and given["default"].text("default") not in options:
        raise given["default"].error(f"{of}: the default is not among its options")
    return Input(
        name,
        kind,
        required=given["required"].boolean(f"required of {of}") if "required" in given else False,
        default=given["default"].plain() if "default" in given else None,
        options=options,
        description=given["description"].text(f"description of {of}") if "description" in given else "",
    )
