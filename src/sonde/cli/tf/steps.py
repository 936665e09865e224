"""Which Terraform commands run for a call, in which order, and what is tidied up after: decided without side effects.

The rules are stacks.md §12; the exact arguments are those of the corpus kind `terraform`.
"""

from dataclasses import dataclass

from sonde.cli.errors import CliError
from sonde.cli.tf.argv import Call

LOCKED_OUT = frozenset({"apply", "deploy", "destroy", "import", "state", "taint", "untaint"})
NEEDS_CONCRETE = frozenset({"plan", "apply", "deploy", "workspace"})
WITH_VARFILE = frozenset({"plan", "apply", "destroy", "import", "refresh", "test"})
REPORTED = frozenset({"plan", "apply"})


@dataclass(frozen=True)
class Switches:
    """`components.terraform` of atmos.yaml, with the flags of the call over it."""

    auto_approve: bool = False
    deploy_init: bool = True
    reconfigure: bool = False
    pass_vars: bool = False
    skip_planfile: bool = False
    generate_backend: bool = True
    generate_files: bool = False


@dataclass(frozen=True)
class Subject:
    """What the steps need to know of an instance. `stem` begins the names of its varfile and planfile."""

    component: str
    stem: str
    workspace: str
    abstract: bool = False
    locked: bool = False
    backend_type: str = ""

    @property
    def varfile(self) -> str:
        return f"{self.stem}.terraform.tfvars.json"

    @property
    def planfile(self) -> str:
        return f"{self.stem}.planfile"


@dataclass(frozen=True)
class Steps:
    """Argument lists, without the program. `init` and `main` are empty, `workspace` is False, where they are not run."""

    init: tuple[str, ...]
    workspace: bool
    main: tuple[str, ...]
    command: str  # what is run in the end: `apply` for a deploy
    write_varfile: bool
    remove_planfile: bool
    remove_varfile: bool
    report: bool


def decide(call: Call, subject: Subject, switches: Switches, *, upload: bool, env_workspace: bool) -> Steps:
    """The steps of a call. `env_workspace`: TF_WORKSPACE is set, so the workspace is not ours to choose.

    Raises CliError for what must not be run: an abstract component, a change to a locked one.
    """
    check(call, subject)
    command = "apply" if call.name == "deploy" else call.name
    planned = call.values.get("planfile", "")
    approve = call.name == "deploy" or (command == "apply" and switches.auto_approve)
    passed = list(call.passed)
    if approve and not planned and "-auto-approve" not in passed:
        passed.append("-auto-approve")
    return Steps(
        init=_init(call, subject, switches),
        workspace=_selects_workspace(call, subject) and not env_workspace,
        main=_main(call, subject, switches, passed=passed, upload=upload),
        command=command,
        write_varfile=command != "workspace" and not planned,
        remove_planfile=command not in ("plan", "show") and not planned,
        remove_varfile=command == "apply",
        report=upload and command in REPORTED,
    )


def check(call: Call, subject: Subject) -> None:
    """Raises CliError where the component's metadata forbids the command."""
    if subject.abstract and call.name in NEEDS_CONCRETE:
        raise CliError(
            "abstract component cannot be provisioned\n\n"
            f"the component '{subject.component}' cannot be provisioned because it's marked as abstract "
            "(metadata.type: abstract)"
        )
    if subject.locked and call.name in LOCKED_OUT:
        raise CliError(
            "locked component cannot be provisioned\n\n"
            f"component '{subject.component}' cannot be modified (metadata.locked: true)"
        )
    if call.name == "workspace" and subject.backend_type == "http":
        raise CliError("workspaces are not supported for the HTTP backend")


def _init(call: Call, subject: Subject, switches: Switches) -> tuple[str, ...]:
    """Init runs before everything but itself, unless it is switched off."""
    if call.name == "init" or call.on("skip-init") or (call.name == "deploy" and not switches.deploy_init):
        return ()
    return _init_arguments(call, subject, switches)


def _init_arguments(call: Call, subject: Subject, switches: Switches) -> tuple[str, ...]:
    reconfigure = ("-reconfigure",) if switches.reconfigure or call.name == "workspace" else ()
    variables = ("-var-file", subject.varfile) if switches.pass_vars else ()
    return ("init", *reconfigure, *variables)


def _selects_workspace(call: Call, subject: Subject) -> bool:
    """Init and the workspace commands need none selected; `providers` reads no state; HTTP backends have none."""
    if call.name in ("init", "providers") or (call.name == "workspace" and len(call.command) > 1):
        return False
    return subject.backend_type != "http"


def _main(call: Call, subject: Subject, switches: Switches, *, passed: list[str], upload: bool) -> tuple[str, ...]:
    command = "apply" if call.name == "deploy" else call.name
    if command == "init":
        return (*_init_arguments(call, subject, switches), *passed)
    if command == "workspace":
        return _workspace_command(call, subject, passed)
    words = ("apply",) if call.name == "deploy" else call.command
    planned = call.values.get("planfile", "")
    if command == "apply" and planned:
        return (*words, *passed, planned)
    varfile = ("-var-file", subject.varfile) if command in WITH_VARFILE else ()
    plan = _plan_flags(call, subject, switches, upload=upload) if command == "plan" else ()
    return (*words, *varfile, *plan, *passed)


def _workspace_command(call: Call, subject: Subject, passed: list[str]) -> tuple[str, ...]:
    """Bare `workspace` is done by selecting it; `new`, `select` and `delete` mean the component's own workspace."""
    if len(call.command) == 1:
        return ()
    name = () if call.command[1] in ("list", "show") else (subject.workspace,)
    return (*call.command, *name, *passed)


def _plan_flags(call: Call, subject: Subject, switches: Switches, *, upload: bool) -> tuple[str, ...]:
    own_out = any(word == "-out" or word.startswith("-out=") for word in call.passed)
    out = () if own_out or switches.skip_planfile else ("-out", subject.planfile)
    detailed = ("-detailed-exitcode",) if upload and "-detailed-exitcode" not in call.passed else ()
    return (*out, *detailed)


def wants_upload(call: Call, environ: dict[str, str]) -> bool:
    """`--upload-status`, or its variables, whichever is there first, also when it is false (protocol.md §6.3).

    The variable named after `plan` holds for what is applied too, as in the Go CLI.
    """
    if "upload-status" in call.switches:
        return call.switches["upload-status"]
    given = environ.get("ATMOS_TERRAFORM_PLAN_UPLOAD_STATUS") or environ.get("ATMOS_UPLOAD_STATUS") or ""
    return given.lower() in ("true", "1", "t")


def exit_code(code: int, *, ci_enabled: bool, success: dict[int, bool]) -> int:
    """Terraform's exit code as ours: in CI the codes that count as success become 0 (stacks.md §11.3).

    `success` is `components.terraform.ci.exit_codes`; empty means that 0 and 2 are successes.
    """
    table = success or {0: True, 1: False, 2: True}
    return 0 if ci_enabled and table.get(code, False) else code
