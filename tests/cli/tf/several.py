"""Components in a checkout that share folders and need each other, run by the real Terraform; what ran is noted."""

import json
import re
from pathlib import Path

# of Terraform in tests: it asks nobody whether it is the newest, and each of its short processes keeps its garbage
TERRAFORM = {"CHECKPOINT_DISABLE": "1", "GOGC": "off"}
ATMOS = """
base_path: "."
components:
  terraform:
    base_path: components/terraform
    command: {tool}
    init_run_reconfigure: true
    auto_generate_backend_file: true
    deploy_run_init: true
stacks: {{base_path: stacks, included_paths: ["**/*"], name_pattern: "{{stage}}"}}
"""
MODULE = """
variable "size" { default = 0 }
variable "stage" {}
variable "bad" { default = false }
resource "terraform_data" "first" {
  input = var.size
  lifecycle {
    precondition {
      condition     = !var.bad
      error_message = "no good"
    }
  }
}
output "size" { value = var.size }
"""
# Notes when each call begins and ends.
SHIM = """#!/bin/sh
echo "begin $1 $(pwd) $$" >> {log}
terraform "$@"
code=$?
echo "end $1 $(pwd) $$" >> {log}
exit $code
"""
COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def component(name, folder="", needs=(), **variables):
    return {
        "metadata": {"component": folder or name},
        "settings": {"pro": {"enabled": True}},
        "vars": variables,
        "backend": {"local": {"path": f"../../../state/{name}.tfstate", "workspace_dir": f"../../../state/{name}"}},
        "dependencies": {"components": [{"component": need} for need in needs]},
    }


class Infra:
    """Components in a checkout: `a`, `b` beside it in the same folder, `c` which needs `a`, and `d`."""

    def __init__(self, root, scratch):
        self.root, self.log = root, scratch / "calls"
        self.shim = scratch / "shim"
        self.shim.write_text(SHIM.format(log=self.log))
        self.shim.chmod(0o755)
        (root / "atmos.yaml").write_text(ATMOS.format(tool=self.shim))
        for name in ("a", "c", "d"):
            self.folder(name).mkdir(parents=True)
            (self.folder(name) / "main.tf").write_text(MODULE)
        self.has(component("a"), component("b", "a"), component("c", needs="a"), component("d"))

    def folder(self, name):
        return self.root / "components" / "terraform" / name

    def has(self, *components):
        names = [each["backend"]["local"]["workspace_dir"].rpartition("/")[2] for each in components]
        stack = {"vars": {"stage": "dev"}, "terraform": {"backend_type": "local"}}
        stack["components"] = {"terraform": dict(zip(names, components, strict=True))}
        (self.root / "stacks" / "dev.yaml").write_text(json.dumps(stack))

    def calls(self):
        """What ran since the last look: ("begin" or "end", command, folder)."""
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        self.log.unlink(missing_ok=True)
        return [(edge, command, Path(folder).name) for edge, command, folder, _ in map(str.split, lines)]

    def state(self, name):
        """The resources of a component's state, which must be whole, with their inputs."""
        (file,) = (self.root / "state" / name).rglob("terraform.tfstate")
        held = json.loads(file.read_text())["resources"]
        inputs = {each["name"]: each["instances"][0]["attributes"]["input"] for each in held}
        return {name: value and value["value"] for name, value in inputs.items()}

    def logs(self, command):
        return self.root / ".atmos" / "logs" / "terraform" / command


def ended(stderr):
    """component -> how it ended, by the summary."""
    return dict(re.findall(r"\[dev/([\w/]+)\] +(ok|changes|failed|skipped)\b", stderr))
