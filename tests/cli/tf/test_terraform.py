"""`sonde terraform` with a real Terraform, as a process."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from several import TERRAFORM

pytestmark = pytest.mark.skipif(not shutil.which("terraform"), reason="there is no `terraform` on the PATH")

ATMOS = """
base_path: "."
components:
  terraform:
    base_path: components/terraform
    command: {tool}
    init_run_reconfigure: true
    auto_generate_backend_file: true
    plugin_cache: false
    deploy_run_init: true
stacks:
  base_path: stacks
  included_paths: ["**/*"]
  name_pattern: "{{stage}}"
"""
STACK = """
vars: {stage: dev}
terraform:
  backend_type: local
  backend: {local: {path: ../../../state/terraform.tfstate, workspace_dir: ../../../state/ws}}
components:
  terraform:
    net:
      metadata: {component: net}
      settings: {pro: {enabled: true}}
      vars: {size: 1, password: hush}
      env: {COLOUR: green}
    app/web:
      metadata: {component: net}
      settings: {pro: {enabled: true}}
      vars: {size: 2}
      dependencies: {components: [{component: net}]}
    locked:
      metadata: {component: net, locked: true}
    off:
      metadata: {component: net, enabled: false}
    gone:
      metadata: {component: no-such-folder}
"""
MODULE = """
variable "size" { default = 0 }
variable "stage" {}
variable "password" {
  default   = ""
  sensitive = true
}
resource "terraform_data" "x" { input = var.size }
output "size" { value = var.size }
output "list" { value = ["a", 1] }
output "secret" {
  value     = var.password
  sensitive = true
}
"""
SHIM = """#!/bin/sh
printf '%s|%s|%s\\n' "$*" "$COLOUR" "$TF_IN_AUTOMATION" >> "{log}"
exec terraform "$@"
"""


@pytest.fixture
def project(checkout, tmp_path):
    """The checkout with a component; `calls()` gives the Terraform command lines so far, and forgets them."""
    tool, log = tmp_path / "shim", tmp_path / "calls"
    tool.write_text(SHIM.format(log=log))
    tool.chmod(0o755)
    (checkout / "atmos.yaml").write_text(ATMOS.format(tool=tool))
    (checkout / "stacks" / "dev.yaml").write_text(STACK)
    folder = checkout / "components" / "terraform" / "net"
    folder.mkdir(parents=True)
    (folder / "main.tf").write_text(MODULE)

    class Project:
        path = folder

        @staticmethod
        def calls():
            lines = log.read_text().splitlines() if log.exists() else []
            log.unlink(missing_ok=True)
            return [line.split("|") for line in lines]

    return Project


@pytest.fixture
def terraform(sonde, project):
    def run(*argv, **more):
        return sonde("terraform", *argv, env={**TERRAFORM, **more})

    return run


def commands(project):
    return [call[0] for call in project.calls()]


def test_a_plan_is_init_workspace_and_plan_with_its_files(terraform, project):
    done = terraform("plan", "net", "-s", "dev")
    assert done.returncode == 0, done.stderr
    assert project.calls() == [
        ["init -reconfigure", "green", "true"],
        ["workspace select -or-create dev", "green", "true"],
        ["plan -var-file dev-net.terraform.tfvars.json -out dev-net.planfile", "green", "true"],
    ]
    assert (project.path / "dev-net.planfile").exists()
    backend = json.loads((project.path / "backend.tf.json").read_text())
    assert backend["terraform"]["backend"]["local"]["path"] == "../../../state/terraform.tfstate"


def test_a_sensitive_variable_reaches_terraform_but_not_the_disk(terraform, project):
    terraform("deploy", "net", "-s", "dev")
    terraform("plan", "net", "-s", "dev")
    assert json.loads((project.path / "dev-net.terraform.tfvars.json").read_text()) == {"size": 1, "stage": "dev"}
    raw = subprocess.run(
        ["terraform", "output", "-raw", "secret"], cwd=project.path, capture_output=True, text=True, check=True
    )
    assert raw.stdout == "hush"


def test_the_result_of_a_plan_is_reported_with_the_whole_name_of_the_component(terraform, plane):
    done = terraform("plan", "app/web", "-s", "dev", "--upload-status")
    assert done.returncode == 2
    (seen,) = plane.seen
    assert (seen.method, seen.path) == (
        "PATCH",
        "/api/v1/repos/acme/infra/instances?stack=dev&component=app%2Fweb",
    )
    assert seen.body["command"] == "plan"
    assert seen.body["exit_code"] == 2
    assert seen.body["last_run"].endswith("Z")


def test_an_upload_that_fails_leaves_terraforms_exit_code_alone(terraform, plane):
    plane.says((404, {"success": False, "errorMessage": "no instance"}))
    done = terraform("deploy", "net", "-s", "dev", "--upload-status")
    assert done.returncode == 0
    assert "WARN Failed to upload command status to Atmos Pro" in done.stderr
    assert "no instance" in done.stderr


def test_a_dry_run_runs_writes_and_reports_nothing(terraform, project, plane):
    before = sorted(project.path.iterdir())
    done = terraform("plan", "net", "-s", "dev", "--dry-run", "--upload-status")
    assert (done.returncode, done.stdout) == (0, "")
    assert "Would run in" in done.stderr
    assert not project.calls()
    assert not plane.seen
    assert sorted(project.path.iterdir()) == before


def test_nothing_is_reported_when_init_fails(terraform, project, plane):
    (project.path / "bad.tf").write_text('terraform {\n  required_version = ">= 99"\n}\n')
    assert terraform("plan", "net", "-s", "dev", "--upload-status").returncode == 1
    assert not plane.seen
    assert commands(project) == ["init -reconfigure"]


def test_an_apply_tidies_up_only_if_it_succeeds(terraform, project):
    terraform("plan", "net", "-s", "dev")
    assert terraform("apply", "net", "-s", "dev").returncode == 1  # nobody there to approve
    assert (project.path / "dev-net.terraform.tfvars.json").exists()
    assert terraform("apply", "net", "-s", "dev", "-auto-approve").returncode == 0
    assert not list(project.path.glob("dev-net.*"))


def test_all_components_run_in_the_order_of_their_dependencies(terraform, checkout, plane):
    stack = checkout / "stacks" / "dev.yaml"
    stack.write_text(STACK.replace("component: no-such-folder", "type: abstract"))
    done = terraform("plan", "--all", "-s", "dev", "--upload-status")
    assert done.returncode == 2, done.stderr
    assert [seen.path.partition("component=")[2] for seen in plane.seen] == ["net", "app%2Fweb"]


def test_a_failure_among_several_ends_the_rest_and_is_named(terraform, plane):
    done = terraform("plan", "--components", "gone,net", "-s", "dev")
    assert done.returncode == 1
    assert "points to the Terraform component 'no-such-folder'" in done.stderr


@pytest.mark.parametrize(
    ("argv", "code", "says"),
    [
        (("plan", "net"), 1, "stack is required"),
        (("plan", "nope", "-s", "dev"), 1, "nope"),
        (("plan", "gone", "-s", "dev"), 1, "does not exist in"),
        (("apply", "locked", "-s", "dev"), 1, "locked component cannot be provisioned"),
        (("plan", "off", "-s", "dev"), 0, ""),
        (("remediate", "net", "-s", "dev"), 1, "Unknown command remediate"),
    ],
)
def test_what_cannot_run_says_why(terraform, project, argv, code, says):
    done = terraform(*argv)
    assert done.returncode == code
    assert says in done.stderr
    assert not project.calls()


FORMATS = {
    "json": '{\n  "list": [\n    "a",\n    1\n  ],\n  "secret": "<MASKED>",\n  "size": 1\n}\n',
    "env": 'list=["a",1]\nsecret=<MASKED>\nsize=1\n',
    "bash": "export list='[\"a\",1]'\nexport secret=<MASKED>\nexport size=1\n",
    "csv": 'key,value\nlist,"[""a"",1]"\nsecret,<MASKED>\nsize,1\n',
    "table": f' Key     Value\n{"─" * 18}\n list    ["a",1]\n secret  <MASKED>\n size    1\n',
    "hcl": 'list = ["a", 1]\nsecret = "<MASKED>"\nsize = 1\n',
}


def test_outputs_come_in_a_format_for_scripts_with_secrets_masked(terraform, checkout):
    stack = checkout / "stacks" / "dev.yaml"
    stack.write_text(STACK.replace(", password: hush", ""))
    terraform("deploy", "net", "-s", "dev")
    asked = {form: terraform("output", "net", "-s", "dev", "--format", form) for form in FORMATS}
    assert {form: done.stdout for form, done in asked.items()} == FORMATS
    assert {done.returncode for done in asked.values()} == {0}


def test_outputs_are_read_without_init_where_that_is_asked_for(terraform, project):
    terraform("deploy", "net", "-s", "dev")
    project.calls()
    done = terraform("output", "net", "-s", "dev", "--format", "json", "--skip-init")
    assert json.loads(done.stdout)["size"] == 1
    assert commands(project) == ["output -no-color -json"]


def test_clean_removes_what_a_plan_left(terraform, project):
    terraform("plan", "net", "-s", "dev")
    assert terraform("clean", "net", "-s", "dev", "--force").returncode == 0
    assert [path.name for path in project.path.iterdir()] == ["main.tf"]


def test_a_varfile_can_be_had_alone(terraform, project, checkout):
    done = terraform("generate", "varfile", "app/web", "-s", "dev")
    assert "✓ Generated varfile components/terraform/net/dev-web.terraform.tfvars.json" in done.stderr
    assert json.loads((project.path / "dev-web.terraform.tfvars.json").read_text()) == {"size": 2, "stage": "dev"}
    assert not project.calls()


def test_backends_of_all_instances_go_where_the_template_says(terraform, tmp_path):
    template = f"{tmp_path}/out/{{stage}}/{{component}}.tf"
    assert terraform("generate", "backends", "--file-template", template).returncode == 0
    written = sorted(path.name for path in (Path(tmp_path) / "out" / "dev").iterdir())
    assert written == ["app-web.tf", "gone.tf", "locked.tf", "net.tf", "off.tf"]
    assert (Path(tmp_path) / "out" / "dev" / "net.tf").read_text() == (
        'terraform {\n  backend "local" {\n    path          = "../../../state/terraform.tfstate"\n'
        '    workspace_dir = "../../../state/ws"\n  }\n}\n'
    )


def test_files_of_the_generate_section_are_written_when_atmos_yaml_says_so(terraform, project, checkout):
    text = (checkout / "atmos.yaml").read_text()
    (checkout / "atmos.yaml").write_text(
        text.replace("plugin_cache: false", "plugin_cache: false\n    auto_generate_files: true")
    )
    generate = "vars: {size: 2}\n      generate: {extra.tf.json: {locals: {x: 1}}, note.txt: hello}"
    (checkout / "stacks" / "dev.yaml").write_text(STACK.replace("vars: {size: 2}", generate))
    assert terraform("init", "app/web", "-s", "dev").returncode == 0
    assert json.loads((project.path / "extra.tf.json").read_text()) == {"locals": {"x": 1}}
    assert (project.path / "note.txt").read_text() == "hello"
    assert terraform("clean", "app/web", "-s", "dev", "--force").returncode == 0
    assert [path.name for path in project.path.iterdir()] == ["main.tf"]


def test_a_generated_file_stays_in_its_folder(terraform, checkout):
    generate = 'vars: {size: 2}\n      generate: {"../../../atmos.yaml": gotcha}'
    (checkout / "stacks" / "dev.yaml").write_text(STACK.replace("vars: {size: 2}", generate))
    done = terraform("generate", "files", "app/web", "-s", "dev")
    assert done.returncode == 1
    assert "lies outside" in done.stderr
    assert "gotcha" not in (checkout / "atmos.yaml").read_text()


def test_outputs_for_github_go_to_the_jobs_own_file(terraform, tmp_path):
    terraform("deploy", "app/web", "-s", "dev")
    done = terraform("output", "app/web", "-s", "dev", "--format", "github", GITHUB_OUTPUT=str(tmp_path / "out"))
    assert (done.returncode, done.stdout) == (0, "")
    assert "size=2\n" in (tmp_path / "out").read_text()


def test_a_file_gets_outputs_unmasked(terraform, tmp_path):
    terraform("deploy", "net", "-s", "dev")
    done = terraform("output", "net", "secret", "-s", "dev", "-f", "env", "-o", str(tmp_path / "out"))
    assert (done.returncode, done.stdout) == (0, "")
    assert (tmp_path / "out").read_text() == "secret=hush\n"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("size", "--format", "table"), 'Unsupported format "table"'),
        (("list", "--format", "csv"), "does not support complex values"),
    ],
)
def test_one_output_alone_is_not_shown_in_every_format(terraform, words, says):
    terraform("deploy", "app/web", "-s", "dev")
    done = terraform("output", "app/web", "-s", "dev", *words)
    assert done.returncode == 1
    assert says in done.stderr


def test_keep_going_runs_what_comes_after_a_failure(terraform, project):
    done = terraform("plan", "--all", "-s", "dev", "--failure-mode", "keep-going")
    assert done.returncode == 1
    assert "component=gone stack=dev" in done.stderr
    dry = terraform("plan", "--all", "-s", "dev", "--dry-run")
    assert (dry.returncode, "Would fail: component=gone" in dry.stderr) == (0, True)
    planned = [words.split()[2] for words in commands(project) if words.startswith("plan")]
    assert planned == [f"dev-{name}.terraform.tfvars.json" for name in ("locked", "net", "web")]


@pytest.mark.parametrize(
    ("flags", "code", "says"),
    [
        (("--tags", "none-has-this"), 0, "No components matched"),
        (("--labels", "team=x"), 0, "No components matched"),
        (("--all", "--failure-mode", "perhaps"), 1, 'invalid --failure-mode "perhaps"'),
        (("--all", "net"), 1, "component net: the component argument can't be used"),
        (("--all", "--affected"), 1, "the --affected flag can't be used with"),
    ],
)
def test_a_selection_that_means_nothing_or_contradicts_itself_runs_nothing(terraform, project, flags, code, says):
    done = terraform("plan", "-s", "dev", *flags)
    assert done.returncode == code
    assert says in done.stderr
    assert not project.calls()


def test_a_component_may_be_named_by_its_path(terraform, project, checkout):
    text = STACK.replace("component: no-such-folder", "type: abstract")
    (checkout / "stacks" / "dev.yaml").write_text(text)
    assert terraform("init", "components/terraform/net", "-s", "dev").returncode == 0
    assert (project.path / "dev-net.terraform.tfvars.json").exists()
    done = terraform("init", "./components/terraform/net", "-s", "dev")
    assert done.returncode == 2
    assert "Matching components: app/web, locked, net, off" in done.stderr


def test_a_shell_knows_the_instance_and_its_variables(terraform, project, tmp_path):
    shell = tmp_path / "sh"
    shell.write_text('#!/bin/sh\necho "$1 $ATMOS_STACK $ATMOS_COMPONENT $TF_CLI_ARGS_plan"; exit 3\n')
    shell.chmod(0o755)
    done = terraform("shell", "net", "-s", "dev", SHELL=str(shell))
    assert done.stdout.endswith("-l dev net -var-file=dev-net.terraform.tfvars.json\n")
    assert done.returncode == 3
    assert commands(project) == ["init -reconfigure", "workspace select -or-create dev"]
    dry = terraform("shell", "net", "-s", "dev", "--dry-run", SHELL=str(shell))
    assert (dry.returncode, dry.stdout) == (0, "")
    assert "Terraform workspace: dev" in dry.stderr


def test_clean_without_a_component_cleans_all_and_keeps_plans(terraform, project):
    assert "Nothing to delete" in terraform("clean", "--force").stderr
    terraform("plan", "net", "-s", "dev")
    assert terraform("clean", "--force").returncode == 0
    assert sorted(path.name for path in project.path.iterdir()) == ["backend.tf.json", "dev-net.planfile", "main.tf"]


def test_env_values_are_printed_as_go_prints_them(terraform, project, checkout):
    stack = checkout / "stacks" / "dev.yaml"
    stack.write_text(STACK.replace("{COLOUR: green}", "{COLOUR: {b: [1, x], a: null}}"))
    terraform("init", "net", "-s", "dev")
    assert project.calls()[0][1] == "map[a:<nil> b:[1 x]]"


def test_what_a_stack_asks_for_and_is_not_done_is_said(terraform, checkout):
    hooks = "vars: {size: 2}\n      hooks: {store: {events: [after-terraform-apply]}}"
    (checkout / "stacks" / "dev.yaml").write_text(STACK.replace("vars: {size: 2}", hooks))
    assert "Hooks are not run." in terraform("init", "app/web", "-s", "dev").stderr


def test_only_what_a_change_touches_is_run_and_on_demand_what_depends_on_it(terraform, project, checkout, plane):
    git = ["git", "-C", str(checkout), "-c", "user.name=t", "-c", "user.email=t@example.com"]
    stack = checkout / "stacks" / "dev.yaml"
    stack.write_text(STACK.replace("component: no-such-folder", "type: abstract"))
    subprocess.run([*git, "add", "-A"], check=True)
    subprocess.run([*git, "commit", "-q", "-m", "before"], check=True)
    stack.write_text(stack.read_text().replace("size: 1", "size: 3"))
    subprocess.run([*git, "commit", "-q", "-a", "-m", "after"], check=True)
    done = terraform("plan", "--affected", "--base", "HEAD~1", "--dry-run")
    assert done.returncode == 0, done.stderr
    assert "dev-net.terraform" in done.stderr
    assert "dev-web.terraform" not in done.stderr
    done = terraform("plan", "--affected", "--base", "HEAD~1", "--include-dependents", "--dry-run")
    assert done.stderr.index("dev-net.terraform") < done.stderr.index("dev-web.terraform")
    assert "No components matched" in terraform("plan", "--affected", "--base", "HEAD", "--dry-run").stderr
