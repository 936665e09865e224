"""The command line of `sonde terraform`."""

import pytest

from sonde.cli.errors import UsageError
from sonde.cli.tf.argv import Call, parse, with_environment


@pytest.mark.parametrize(
    ("line", "call"),
    [
        ("plan vpc -s dev", Call(("plan",), "vpc", "dev")),
        ("plan -s dev vpc", Call(("plan",), "vpc", "dev")),
        ("plan vpc --stack=dev", Call(("plan",), "vpc", "dev")),
        ("plan vpc -s=dev", Call(("plan",), "vpc", "dev")),
        ("plan vpc -sdev", Call(("plan",), "vpc", "dev")),
        ("plan -c vpc -s dev", Call(("plan",), "vpc", "dev")),
        ("plan vpc -s dev -refresh=false", Call(("plan",), "vpc", "dev", passed=("-refresh=false",))),
        ("plan vpc -s dev -- -refresh=false --x", Call(("plan",), "vpc", "dev", passed=("-refresh=false", "--x"))),
        ("plan -var size=1 vpc -s dev", Call(("plan",), "vpc", "dev", passed=("-var", "size=1"))),
        ("plan vpc -s dev -state s.tfstate", Call(("plan",), "vpc", "dev", passed=("-state", "s.tfstate"))),
        ("plan vpc -s dev -compact-warnings", Call(("plan",), "vpc", "dev", passed=("-compact-warnings",))),
        ("output vpc -s dev -json id", Call(("output",), "vpc", "dev", passed=("-json", "id"))),
        ("output vpc -s dev -f env", Call(("output",), "vpc", "dev", values={"format": "env"})),
        ("import vpc aws_x.y i-1 -s dev", Call(("import",), "vpc", "dev", passed=("aws_x.y", "i-1"))),
        ("state list vpc -s dev", Call(("state", "list"), "vpc", "dev")),
        ("workspace vpc -s dev", Call(("workspace",), "vpc", "dev")),
        ("plan --all --dry-run", Call(("plan",), switches={"all": True, "dry-run": True})),
        ("plan vpc -s d --upload-status=false", Call(("plan",), "vpc", "d", switches={"upload-status": False})),
        ("apply vpc -s d --from-plan=x.plan", Call(("apply",), "vpc", "d", switches={"from-plan": True})),
        ("apply vpc -s d --planfile p", Call(("apply",), "vpc", "d", values={"planfile": "p"})),
        ("plan vpc -s d --skip env,exec --skip a", Call(("plan",), "vpc", "d", lists={"skip": ("env", "exec", "a")})),
        ("plan --components a,b --components c", Call(("plan",), values={"components": "a,b,c"})),
        ("workspace list vpc -s d --x", Call(("workspace", "list"), "vpc", "d", passed=("--x",))),
        ("write varfile vpc -s d", Call(("generate", "varfile"), "vpc", "d")),
        (
            "plan --all --include-dependents=2",
            Call(("plan",), switches={"all": True, "include-dependents": True}, values={"include-dependents": "2"}),
        ),
        ("--help", Call(("help",))),
    ],
)
def test_ours_is_taken_and_the_rest_passed_on(line, call):
    assert parse(line.split()) == call


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("", "sonde terraform requires a subcommand"),
        ("remediate vpc -s dev", "Unknown command remediate"),
        ("plan vpc -s", "flag needs an argument: -s"),
        ("plan vpc -s d --upload-status=maybe", "invalid argument"),
        ("plan vpc -s d --auto-approve", "unknown flag --auto-approve for command sonde terraform plan"),
        ("validate --all -s d", "unknown flag --all for command sonde terraform validate"),
        ("generate backend vpc -s d --file x", "unknown flag --file for command sonde terraform generate backend"),
    ],
)
def test_what_cannot_be_meant_is_wrong_usage(line, says):
    with pytest.raises(UsageError, match=says):
        parse(line.split())


@pytest.mark.parametrize(
    ("line", "env", "call"),
    [
        ("plan vpc", {"ATMOS_STACK": "dev"}, Call(("plan",), "vpc", "dev")),
        ("plan vpc -s dev", {"ATMOS_STACK": "prod"}, Call(("plan",), "vpc", "dev")),
        ("plan vpc", {"ATMOS_SKIP_INIT": "true"}, Call(("plan",), "vpc", switches={"skip-init": True})),
        ("plan vpc --dry-run=false", {"ATMOS_DRY_RUN": "1"}, Call(("plan",), "vpc", switches={"dry-run": False})),
        ("validate vpc", {"ATMOS_ALL": "true", "ATMOS_TAGS": ""}, Call(("validate",), "vpc")),
        ("apply", {"ATMOS_COMPONENTS": "a,b"}, Call(("apply",), values={"components": "a,b"})),
    ],
)
def test_the_environment_stands_in_for_flags_that_were_not_given(line, env, call):
    assert with_environment(parse(line.split()), env) == call
