"""Whether an event starts a workflow, and with which inputs."""

from collections.abc import Mapping, Sequence
from typing import Any

from sonde.sandbox.runner.globs import included
from sonde.sandbox.runner.model import InvalidInputs
from sonde.sandbox.runner.triggers import EVENTS, Input, Trigger
from sonde.sandbox.runner.values import NUMBER, to_number, to_text
from sonde.sandbox.runner.workflow import Workflow


def wants_branch(trigger: Trigger, branch: str) -> bool:
    if trigger.branches is not None:
        return included(branch, trigger.branches)
    return trigger.branches_ignore is None or not included(branch, trigger.branches_ignore)


def wants_paths(trigger: Trigger, changed: Sequence[str] | None) -> bool:
    if trigger.paths is None and trigger.paths_ignore is None:
        return True
    if changed is None:
        raise ValueError(f"on.{trigger.event} filters by paths: start_matches needs the changed files")
    if trigger.paths is not None:
        return any(included(path, trigger.paths) for path in changed)
    return any(not included(path, trigger.paths_ignore or ()) for path in changed)


def start_matches(
    workflow: Workflow, event_name: str, activity: str | None, branch: str, *, changed: Sequence[str] | None = None
) -> bool:
    """Whether the event starts the workflow.

    `activity` is the payload's `action` (None for events without one); `branch` the base branch of a pull request or
    merge group, else the branch itself, without refs/heads/; `changed` the changed paths, needed if the workflow
    filters by them (ValueError otherwise).
    """
    trigger = workflow.triggers.get(event_name)
    if trigger is None:
        return False
    wanted = trigger.types if trigger.types is not None else EVENTS[event_name].default
    if wanted and activity not in wanted:
        return False
    return wants_branch(trigger, branch) and wants_paths(trigger, changed)


def validate_inputs(workflow: Workflow, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """The `inputs` context of a dispatch: defaults filled in, booleans and numbers as such.

    Raises InvalidInputs with the message of GitHub's 422 (sentences observed in cli/cli#5246, return-dispatch#188).
    """
    trigger = workflow.triggers.get("workflow_dispatch")
    if trigger is None:
        raise InvalidInputs("Workflow does not have 'workflow_dispatch' trigger")
    unexpected = [name for name in inputs if name not in trigger.inputs]
    if unexpected:
        raise InvalidInputs("Unexpected inputs provided: [" + ", ".join(f'"{name}"' for name in unexpected) + "]")
    return {name: input_value(declared, inputs.get(name)) for name, declared in trigger.inputs.items()}


def input_value(declared: Input, given: Any) -> Any:
    value = declared.default if given is None else given
    if value is None:
        if declared.required:
            raise InvalidInputs(f"Required input '{declared.name}' not provided")
        return {"boolean": False, "number": 0}.get(declared.type, "")
    text = to_text(value)
    refused = InvalidInputs(f"Provided value '{text}' for input '{declared.name}' not in the list of allowed values")
    if declared.type == "boolean":
        if text not in ("true", "false"):
            raise refused
        return text == "true"
    if declared.type == "choice" and text not in declared.options:
        raise refused
    if declared.type == "number":
        if not NUMBER.fullmatch(text):
            raise refused
        return to_number(text)
    return text
