"""Which Terraform commands a call runs, decided on values alone."""

import pytest

from sonde.cli.errors import CliError
from sonde.cli.tf.argv import parse
from sonde.cli.tf.steps import Subject, Switches, decide, exit_code, wants_upload

VPC = Subject("vpc", "dev-vpc", "dev")
VAR = ("-var-file", "dev-vpc.terraform.tfvars.json")
OUT = ("-out", "dev-vpc.planfile")


def steps(line, subject=VPC, switches=None, *, upload=False, env_workspace=False):
    return decide(parse(line.split()), subject, switches or Switches(), upload=upload, env_workspace=env_workspace)


@pytest.mark.parametrize(
    ("line", "main"),
    [
        ("plan vpc -s dev", ("plan", *VAR, *OUT)),
        ("plan vpc -s dev -out=x", ("plan", *VAR, "-out=x")),
        ("plan vpc -s dev -out x", ("plan", *VAR, "-out", "x")),
        ("apply vpc -s dev", ("apply", *VAR)),
        ("apply vpc -s dev --planfile x", ("apply", "x")),
        ("deploy vpc -s dev", ("apply", *VAR, "-auto-approve")),
        ("deploy vpc -s dev -auto-approve", ("apply", *VAR, "-auto-approve")),
        ("deploy vpc -s dev --planfile x", ("apply", "x")),
        ("destroy vpc -s dev -auto-approve", ("destroy", *VAR, "-auto-approve")),
        ("import vpc a.b i-1 -s dev", ("import", *VAR, "a.b", "i-1")),
        ("output vpc -s dev id", ("output", "id")),
        ("state rm vpc a.b -s dev", ("state", "rm", "a.b")),
        ("init vpc -s dev -upgrade", ("init", "-upgrade")),
        ("workspace vpc -s dev", ()),
        ("workspace delete vpc -s dev", ("workspace", "delete", "dev")),
        ("workspace list vpc -s dev", ("workspace", "list")),
    ],
)
def test_the_main_command(line, main):
    assert steps(line).main == main


@pytest.mark.parametrize(
    ("line", "init", "workspace"),
    [
        ("plan vpc -s dev", ("init",), True),
        ("plan vpc -s dev --skip-init", (), True),
        ("init vpc -s dev", (), False),
        ("providers vpc -s dev", ("init",), False),
        ("workspace vpc -s dev", ("init", "-reconfigure"), True),
        ("workspace list vpc -s dev", ("init", "-reconfigure"), False),
    ],
)
def test_what_runs_before_it(line, init, workspace):
    found = steps(line)
    assert (found.init, found.workspace) == (init, workspace)


def test_atmos_yaml_changes_init_plan_and_approval():
    switches = Switches(auto_approve=True, deploy_init=False, reconfigure=True, pass_vars=True, skip_planfile=True)
    assert steps("deploy vpc -s dev", switches=switches).init == ()
    assert steps("apply vpc -s dev", switches=switches).init == ("init", "-reconfigure", *VAR)
    assert steps("apply vpc -s dev", switches=switches).main[-1] == "-auto-approve"
    assert steps("plan vpc -s dev", switches=switches).main == ("plan", *VAR)


def test_an_upload_needs_the_detailed_exit_code_once():
    assert steps("plan vpc -s dev", upload=True).main[-1] == "-detailed-exitcode"
    assert steps("plan vpc -s dev -detailed-exitcode", upload=True).main.count("-detailed-exitcode") == 1
    assert not steps("destroy vpc -s dev", upload=True).report
    assert steps("deploy vpc -s dev", upload=True).report


@pytest.mark.parametrize(
    ("line", "varfile", "planfile"),
    [
        ("plan", False, False),
        ("apply", True, True),
        ("deploy", True, True),
        ("show", False, False),
        ("output", False, True),
    ],
)
def test_what_is_tidied_up(line, varfile, planfile):
    found = steps(f"{line} vpc -s dev")
    assert (found.remove_varfile, found.remove_planfile) == (varfile, planfile)


def test_a_given_planfile_is_neither_planned_for_nor_removed():
    found = steps("apply vpc -s dev --planfile x")
    assert (found.write_varfile, found.remove_planfile) == (False, False)


@pytest.mark.parametrize(
    ("line", "subject"),
    [
        ("plan vpc -s dev", Subject("vpc", "dev-vpc", "dev", abstract=True)),
        ("apply vpc -s dev", Subject("vpc", "dev-vpc", "dev", locked=True)),
        ("state rm vpc x -s dev", Subject("vpc", "dev-vpc", "dev", locked=True)),
        ("workspace vpc -s dev", Subject("vpc", "dev-vpc", "dev", backend_type="http")),
    ],
)
def test_metadata_can_forbid_a_command(line, subject):
    with pytest.raises(CliError):
        steps(line, subject)


def test_a_locked_component_can_still_be_planned():
    assert steps("plan vpc -s dev", Subject("vpc", "dev-vpc", "dev", locked=True)).main


def test_a_workspace_from_the_environment_is_left_alone():
    assert not steps("plan vpc -s dev", env_workspace=True).workspace


@pytest.mark.parametrize(
    ("line", "env", "wanted"),
    [
        ("plan x -s d --upload-status", {}, True),
        ("plan x -s d --upload-status=false", {"ATMOS_UPLOAD_STATUS": "true"}, False),
        ("plan x -s d", {"ATMOS_UPLOAD_STATUS": "true"}, True),
        ("plan x -s d", {"ATMOS_TERRAFORM_PLAN_UPLOAD_STATUS": "true"}, True),
        ("apply x -s d", {"ATMOS_TERRAFORM_PLAN_UPLOAD_STATUS": "true"}, True),
        ("plan x -s d", {"ATMOS_TERRAFORM_PLAN_UPLOAD_STATUS": "false", "ATMOS_UPLOAD_STATUS": "true"}, False),
        ("plan x -s d", {"ATMOS_TERRAFORM_PLAN_UPLOAD_STATUS": "true", "ATMOS_UPLOAD_STATUS": "false"}, True),
        ("plan x -s d", {"ATMOS_PRO_RUN_ID": "run_1"}, False),
    ],
)
def test_when_a_result_is_uploaded(line, env, wanted):
    assert wants_upload(parse(line.split()), env) is wanted


@pytest.mark.parametrize(
    ("code", "ci", "table", "ours"),
    [
        (2, False, {}, 2),
        (2, True, {}, 0),
        (1, True, {}, 1),
        (2, True, {0: True, 1: False, 2: False}, 2),
        (1, True, {1: True}, 0),
        (3, True, {}, 3),
    ],
)
def test_in_ci_the_exit_codes_that_mean_success_become_zero(code, ci, table, ours):
    assert exit_code(code, ci_enabled=ci, success=table) == ours
