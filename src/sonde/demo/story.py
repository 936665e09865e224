"""The story: one pull request from webhook to concluded check, step by step, as one table of steps."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sonde.demo.scene import REPOSITORY, WORKSPACE, Scene, StuckError
from sonde.sandbox import sample
from sonde.sandbox.model import PullRequest

LOCKED = ("cluster", "dev")
LOCK_MESSAGE = "measuring the node pool, back at 15:00"

Say = Callable[[str], None]


@dataclass
class Told:
    """What the story has come to, step by step; it becomes demo.json."""

    scene: Scene
    say: Say
    patience: float
    keep_lock: bool
    pull: PullRequest | None = None
    merge_sha: str = ""
    seen: dict[str, str] = field(default_factory=dict)
    fences: dict[str, int] = field(default_factory=dict)

    @property
    def number(self) -> int:
        """The pull request's number. Raises StuckError before there is one."""
        if self.pull is None:
            raise StuckError("there is no pull request yet")
        return self.pull.number


def set_up(told: Told) -> None:
    scene = told.scene
    variables = {"ATMOS_PRO_BASE_URL": scene.url, "ATMOS_PRO_WORKSPACE_ID": WORKSPACE}
    repository = scene.github.create_repository(REPOSITORY, sample.files(), vars=variables)
    installation = scene.github.install("acme")
    scene.github.grant(repository, "octo-dev", "write")
    scene.admin("workspace", "create", "demo", "--id", WORKSPACE)
    owner = scene.github.records.accounts["acme"].id
    ids = ("--repository-id", str(repository.id), "--owner-id", str(owner), "--installation-id", str(installation.id))
    scene.admin("repo", "add", REPOSITORY, "--workspace", WORKSPACE, *ids)
    scene.token = str(scene.admin("token", "create", "--workspace", WORKSPACE, "--name", "demo")["token"])
    (scene.folder / "token").write_text(scene.token)
    scene.serve(told.patience)
    told.say(
        f"workspace {WORKSPACE}, repository {REPOSITORY}: {len(sample.STACKS)} stacks of {len(sample.COMPONENTS)} components"
    )
    told.say(f"watch it: {scene.page}")


def open_pull_request(told: Told) -> None:
    """octo-dev pushes a branch and opens the pull request."""
    scene, change = told.scene, sample.change()
    scene.github.commit(scene.repository(), change.branch, change.files, author="octo-dev", message=change.title)
    told.pull = scene.github.open_pull_request(
        scene.repository(), head=change.branch, author="octo-dev", title=change.title, body=change.body
    )
    told.say(f"octo-dev opens #{told.number}: {change.title}")
    told.say(f"page: {scene.url}/{REPOSITORY}/pull/{told.number}")


def plan(told: Told) -> None:
    assert told.pull is not None  # noqa: S101 - the step before opened it
    _until_concluded(told, "opened", told.pull.head_sha)
    told.say("planned in order; the check is green and the comment says so")


def lock(told: Told) -> None:
    """Ada takes the lock, and Grace is refused with Ada's message. Raises StuckError otherwise."""
    component, stack = LOCKED
    taken = told.scene.sonde("ada", "pro", "lock", component, "-s", stack, "-t", "3600", "-m", LOCK_MESSAGE)
    if taken.code:
        raise StuckError(f"ada could not lock {stack}/{component}: {taken.output}")
    told.say(f"ada: sonde pro lock {component} -s {stack}  →  {taken.output.splitlines()[0]}")
    refused = told.scene.sonde("grace", "pro", "lock", component, "-s", stack)
    if refused.code != 1 or LOCK_MESSAGE not in refused.output:
        raise StuckError(f"grace should have been refused the lock of ada, but: exit {refused.code}, {refused.output}")
    told.say(f"grace: the same  →  exit 1, {' '.join(refused.output.split())}")
    _note_fences(told)


def merge(told: Told) -> None:
    """octo-dev merges, and the dispatch of what Ada has locked waits."""
    assert told.pull is not None  # noqa: S101 - an earlier step opened it
    told.merge_sha = told.scene.github.merge(told.pull, sender="octo-dev")
    told.say(f"octo-dev merges #{told.number} as {told.merge_sha[:12]}")
    component, stack = LOCKED
    told.scene.wait(
        lambda: _state(told, component, stack) == "blocked", told.patience, lambda: _waiting(told, "merged")
    )
    because = next(item["because"] for item in _dispatches(told, "merged") if item["component"] == component)
    told.say(f"{stack}/{component} waits: {because}")


def unlock(told: Told) -> None:
    """Ada releases the lock, unless it is to be kept."""
    component, stack = LOCKED
    if told.keep_lock:
        told.say("nobody unlocks (--keep-lock)")
        return
    freed = told.scene.sonde("ada", "pro", "unlock", component, "-s", stack)
    if freed.code:
        raise StuckError(f"ada could not unlock {stack}/{component}: {freed.output}")
    told.say(f"ada: sonde pro unlock {component} -s {stack}  →  {freed.output.splitlines()[-1]}")


def apply(told: Told) -> None:
    """Everything is applied in order. Raises StuckError where an instance is not in sync then."""
    _until_concluded(told, "merged", told.merge_sha)
    applied = {f"{item['stack']}/{item['component']}" for item in _dispatches(told, "merged")}
    statuses = {
        f"{item['stack']}/{item['component']}": item["status"] for item in told.scene.get("instances")["instances"]
    }
    not_synced = sorted(name for name in applied if statuses.get(name) != "in_sync")
    if not_synced:
        raise StuckError(
            f"applied, but not in sync: {', '.join(f'{name} is {statuses.get(name)}' for name in not_synced)}"
        )
    told.say(f"applied in order; in sync: {', '.join(sorted(applied))}")
    _note_fences(told)


STEPS: tuple[tuple[str, Callable[[Told], None]], ...] = (
    ("set-up", set_up),
    ("pull request", open_pull_request),
    ("plan", plan),
    ("locked", lock),
    ("merged", merge),
    ("unlocked", unlock),
    ("applied", apply),
)


def _trigger(told: Told, activity: str) -> dict[str, Any]:
    found = told.scene.get(f"pulls/{told.number}").get("triggers", [])
    return next((item for item in found if item["activity"] == activity), {})


def _dispatches(told: Told, activity: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = _trigger(told, activity).get("dispatches", [])
    return found


def _state(told: Told, component: str, stack: str) -> str:
    _report(told, "merged")
    mine = (item for item in _dispatches(told, "merged") if (item["component"], item["stack"]) == (component, stack))
    return str(next(mine, {}).get("state", ""))


def _report(told: Told, activity: str) -> None:
    """Say each dispatch that moved since the last look."""
    for item in _dispatches(told, activity):
        line = f"{item['stack']}/{item['component']}: {item['state']}" + (
            f" ({item['result'].replace('_', ' ')})" if item["result"] else ""
        )
        if told.seen.get(item["id"]) != line and item["state"] in (
            "running",
            "succeeded",
            "failed",
            "skipped",
            "blocked",
        ):
            told.say(f"  {item['workflow'].removesuffix('.yaml')} {line}")
        told.seen[item["id"]] = line


def _waiting(told: Told, activity: str) -> str:
    trigger = _trigger(told, activity)
    if not trigger:
        return f"for the server to hear of pull_request.{activity} of #{told.number}"
    if not trigger["dispatches"]:
        return f"for {activity}: {trigger['because']}{_failed_upload(told)}"
    blocked = [
        f"{item['stack']}/{item['component']}: {item['because']}"
        for item in trigger["dispatches"]
        if item["state"] != "succeeded"
    ]
    return f"for {activity} of #{told.number}: " + "; ".join(blocked or [trigger["because"]])


def _failed_upload(told: Told) -> str:
    """The end of the log of a run that should have uploaded, where it failed."""
    failed = [
        run
        for run in told.scene.github.records.runs.values()
        if run.event == "pull_request" and run.conclusion == "failure"
    ]
    return f" (run {failed[-1].id} of {failed[-1].workflow_path} failed)" if failed else ""


def _until_concluded(told: Told, activity: str, sha: str) -> None:
    def concluded() -> bool:
        _report(told, activity)
        return told.scene.check(sha)[0] == "completed"

    told.scene.wait(concluded, told.patience, lambda: _waiting(told, activity))
    _, conclusion, title = told.scene.check(sha)
    if conclusion != "success":
        raise StuckError(f"the check of {activity} concluded {conclusion}: {title}")


def _note_fences(told: Told) -> None:
    told.fences = {item["key"]: item["fence"] for item in told.scene.get("locks")["locks"]}


def facts(told: Told) -> dict[str, Any]:
    """demo.json: what `--verify` compares with the server, the offline GitHub and Terraform's state files."""
    scene, pull = told.scene, told.scene.get(f"pulls/{told.number}")
    return {
        "folder": str(scene.folder),
        "pull_request": told.number,
        "deliveries": deliveries(scene),
        "dispatches": [
            {
                "id": item["id"],
                "run_id": item["runId"],
                "instance": f"{item['stack']}/{item['component']}",
                "activity": trigger["activity"],
                "state": item["state"],
            }
            for trigger in pull["triggers"]
            for item in trigger["dispatches"]
        ],
        "checks": {trigger["sha"]: scene.check(trigger["sha"])[1] for trigger in pull["triggers"]},
        "comments": len(scene.github.comments(scene.repository(), told.number)),
        "lock_fences": {item["key"]: item["fence"] for item in scene.get("locks")["locks"]},
        "statuses": {
            f"{item['stack']}/{item['component']}": item["status"] for item in scene.get("instances")["instances"]
        },
        "states": states(scene.state_dir),
    }


def deliveries(scene: Scene) -> list[str]:
    """Ids of the webhooks that the server acknowledged."""
    with scene.github.lock:
        return sorted({item.guid for item in scene.github.records.deliveries.values() if item.status_code == 202})


def states(folder: Path) -> dict[str, dict[str, Any]]:
    """Terraform's state files: path below the folder to serial and the names of resources."""
    found = {}
    for path in sorted(folder.rglob("*.tfstate")):
        state = json.loads(path.read_text())
        resources = sorted(f"{item['type']}.{item['name']}" for item in state.get("resources", []))
        found[str(path.relative_to(folder))] = {
            "serial": state.get("serial"),
            "lineage": state.get("lineage"),
            "resources": resources,
        }
    return found
