"""How a dispatch is sent, and how one whose answer was lost is found again."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import yaml

from sonde.server.github.client import GitHub, RejectedError
from sonde.server.github.deliver import Nowhere, Unsure
from sonde.server.github.model import Effect, Sent
from sonde.server.workspaces.model import Repository

CLOCK_SLACK = 30_000  # milliseconds by which GitHub's clock may be behind ours


class DispatchSender:
    """`POST …/dispatches` with `sha` and `atmos_pro_run_id`, where the workflow declares them (ruling 7)."""

    def send(self, github: GitHub, repository: Repository, effect: Effect) -> Sent:
        """Dispatch once. Raises GitHubError."""
        wanted = json.loads(effect.desired)
        declared = declared_inputs(github.workflow_file(repository, wanted["workflow"], wanted["ref"]))
        if declared is None:
            raise RejectedError(f"{wanted['workflow']} at {wanted['ref']} has no `on: workflow_dispatch`", 0)
        injected = {"sha": wanted["sha"], "atmos_pro_run_id": wanted["run"]}
        inputs = {**wanted["inputs"], **{name: value for name, value in injected.items() if name in declared}}
        if undeclared := sorted(set(inputs) - set(declared)):
            raise RejectedError(
                f"{wanted['workflow']} does not declare the input {', '.join(undeclared)}; add it under workflow_dispatch",
                0,
            )
        answer = github.dispatch(repository, wanted["workflow"], wanted["ref"], inputs)
        return Sent(*answer) if answer else Sent(None)

    def find(self, github: GitHub, repository: Repository, effect: Effect) -> Sent | Nowhere | Unsure:
        """The run that carries this `atmos_pro_run_id` in its title. A run without any id may be it: then nobody can say."""
        wanted = json.loads(effect.desired)
        since = datetime.fromtimestamp(max(0, (effect.sending_since or 0) - CLOCK_SLACK) / 1000, UTC)
        runs = github.runs(repository, wanted["workflow"], since.strftime("%Y-%m-%dT%H:%M:%SZ"))
        mine = [run for run in runs if wanted["run"] in run.title]
        if mine:
            first = min(mine, key=lambda run: run.id)
            return Sent(first.id, first.url)
        unnamed = [run for run in runs if "run_" not in run.title]
        if unnamed:
            return Unsure(
                f"run {unnamed[0].id} may be it: give {wanted['workflow']} a run-name with ${{{{ inputs.atmos_pro_run_id }}}}"
            )
        return Nowhere()


def declared_inputs(text: str) -> Mapping[str, Any] | None:
    """The inputs that a workflow file declares for dispatch; None where it cannot be dispatched."""
    try:
        document = yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506 - BaseLoader makes only text, lists and maps, and leaves `on` alone
    except yaml.YAMLError as error:
        raise RejectedError(f"the workflow file is not valid YAML: {error}", 0) from error
    on = document.get("on") if isinstance(document, dict) else None
    if on == "workflow_dispatch" or (isinstance(on, list) and "workflow_dispatch" in on):
        return {}
    if not isinstance(on, dict) or "workflow_dispatch" not in on:
        return None
    trigger = on["workflow_dispatch"]
    inputs = trigger.get("inputs") if isinstance(trigger, dict) else None
    return inputs if isinstance(inputs, dict) else {}


class CancelSender:
    """Cancel the later one of two runs with the same `atmos_pro_run_id`; asking twice changes nothing."""

    def send(self, github: GitHub, repository: Repository, effect: Effect) -> Sent:
        """Ask GitHub to cancel the run. Raises GitHubError."""
        run_id = int(json.loads(effect.desired)["run_id"])
        github.cancel(repository, run_id)
        return Sent(run_id)

    def find(self, github: GitHub, repository: Repository, effect: Effect) -> Nowhere:
        """Nothing to find: cancelling again is harmless."""
        del github, repository, effect
        return Nowhere()
