"""One component through its life with a real Terraform: exit codes, what the control plane is told, and a Ctrl-C."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from several import TERRAFORM

pytestmark = pytest.mark.skipif(not shutil.which("terraform"), reason="there is no `terraform` on the PATH")

ATMOS = """
base_path: "."
components: {terraform: {base_path: components/terraform, init_run_reconfigure: true, auto_generate_backend_file: true}}
stacks: {base_path: stacks, included_paths: ["**/*"], name_pattern: "{stage}"}
"""
STACK = """
vars: {stage: dev}
terraform:
  backend_type: local
  backend: {local: {path: ../../../state/terraform.tfstate, workspace_dir: ../../../state/ws}}
components:
  terraform:
    net: {settings: {pro: {enabled: true}}, vars: {size: 1}}
"""
MODULE = """
variable "size" { default = 0 }
variable "stage" {}
resource "terraform_data" "first" { input = var.size }
"""
# Tells that it runs, then waits until it is interrupted.
SLOW = """
resource "terraform_data" "slow" {
  depends_on = [terraform_data.first]
  provisioner "local-exec" { command = "test -e %(open)s || { echo > %(told)s; exec sleep 60; }" }
}
"""


@pytest.fixture
def component(checkout):
    """The folder of a component of the checkout."""
    (checkout / "atmos.yaml").write_text(ATMOS)
    (checkout / "stacks" / "dev.yaml").write_text(STACK)
    folder = checkout / "components" / "terraform" / "net"
    folder.mkdir(parents=True)
    (folder / "main.tf").write_text(MODULE)
    return folder


def resources(checkout):
    """Names of what the state holds; the state must be whole."""
    (state,) = (checkout / "state").rglob("terraform.tfstate")
    return [each["name"] for each in json.loads(state.read_text())["resources"]]


@pytest.fixture(params=["terraform", "tofu in atmos.yaml", "tofu in the stack"])
def tool(request, component, checkout, tmp_path):
    """PATH and what is called on it. Where there is no OpenTofu a `tofu` that runs Terraform shows that ours is called."""
    if request.param == "terraform":
        return {}
    folder = tmp_path / "bin"
    folder.mkdir()
    real = shutil.which("tofu") or shutil.which("terraform")
    (folder / "tofu").write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/tofu.calls\nexec {real} "$@"\n')
    (folder / "terraform").write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/terraform.calls\nexit 99\n')
    for each in folder.iterdir():
        each.chmod(0o755)
    if request.param == "tofu in atmos.yaml":
        (checkout / "atmos.yaml").write_text(ATMOS.replace("terraform: {base", "terraform: {command: tofu, base"))
    else:
        (checkout / "stacks" / "dev.yaml").write_text(
            STACK.replace("terraform:\n  b", "terraform:\n  command: tofu\n  b")
        )
    return {"PATH": f"{folder}:{os.environ['PATH']}"}


def test_a_component_from_its_first_plan_to_its_end(sonde, component, checkout, plane, tool, tmp_path):
    def step(*argv):
        return sonde("terraform", *argv, "-s", "dev", env={**TERRAFORM, **tool}).returncode

    stack = checkout / "stacks" / "dev.yaml"
    assert step("plan", "net", "--upload-status") == 2
    assert step("apply", "net", "-auto-approve", "--upload-status") == 0
    assert step("plan", "net", "--upload-status") == 0
    assert resources(checkout) == ["first"]
    stack.write_text(stack.read_text().replace("size: 1", "size: 2"))
    assert step("deploy", "net", "--upload-status") == 0
    (component / "main.tf").write_text(MODULE + "resource {}")
    assert step("plan", "net", "--upload-status", "--skip-init") == 1
    (component / "main.tf").write_text(MODULE)
    assert step("destroy", "net", "-auto-approve") == 0
    assert resources(checkout) == []
    told = [(seen.body["command"], seen.body["exit_code"]) for seen in plane.seen]
    assert told == [("plan", 2), ("apply", 0), ("plan", 0), ("apply", 0), ("plan", 1)]
    assert (tmp_path / "tofu.calls").exists() == bool(tool)
    assert not (tmp_path / "terraform.calls").exists()


@pytest.mark.parametrize("whole_group", [True, False], ids=["Ctrl-C", "kill -INT"])
def test_an_interrupted_apply_leaves_a_whole_state_from_which_the_next_one_goes_on(
    sonde, component, checkout, plane, tmp_path, whole_group
):
    told, opened = tmp_path / "told", tmp_path / "open"
    os.mkfifo(told)
    (component / "main.tf").write_text(MODULE + SLOW % {"told": told, "open": opened})
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "NO_COLOR": "1", **TERRAFORM}
    env |= {"ATMOS_PRO_BASE_URL": plane.url, "ATMOS_PRO_TOKEN": "static"}
    argv = [sys.executable, "-m", "sonde.main", "terraform", "apply", "net", "-s", "dev", "-auto-approve"]
    child = subprocess.Popen(
        [*argv, "--upload-status"],
        cwd=checkout,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    timer = threading.Timer(60, os.killpg, (child.pid, signal.SIGKILL))
    timer.start()
    Path(told).read_text()  # returns once the provisioner runs
    (os.killpg if whole_group else os.kill)(child.pid, signal.SIGINT)
    out, _ = child.communicate()
    timer.cancel()
    assert child.returncode == 1, out
    assert out.count("Interrupt received") == 1, out
    assert sorted(resources(checkout)) == ["first", "slow"], "what was made is known, the rest is tainted"
    assert [seen.body["exit_code"] for seen in plane.seen] == [1]
    opened.touch()
    assert sonde("terraform", "apply", "net", "-s", "dev", "-auto-approve").returncode == 0
