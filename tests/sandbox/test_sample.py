"""The demo's sample repository: whole, consistent, and planned and applied by the real terraform."""

import json
import os
import shutil
import subprocess

import pytest
import yaml

from sonde.sandbox import sample
from sonde.sandbox.runner.start import start_matches, validate_inputs
from sonde.sandbox.runner.workflow import parse

FILES = sample.files()
WORKFLOWS = {path.rpartition("/")[2]: parse(text, path) for path, text in FILES.items() if "/workflows/" in path}


def merged(*values):
    """A deep merge, as stacks are put together."""
    whole = {}
    for value in values:
        for key, item in value.items():
            both = isinstance(item, dict) and isinstance(whole.get(key), dict)
            whole[key] = merged(whole[key], item) if both else item
    return whole


def stack_of(name, files=FILES):
    own = yaml.safe_load(files[f"stacks/deploy/{name}.yaml"])
    return merged(*[yaml.safe_load(files[f"stacks/{path}.yaml"]) for path in own.pop("import")], own)


def settings_pro():
    return yaml.safe_load(FILES["stacks/mixins/pro.yaml"])["settings"]["pro"]


def test_the_files_are_a_whole_repository():
    assert {"atmos.yaml", "README.md", ".gitignore", ".github/workflows/atmos-pro.yaml"} <= FILES.keys()
    for stack in sample.STACKS:
        assert tuple(stack_of(stack)["components"]["terraform"]) == sample.COMPONENTS
    for component in sample.COMPONENTS:
        assert f"components/terraform/{component}/main.tf" in FILES


def test_every_dependency_names_a_component():
    needs = {
        name: [entry["component"] for entry in component.get("dependencies", {}).get("components", [])]
        for name, component in stack_of("dev")["components"]["terraform"].items()
    }
    assert needs == {"network": [], "database": ["network"], "cluster": ["network"], "api": ["cluster"]}


@pytest.mark.parametrize("activity", ["opened", "synchronize", "reopened", "merged"])
def test_every_dispatched_workflow_takes_the_inputs_it_is_given(activity):
    (file, given), *more = settings_pro()["pull_request"][activity]["workflows"].items()
    assert not more
    injected = {"sha": "0" * 40, "atmos_pro_run_id": "1"}
    assert validate_inputs(WORKFLOWS[file], {**given["inputs"], **injected})
    assert WORKFLOWS[file].permissions["id-token"] == "write"
    assert file == ("atmos-terraform-apply.yaml" if activity == "merged" else "atmos-terraform-plan.yaml")


@pytest.mark.parametrize("activity", ["opened", "synchronize", "reopened", "closed"])
def test_every_turn_of_a_pull_request_starts_the_upload(activity):
    assert start_matches(WORKFLOWS["atmos-pro.yaml"], "pull_request", activity, "main")


@pytest.mark.parametrize("stack", sample.STACKS)
def test_the_change_touches_two_components_of_one_stack_one_of_them_with_a_dependent(stack):
    change = sample.change(stack)
    assert list(change.files) == [f"stacks/deploy/{stack}.yaml"]
    before, after = (stack_of(stack, files)["components"]["terraform"] for files in (FILES, {**FILES, **change.files}))
    changed = [name for name in before if before[name] != after[name]]
    assert changed == ["database", "cluster"]
    assert [name for name in changed if before["api"]["dependencies"]["components"] == [{"component": name}]] == [
        "cluster"
    ]


def test_the_change_cannot_be_made_twice():
    once = {**FILES, **sample.change("dev").files}
    with pytest.raises(ValueError, match="was expected to say 'storage_gb: 20' once"):
        sample.change("dev", once)


needs_terraform = pytest.mark.skipif(shutil.which("terraform") is None, reason="there is no terraform on the PATH")


class Checkout:
    """One checkout of the sample, in which terraform is called as the CLI's wrapper calls it (stacks.md §12)."""

    def __init__(self, root, state, files):
        self.root, self.files = root, files
        self.env = {
            "PATH": os.environ["PATH"],
            "HOME": str(root),
            "SONDE_STATE_DIR": str(state),
            "CHECKPOINT_DISABLE": "1",
        }
        # No network: a provider that is not built in cannot be had.
        self.env |= {"HTTPS_PROXY": "http://127.0.0.1:1", "TF_IN_AUTOMATION": "true"}
        for path, text in files.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(text)

    def terraform(self, component, *arguments, fine=(0,)):
        folder = self.root / "components/terraform" / component
        done = subprocess.run(
            ["terraform", *arguments], cwd=folder, env=self.env, capture_output=True, text=True, check=False
        )
        assert done.returncode in fine, done.stdout + done.stderr
        return done

    def prepare(self, component, stack):
        folder = self.root / "components/terraform" / component
        whole = stack_of(stack, self.files)
        state = f"{self.env['SONDE_STATE_DIR']}/{component}"
        assert whole["terraform"]["backend"]["local"]["workspace_dir"].endswith("/{{ .atmos_component }}")
        backend = {"terraform": {"backend": {"local": {"workspace_dir": state}}}}
        (folder / "backend.tf.json").write_text(json.dumps(backend))
        variables = {**whole["vars"], **whole["components"]["terraform"][component]["vars"]}
        (folder / "vars.tfvars.json").write_text(json.dumps(variables))
        self.terraform(component, "init", "-reconfigure", "-input=false")
        self.terraform(component, "workspace", "select", "-or-create", stack)

    def plan(self, component):
        """Exit code of a plan: 0 without changes, 2 with."""
        flags = ("-var-file", "vars.tfvars.json", "-input=false", "-detailed-exitcode")
        return self.terraform(component, "plan", *flags, fine=(0, 2)).returncode

    def apply(self, component):
        self.terraform(component, "apply", "-var-file", "vars.tfvars.json", "-input=false", "-auto-approve")


@needs_terraform
@pytest.mark.parametrize("component", sample.COMPONENTS)
def test_a_component_is_planned_and_applied_offline_and_its_state_outlives_the_checkout(component, tmp_path):
    state = tmp_path / "state"
    first = Checkout(tmp_path / "first", state, FILES)
    first.prepare(component, "dev")
    assert first.plan(component) == 2
    first.apply(component)
    assert first.plan(component) == 0
    shutil.rmtree(first.root)
    assert (state / component / "dev" / "terraform.tfstate").is_file()
    second = Checkout(tmp_path / "second", state, {**FILES, **sample.change("dev").files})
    second.prepare(component, "dev")
    assert second.plan(component) == (2 if component in ("database", "cluster") else 0)
