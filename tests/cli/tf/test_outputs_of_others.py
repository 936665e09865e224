"""Outputs of other components that Terraform itself has to read, since their state is not in a file here."""

import json

import pytest

ATMOS = """
base_path: "."
components: {{terraform: {{base_path: components/terraform, command: {tool}, auto_generate_backend_file: {generates}}}}}
stacks: {{base_path: stacks, included_paths: ["**/*"], name_pattern: "{{stage}}"}}
"""
STACK = """
vars: {stage: dev}
terraform: {backend_type: s3, backend: {s3: {bucket: states}}}
components:
  terraform:
    a: {vars: {size: 1}}
    b: {metadata: {component: a}, backend: {s3: {workspace_key_prefix: other}}}
    reads-a: {metadata: {component: c}, vars: {size: !terraform.output a .size}}
    reads-b: {metadata: {component: c}, vars: {size: !terraform.output b .size}}
"""
# Notes what is asked, and the backend that it finds. The workspace's outputs are what the backend and the workspace are called.
TOOL = """#!/bin/sh
echo "$*" >> {log}
case "$1" in
  workspace) echo "$3" > workspace ;;
  output) printf '{{"size": {{"value": "%s in %s"}}}}' "$(cat workspace)" "$(tr -d ' \\n\\042' < backend.tf.json)" ;;
esac
"""


@pytest.fixture
def described(sonde, checkout, tmp_path):
    """describe(component, generates) -> the size it gets, and what the tool was asked."""
    folder = checkout / "components" / "terraform" / "a"
    folder.mkdir(parents=True)
    tool, log = tmp_path / "tool", tmp_path / "calls"
    tool.write_text(TOOL.format(log=log))
    tool.chmod(0o755)
    (checkout / "stacks" / "dev.yaml").write_text(STACK)
    (folder / "backend.tf.json").write_text('{"terraform": {}}')

    def describe(component, generates="true"):
        (checkout / "atmos.yaml").write_text(ATMOS.format(tool=tool, generates=generates))
        log.unlink(missing_ok=True)
        done = sonde("describe", "component", component, "-s", "dev", "--format", "json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)["vars"]["size"], log.read_text().splitlines()

    return describe


@pytest.mark.parametrize(("component", "workspace", "prefix"), [("reads-a", "dev", "a"), ("reads-b", "dev-b", "other")])
def test_each_is_read_from_its_own_backend_whoever_used_the_folder_before(described, component, workspace, prefix):
    size, calls = described(component)
    assert size == f"{workspace} in {{terraform:{{backend:{{s3:{{bucket:states,workspace_key_prefix:{prefix}}}}}}}}}"
    assert calls == ["init -input=false -reconfigure", f"workspace select {workspace}", "output -json"]


def test_who_writes_the_backend_by_hand_keeps_it(described):
    assert described("reads-a", generates="false")[0] == "dev in {terraform:{}}"
