"""One call for one instance, from its files to its exit code."""

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from sonde.cli.errors import CliError
from sonde.cli.project import Project
from sonde.cli.sts.integrations import PROVIDER
from sonde.cli.tf import environment, files, run, status, steps
from sonde.cli.tf.argv import Call
from sonde.cli.tf.instance import Instance, require_folder
from sonde.cli.tf.steps import Steps, Switches
from sonde.stacks import exclusive


def execute(home: Project, call: Call, instance: Instance) -> int:
    """Run a call for an instance; the exit code that is Terraform's, or 0 where CI counts it as a success.

    A disabled component is left alone. Raises CliError for what must not or cannot be run.
    """
    if not instance.enabled:
        home.log.info("Component is not enabled and skipped", component=instance.component)
        return 0
    require_folder(home, instance)
    _refuse_unsupported(home, instance)
    switches = switches_of(home, call)
    upload = steps.wants_upload(call, dict(home.process.env))
    chosen = steps.decide(
        call, instance.subject, switches, upload=upload, env_workspace=bool(home.process.env.get("TF_WORKSPACE"))
    )
    if call.on("dry-run"):
        return _show(home, chosen, instance)
    write_files(instance, switches, varfile=chosen.write_varfile)
    env = environment.of(home, instance) | _for_import(call, instance)
    code = _before(home, chosen, instance, env)
    if code:
        return code
    code = _main(home, chosen, instance, env) if chosen.main else 0
    if not code:
        _tidy(chosen, instance)
    return code


def prepare(home: Project, call: Call, instance: Instance) -> int:
    """Files, init and workspace, and nothing after them; the exit code of the one that failed, or 0."""
    switches = switches_of(home, call)
    chosen = steps.decide(
        call, instance.subject, switches, upload=False, env_workspace=bool(home.process.env.get("TF_WORKSPACE"))
    )
    write_files(instance, switches, varfile=True)
    return _before(home, chosen, instance, environment.of(home, instance))


def switches_of(home: Project, call: Call) -> Switches:
    """atmos.yaml's `components.terraform` with the call's flags over it."""

    def choose(path: str, flag: str = "") -> bool:
        configured = home.config.get(f"components.terraform.{path}") is True
        return call.on(flag, default=configured) if flag else configured

    return Switches(
        auto_approve=choose("apply_auto_approve"),
        deploy_init=choose("deploy_run_init") or call.on("deploy-run-init"),  # the flag never switches it off
        reconfigure=choose("init_run_reconfigure", "init-run-reconfigure"),
        pass_vars=choose("init.pass_vars", "init-pass-vars"),
        skip_planfile=choose("plan.skip_planfile", "skip-planfile")
        or home.process.env.get("ATMOS_TERRAFORM_PLAN_SKIP_PLANFILE", "").lower() in ("true", "1", "t"),
        generate_backend=choose("auto_generate_backend_file", "auto-generate-backend-file"),
        generate_files=choose("auto_generate_files"),
    )


def program(home: Project, instance: Instance) -> str:
    """The tool: the component's own `command`, else atmos.yaml's, else terraform."""
    return str(instance.sections.get("command") or home.config.command("terraform"))


def write_varfile(instance: Instance, path: Path) -> None:
    """All variables but the sensitive ones, as JSON."""
    variables = instance.section("vars")
    files.write(path, {name: variables[name] for name in variables if name not in instance.secret_variables})


# What a stack can ask for that we do not do: section, path in it, what happens instead.
NOT_DONE = (
    ("auth", "identities", "Identities are not assumed: Terraform runs with the credentials of this environment."),
    ("hooks", "", "Hooks are not run."),
    ("settings", "validation", "Validation policies are not checked before Terraform runs."),
)


def _refuse_unsupported(home: Project, instance: Instance) -> None:
    """Running in the wrong folder would be worse than not running; what is left out otherwise is said."""
    provision = instance.section("provision").get("workdir")
    if isinstance(provision, Mapping) and provision.get("enabled") is True:
        raise CliError(
            f"'{instance.component}' asks for a working directory of its own (provision.workdir.enabled)",
            hints=[
                "Sonde does not provision working directories. Vendor the component, and disable `provision.workdir`."
            ],
        )
    for section, below, what in NOT_DONE:
        value = instance.section(section)
        if _asked_for(value, below):
            home.log.warning(what, component=instance.component, section=section)


def _asked_for(section: Mapping[str, Any], below: str) -> bool:
    """Whether a section asks for something. An identity of the control plane's own is not assumed, but used (`sts`)."""
    if below != "identities":
        return bool(section.get(below) if below else section)
    entries = section.get(below)
    others = entries.values() if isinstance(entries, Mapping) else ()
    return any(not isinstance(entry, Mapping) or entry.get("kind") != PROVIDER for entry in others)


def write_files(instance: Instance, switches: Switches, *, varfile: bool) -> None:
    """Variables, backend, provider settings and pinned versions, in the component's folder."""
    folder = instance.folder
    if varfile:
        write_varfile(instance, folder / instance.subject.varfile)
    write_settings(instance, switches)
    if switches.generate_files:
        for path, content in files.generated(folder, instance.section("generate")).items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content, encoding="utf-8")
    required = files.required(
        str(instance.sections.get("required_version") or ""), instance.section("required_providers")
    )
    if required:
        files.write(folder / files.REQUIRED_PROVIDERS, required)


def write_settings(instance: Instance, switches: Switches) -> None:
    """Backend and provider settings, in the component's folder."""
    folder, subject = instance.folder, instance.subject
    if switches.generate_backend:
        content = files.backend(subject.backend_type, instance.section("backend"), subject.workspace)
        files.write(folder / files.BACKEND, content)
    if instance.section("providers"):
        files.write(folder / files.PROVIDERS, files.providers(instance.section("providers")))


def _before(home: Project, chosen: Steps, instance: Instance, env: Mapping[str, str]) -> int:
    """Init and the workspace; their exit code ends the call. Nothing is reported then: no plan was made."""
    tool = program(home, instance)
    if chosen.init or chosen.main[:1] == ("init",):
        _forget_workspace(instance.folder, env)
    if chosen.init:
        with _plugin_cache(home, env):
            code = run.tool([tool, *chosen.init], instance.folder, env)
        if code:
            return code
    return _select_workspace(home, [tool, "workspace"], instance, env) if chosen.workspace else 0


def _plugin_cache(home: Project, env: Mapping[str, str]) -> AbstractContextManager[None]:
    """One init at a time for a folder of providers that several components share.

    Terraform says of it that concurrent inits are undefined (Terraform docs, "Provider Plugin Cache"), and the Go CLI does
    without it when it runs several at a time.
    """
    cache = env.get("TF_PLUGIN_CACHE_DIR", "")
    return exclusive.folder(
        cache, env, lambda: home.log.warning("Waiting for another init that uses the plugin cache.", folder=cache)
    )


def _forget_workspace(folder: Path, env: Mapping[str, str]) -> None:
    """Components share folders: the workspace of another one must not make init ask what to do."""
    (folder / env.get("TF_DATA_DIR", ".terraform") / "environment").unlink(missing_ok=True)


def _select_workspace(home: Project, command: list[str], instance: Instance, env: Mapping[str, str]) -> int:
    """Select the workspace, or make it. What Terraform says is shown only if that fails."""
    name = instance.subject.workspace
    code, said = run.quietly([*command, "select", "-or-create", name], instance.folder, env)
    if code == 1:
        code, said_new = run.quietly([*command, "new", name], instance.folder, env)
        current = instance.folder / env.get("TF_DATA_DIR", ".terraform") / "environment"
        if code == 1 and current.is_file() and current.read_text(encoding="utf-8").strip() == name:
            home.log.warning("Workspace is already active but its state is missing", workspace=name)
            return 0
        said += said_new
    if code:
        home.process.stderr.write(said)
        home.process.stderr.flush()
    return code


def _main(home: Project, chosen: Steps, instance: Instance, env: Mapping[str, str]) -> int:
    with _plugin_cache(home, env) if chosen.main[0] == "init" else nullcontext():
        code = run.tool([program(home, instance), *chosen.main], instance.folder, env)
    if chosen.report and status.is_reported(instance.sections.get("settings")):
        status.report(home, component=instance.component, stack=instance.stack, command=chosen.command, exit_code=code)
    elif chosen.report:
        home.log.warning("Pro is not enabled. Skipping upload of Terraform result.", component=instance.component)
    table = home.config.get("components.terraform.ci.exit_codes") or {}
    success = {int(key): bool(value) for key, value in table.items()}
    return steps.exit_code(code, ci_enabled=home.config.get("ci.enabled") is True, success=success)


def _for_import(call: Call, instance: Instance) -> dict[str, str]:
    """The AWS provider has no configuration yet when resources are imported: it gets the instance's region."""
    region = instance.section("vars").get("region")
    return {"AWS_REGION": region} if call.name == "import" and isinstance(region, str) else {}


def _tidy(chosen: Steps, instance: Instance) -> None:
    """A planfile is out of date after anything but a plan; variables are not left behind by an apply."""
    if chosen.remove_planfile:
        (instance.folder / instance.subject.planfile).unlink(missing_ok=True)
    if chosen.remove_varfile:
        (instance.folder / instance.subject.varfile).unlink(missing_ok=True)


def _show(home: Project, chosen: Steps, instance: Instance) -> int:
    """Dry run: say what would run. Nothing is reported, since nothing was found out."""
    tool = program(home, instance)
    select = ("workspace", "select", "-or-create", instance.subject.workspace) if chosen.workspace else ()
    for arguments in (chosen.init, select, chosen.main):
        if arguments:
            home.process.stderr.write(f"Would run in {instance.folder}: {tool} {' '.join(arguments)}\n")
    return 0
