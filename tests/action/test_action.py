"""The GitHub Action: its steps run as they stand in action.yml, by the offline GitHub's runner, with the real `sonde`."""

import json
import os
import subprocess
import sys
import threading
import tomllib
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import click
import pytest
import yaml

from sonde.sandbox.runner.execute import execute
from sonde.sandbox.runner.model import RunCompleted, RunRequest, StepCompleted

ROOT = Path(__file__).resolve().parents[2]
ACTION = yaml.safe_load((ROOT / "action" / "action.yml").read_text())
TOOL = """#!/bin/sh
if [ "$1" = plan ] || [ "$1" = apply ]; then echo "tool: $*"; exit "${TOOL_EXIT:-0}"; fi
"""
PROJECT = {
    "atmos.yaml": 'base_path: "."\nstacks:\n  base_path: stacks\n  included_paths: ["**/*"]\n  name_pattern: "{stage}"\n'
    "components:\n  terraform:\n    base_path: components/terraform\n    command: tool\n",
    "stacks/dev.yaml": "vars: {stage: dev}\n"
    "components: {terraform: {vpc: {settings: {pro: {enabled: true}}, vars: {size: 1}}}}\n",
    "components/terraform/vpc/main.tf": "",
}


class Plane(ThreadingHTTPServer):
    """A control plane that accepts everything and remembers it; `refuses` is what a lock is answered, if anything."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Answering)
        self.seen, self.refuses = [], None
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    def calls(self):
        return [(method, path.removeprefix("/api/v1/")) for method, path, _, _ in self.seen]


class Answering(BaseHTTPRequestHandler):
    def log_message(self, *args):
        pass

    def answer(self):
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.seen.append((self.command, self.path, dict(self.headers), json.loads(raw) if raw else None))
        refused = self.server.refuses if self.command == "POST" else None
        status, body = refused or (200, {"success": True, "data": {}})
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_PATCH = do_DELETE = answer  # noqa: N815 - the standard library calls these names


@dataclass(frozen=True)
class Told:
    """How the run ended, and what its steps wrote."""

    conclusion: str
    log: str


def workflow(inputs):
    """A workflow whose inputs are the action's and whose steps are the action's, then one that shows what they left."""
    declared = {name: {"default": entry["default"]} for name, entry in ACTION["inputs"].items()}
    shown = 'echo "left: code=$CODE changes=$CHANGES run=$ATMOS_PRO_RUN_ID url=$ATMOS_PRO_BASE_URL"; command -v sonde'
    env = {"CODE": "${{ steps.run.outputs.exit-code }}", "CHANGES": "${{ steps.run.outputs.changes }}"}
    steps = [
        {"uses": "actions/checkout@v4"},
        *ACTION["runs"]["steps"],
        {"if": "always()", "shell": "bash", "env": env, "run": shown},
    ]
    assert set(inputs) <= set(declared)
    return yaml.safe_dump(
        {"on": {"workflow_dispatch": {"inputs": declared}}, "jobs": {"j": {"runs-on": "ubuntu-24.04", "steps": steps}}}
    )


@pytest.fixture
def plane():
    server = Plane()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def act(tmp_path, plane):
    """act(inputs) -> Told. `sonde` is the one that runs these tests, unless `path` says otherwise."""
    tools, work, bare = tmp_path / "tools", tmp_path / "project", tmp_path / "infra.git"
    tools.mkdir()
    (tools / "tool").write_text(TOOL)
    (tools / "tool").chmod(0o755)
    for name, text in PROJECT.items():
        (work / name).parent.mkdir(parents=True, exist_ok=True)
        (work / name).write_text(text)
    git = ["git", "-C", str(work), "-c", "user.name=t", "-c", "user.email=t@example.com"]
    for arguments in (["init", "-q", "-b", "main"], ["add", "-A"], ["commit", "-q", "-m", "start"]):
        subprocess.run([*git, *arguments], check=True)
    subprocess.run(["git", "clone", "-q", "--mirror", str(work), str(bare)], check=True)
    sha = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()

    def run(inputs, env=None, sonde=True):
        events = []
        elsewhere = [folder for folder in os.environ["PATH"].split(":") if not (Path(folder) / "sonde").exists()]
        path = [str(tools), *([str(Path(sys.executable).parent)] if sonde else []), *elsewhere]
        request = RunRequest(
            repository="acme/infra",
            repository_id=11,
            repository_owner_id=22,
            bare_repository=bare,
            workflow_path=".github/workflows/w.yaml",
            workflow_text=workflow(inputs),
            event_name="workflow_dispatch",
            payload={},
            ref="refs/heads/main",
            sha=sha,
            actor="octocat",
            run_id=1001,
            run_number=1,
            work=tmp_path / "work",
            path=":".join(path),
            inputs={"base-url": plane.url, **inputs},
            env={"ATMOS_PRO_TOKEN": "static", "NO_COLOR": "1", **(env or {})},
        )
        execute(request, events.append)
        done = next(event for event in events if isinstance(event, RunCompleted))
        return Told(done.conclusion, "".join(event.log for event in events if isinstance(event, StepCompleted)))

    return run


INSTANCE = {"component": "vpc", "stack": "dev"}


@pytest.mark.parametrize(("code", "changes"), [(0, "false"), (2, "true")])
def test_a_plan_tells_the_control_plane_its_result_and_the_workflow_whether_it_has_changes(act, plane, code, changes):
    done = act({"command": "plan", "atmos-pro-run-id": "run_7", **INSTANCE}, {"TOOL_EXIT": str(code)})
    assert done.conclusion == "success", done.log
    assert f"left: code={code} changes={changes} run=run_7 url={plane.url}" in done.log
    ((method, path, headers, body),) = plane.seen
    assert (method, path) == ("PATCH", "/api/v1/repos/acme/infra/instances?stack=dev&component=vpc")
    assert headers["X-Atmos-Pro-Run-Id"] == "run_7"
    assert (body["command"], body["exit_code"]) == ("plan", code)


def test_a_plan_that_fails_fails_the_step_and_is_told_too(act, plane):
    done = act({"command": "plan", **INSTANCE}, {"TOOL_EXIT": "1"})
    assert done.conclusion == "failure"
    assert "left: code=1 changes= run=" in done.log
    assert plane.seen[0][3]["exit_code"] == 1


def test_an_apply_under_a_lock_is_locked_reported_and_unlocked_in_this_order(act, plane):
    done = act({"command": "apply", "lock": "true", "args": "-parallelism=3\n-lock-timeout=5 s", **INSTANCE})
    assert done.conclusion == "success", done.log
    calls = [call for call in plane.calls() if call[0] != "GET"]
    assert calls == [
        ("POST", "locks/wait"),
        ("PATCH", "repos/acme/infra/instances?stack=dev&component=vpc"),
        ("DELETE", "locks"),
    ]
    assert plane.seen[0][3]["lockMessage"] == "apply of run 1001"
    assert "-parallelism=3 -lock-timeout=5 s" in done.log


def test_a_lock_that_another_holds_is_waited_for_and_ends_the_step_with_124(act, plane):
    held = {"success": False, "errorTag": "LockConflict", "errorMessage": "vpc is locked by octo-dev"}
    plane.refuses = 409, held
    done = act({"command": "apply", "lock": "true", "wait": "0.5", **INSTANCE})
    assert done.conclusion == "failure"
    assert "left: code=124 " in done.log
    assert "vpc is locked by octo-dev" in done.log
    assert "tool: apply" not in done.log


@pytest.mark.parametrize(("command", "call"), [("lock", ("POST", "locks/wait")), ("unlock", ("DELETE", "locks"))])
def test_a_lock_is_taken_and_released_by_steps_of_their_own(act, plane, command, call):
    assert act({"command": command, "ttl": "90", **INSTANCE}).conclusion == "success"
    assert plane.calls() == [call]
    assert plane.seen[0][3]["key"] == "acme/infra/dev/vpc"
    assert plane.seen[0][3].get("ttl", 90) == 90


def test_the_inventory_is_uploaded(act, plane):
    assert act({"command": "instances"}).conclusion == "success"
    assert plane.calls() == [("POST", "instances")]


def test_setup_alone_runs_nothing(act, plane):
    done = act({})
    assert done.conclusion == "success"
    assert not plane.seen


@pytest.mark.parametrize(
    ("inputs", "says"),
    [
        ({"command": "destroy"}, "There is no command 'destroy'"),
        ({"command": "plan", "stack": "dev"}, "needs the inputs component and stack"),
        ({"atmos-pro-run-id": "a\nPATH=/evil"}, "ATMOS_PRO_RUN_ID must not have a line break"),
        ({"command": "plan", "component": '$(touch owned)"; touch owned', "stack": "dev"}, "touch owned"),
    ],
)
def test_wrong_inputs_fail_with_a_sentence_and_are_never_run_as_a_script(act, plane, tmp_path, inputs, says):
    done = act(inputs)
    assert done.conclusion == "failure"
    assert says in done.log
    assert not plane.seen
    assert not list(tmp_path.rglob("owned"))


CHECKOUT = """
import shutil, pathlib
def build_wheel(folder, *_):
    wheel = next(pathlib.Path({wheels!r}).glob("*.whl"))
    return pathlib.Path(shutil.copy(wheel, folder)).name
"""


@pytest.mark.storm
@pytest.mark.parametrize("source", ["the repository of the action", "an index"])
def test_a_missing_sonde_is_installed_in_the_version_asked_for(act, tmp_path, source):
    uv = Path(sys.executable).with_name("uv")
    wheels = tmp_path / "wheels"
    built = subprocess.run(
        [uv, "build", "--wheel", "--offline", "-q", "-o", wheels, ROOT], check=False, capture_output=True, text=True
    )
    if built.returncode:
        pytest.skip(f"the wheel cannot be built here: {built.stderr.strip().splitlines()[-1]}")
    libraries = tmp_path / "libraries"  # click and PyYAML; sonde itself comes from the wheel
    libraries.mkdir()
    for module in (click, yaml):
        (libraries / module.__name__).symlink_to(Path(module.__file__).parent)
    env = {"PIP_NO_INDEX": "1", "PIP_NO_DEPS": "1", "PIP_FIND_LINKS": str(wheels), "PYTHONPATH": str(libraries)}
    if source == "the repository of the action":
        (tmp_path / "repository" / "action").mkdir(parents=True)
        backend = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
        version = f'[project]\nname = "sonde"\nversion = "{ACTION["inputs"]["version"]["default"]}"\n'
        (tmp_path / "repository" / "pyproject.toml").write_text(backend + version)
        (tmp_path / "repository" / "backend.py").write_text(CHECKOUT.format(wheels=str(wheels)))
        env |= {"GITHUB_ACTION_PATH": str(tmp_path / "repository" / "action"), "PIP_FIND_LINKS": str(tmp_path)}
    done = act({}, env, sonde=False)
    assert done.conclusion == "success", done.log
    assert f"/sonde-{ACTION['inputs']['version']['default']}/bin/sonde" in done.log


def test_the_action_is_well_formed():
    """What GitHub asks of a composite action, and what we ask of it: no other action, no input inside a script."""
    steps = ACTION["runs"]["steps"]
    assert ACTION["runs"]["using"] == "composite"
    assert all(step["shell"] == "bash" for step in steps)
    assert not [step for step in steps if "uses" in step]
    assert not [step for step in steps if "${{" in step["run"]]
    assert all(isinstance(entry["default"], str) and entry["description"] for entry in ACTION["inputs"].values())
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert ACTION["inputs"]["version"]["default"] == version
