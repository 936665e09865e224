"""`sonde terraform generate planfile` with a real Terraform: a plan that other tools can read."""

import json
import shutil
import stat

import pytest
import yaml
from several import TERRAFORM

pytestmark = pytest.mark.skipif(not shutil.which("terraform"), reason="there is no `terraform` on the PATH")

ATMOS = """
base_path: "."
components: {terraform: {base_path: components/terraform, init_run_reconfigure: true, auto_generate_backend_file: true}}
stacks: {base_path: stacks, included_paths: ["**/*"], name_pattern: "{stage}"}
"""
STACK = """
vars: {stage: dev}
terraform: {backend_type: local, backend: {local: {path: ../../../state/terraform.tfstate}}}
components:
  terraform:
    net: {vars: {size: 1}}
    off: {metadata: {component: net, enabled: false}}
"""
MODULE = 'variable "size" {}\nvariable "stage" {}\nresource "terraform_data" "one" { input = var.size }\n'


@pytest.fixture
def component(checkout):
    """The folder of a component of the checkout."""
    (checkout / "atmos.yaml").write_text(ATMOS)
    (checkout / "stacks" / "dev.yaml").write_text(STACK)
    folder = checkout / "components" / "terraform" / "net"
    folder.mkdir(parents=True)
    (folder / "main.tf").write_text(MODULE)
    return folder


@pytest.fixture
def planfile(sonde, component):
    """Run the command in the checkout for a component, with flags."""

    def run(name, *flags):
        argv = ("terraform", "generate", "planfile", name, "-s", "dev", *flags)
        return sonde(*argv, env={**TERRAFORM, "ATMOS_UPLOAD_STATUS": "true"})

    return run


def changes(plan):
    return [
        (each["address"], each["change"]["actions"], each["change"]["after"]["input"])
        for each in plan["resource_changes"]
    ]


def test_a_plan_is_written_beside_the_component_as_json_and_nothing_is_reported(planfile, component, plane):
    assert planfile("net").returncode == 0
    written = component / "dev-net.planfile.json"
    assert changes(json.loads(written.read_text())) == [("terraform_data.one", ["create"], 1)]
    assert stat.S_IMODE(written.stat().st_mode) == 0o600
    assert not list(component.glob("*.plan"))
    assert not plane.seen


def test_a_plan_is_written_as_yaml_where_the_flag_says(planfile, component, tmp_path):
    assert planfile("net", "--format", "yaml", "--file", "plans/net.yaml").returncode == 0
    assert changes(yaml.safe_load((component / "plans" / "net.yaml").read_text())) == [
        ("terraform_data.one", ["create"], 1)
    ]
    assert planfile("net", f"--file={tmp_path}/net.json").returncode == 0
    assert changes(json.loads((tmp_path / "net.json").read_text()))


def test_a_format_that_is_not_ours_is_refused_before_anything_runs(planfile, component):
    done = planfile("net", "--format", "xml")
    assert done.returncode == 1
    assert "invalid format: xml" in done.stderr
    assert not (component / ".terraform").exists()


def test_a_broken_component_gives_terraforms_exit_code_and_no_file(planfile, component):
    (component / "main.tf").write_text(MODULE + "resource {}")
    assert planfile("net").returncode == 1
    assert not list(component.glob("*.planfile.*"))


def test_a_disabled_component_gives_no_file(planfile, component):
    assert planfile("off").returncode == 0
    assert not list(component.glob("*.planfile.*"))
