"""`sonde terraform shell`: a shell in the component's folder, in which Terraform works without our flags."""

from sonde.cli.errors import ToolError
from sonde.cli.project import Project
from sonde.cli.tf import environment, execute, run
from sonde.cli.tf import instance as instances
from sonde.cli.tf.argv import Call
from sonde.cli.tf.instance import Instance, require_folder

WITH_VARIABLES = ("plan", "apply", "refresh", "import", "destroy", "console")


def open_shell(home: Project, call: Call) -> int:
    """Init, select the workspace, then the user's shell; its exit code becomes ours. Raises ToolError."""
    found = instances.find(instances.engine_of(home), call, call.component, call.stack)
    require_folder(home, found)
    if call.on("dry-run"):
        _say(home, found)
        return 0
    code = execute.prepare(home, call, found)
    if code:
        raise ToolError(code)
    shell = home.process.env.get("SHELL") or "/bin/bash"
    env = environment.of(home, found, secrets=call.on("with-secrets")) | _shown_to_user(found)
    code = run.tool([shell, "-l"], found.folder, env)
    if code:
        raise ToolError(code)
    return 0


def _shown_to_user(found: Instance) -> dict[str, str]:
    subject = found.subject
    return {
        **{f"TF_CLI_ARGS_{name}": f"-var-file={subject.varfile}" for name in WITH_VARIABLES},
        "ATMOS_STACK": found.stack,
        "ATMOS_COMPONENT": found.component,
        "ATMOS_SHELL_WORKING_DIR": str(found.folder),
        "ATMOS_TERRAFORM_WORKSPACE": subject.workspace,
    }


def _say(home: Project, found: Instance) -> None:
    home.process.stderr.write(
        "Dry run mode: shell would be started with the following configuration:\n"
        f"  Component: {found.component}\n  Stack: {found.stack}\n  Working directory: {found.folder}\n"
        f"  Terraform workspace: {found.subject.workspace}\n  Component path: {found.folder}\n"
        f"  Varfile: {found.subject.varfile}\n"
    )
