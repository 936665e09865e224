"""`sonde terraform generate …`: the files that a run would write, and a plan for other tools to read."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from sonde.cli.errors import CliError, UsageError
from sonde.cli.project import Project
from sonde.cli.tf import files, hcl, planfile
from sonde.cli.tf import instance as instances
from sonde.cli.tf.argv import Call
from sonde.cli.tf.execute import write_varfile
from sonde.cli.tf.instance import Instance, require_folder

TOKENS = ("namespace", "tenant", "environment", "region", "stage")


def execute(home: Project, call: Call) -> int:
    """Run `generate` with its second word."""
    kind = call.command[1] if len(call.command) > 1 else ""
    if kind not in KINDS:
        names = "\n".join(f"  • {name}" for name in KINDS)
        raise UsageError(f"sonde terraform generate requires a subcommand.\n\nValid subcommands are:\n\n{names}")
    KINDS[kind](home, call)
    return 0


def _one(home: Project, call: Call) -> Instance:
    if not call.component or not call.stack:
        raise CliError("component and stack are both required", hints=["sonde terraform generate varfile vpc -s dev"])
    found = instances.find(instances.engine_of(home), call, call.component, call.stack)
    require_folder(home, found)
    return found


def _varfile(home: Project, call: Call) -> None:
    found = _one(home, call)
    wanted = call.values.get("file", "")
    path = home.process.cwd / wanted if wanted else found.folder / found.subject.varfile
    write_varfile(found, path)
    home.process.stderr.write(f"✓ Generated varfile {_shown(home, path)}\n")


def _backend(home: Project, call: Call) -> None:
    found = _one(home, call)
    subject = found.subject
    if not subject.backend_type:
        raise CliError("'backend_type' is missing for the component", hints=["Set `backend_type` and `backend`."])
    path = found.folder / files.BACKEND
    files.write(path, files.backend(subject.backend_type, found.section("backend"), subject.workspace))
    home.process.stderr.write(f"✓ Generated backend {_shown(home, path)}\n")


def _varfiles(home: Project, call: Call) -> None:
    """A file for every instance, at a place made from `--file-template`."""
    template = call.values.get("file-template", "")
    if not template:
        raise UsageError('required flag "file-template" not set')
    render = _renderer(call.values.get("format", "hcl"), VARFILE_FORMATS)
    for each in _all(home, call):
        hidden = each.secret_variables
        variables = {name: item for name, item in each.section("vars").items() if name not in hidden}
        _write(home.process.cwd / _filled(template, each), render(variables))


def _backends(home: Project, call: Call) -> None:
    """A backend for every instance; without `--file-template` one for every component's folder."""
    template, form = call.values.get("file-template", ""), call.values.get("format", "hcl")
    render = _renderer(form, BACKEND_FORMATS)
    done: set[Path] = set()
    for each in _all(home, call):
        kind = each.subject.backend_type
        if not kind:
            home.log.warning("Skipping a component without backend_type.", component=each.component, stack=each.stack)
            continue
        suffix = "backend.tf.json" if form == "json" else "backend.tf"
        path = home.process.cwd / _filled(template, each) if template else each.folder / suffix
        if not template:
            require_folder(home, each)
        if path not in done:
            done.add(path)
            _write(path, render(kind, each.section("backend")))


def _files(home: Project, call: Call) -> None:
    """The files of the component's `generate` section, or of those of all components that have one."""
    if not call.on("all"):
        _write_files(home, call, _one(home, call))
        return
    for each in _all(home, call):
        if each.section("generate") and each.folder.is_dir():
            _write_files(home, call, each)


def _write_files(home: Project, call: Call, found: Instance) -> None:
    for path, content in files.generated(found.folder, found.section("generate")).items():
        if call.on("dry-run"):
            home.process.stderr.write(f"Would write {_shown(home, path)}\n")
        elif call.on("clean"):
            path.unlink(missing_ok=True)
        else:
            _write(path, content)
            home.process.stderr.write(f"✓ Generated {_shown(home, path)}\n")


def _planfile(home: Project, call: Call) -> None:
    path = planfile.generate(home, call, _one(home, call))
    if path is not None:
        home.process.stderr.write(f"✓ Generated planfile {_shown(home, path)}\n")


KINDS: Mapping[str, Callable[[Project, Call], None]] = {
    "varfile": _varfile,
    "varfiles": _varfiles,
    "backend": _backend,
    "backends": _backends,
    "files": _files,
    "planfile": _planfile,
}
VARFILE_FORMATS: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "hcl": hcl.spaced,
    "json": files.as_json,
}
BACKEND_FORMATS: Mapping[str, Callable[[str, Mapping[str, Any]], str]] = {
    "json": lambda kind, settings: files.as_json(files.backend(kind, settings, "")),
    "hcl": hcl.backend,
    "backend-config": lambda _, settings: hcl.spaced(settings),
}


def _renderer(form: str, table: Mapping[str, Any]) -> Any:
    if form not in table:
        raise CliError(f"invalid '--format' argument '{form}'. Valid values are {', '.join(table)}")
    return table[form]


def _all(home: Project, call: Call) -> Iterator[Instance]:
    """Every instance that is not abstract, narrowed by `--stacks` and `--components`."""
    engine = instances.engine_of(home)
    stacks = [name for name in call.values.get("stacks", "").split(",") if name]
    components = [name for name in call.values.get("components", "").split(",") if name]
    for each in engine.stacks(instances.options_of(call)).instances:
        if each.sections.get("metadata", {}).get("type") == "abstract":
            continue
        if (stacks and each.stack not in stacks and each.file not in stacks) or (
            components and each.name not in components
        ):
            continue
        found = Instance(each.name, each.stack, each.stack, each.sections)
        yield found


def _filled(template: str, found: Instance) -> str:
    """`{tenant}` and its like are the instance's vars; in names `/` becomes `-`."""
    variables = found.section("vars")
    names = {token: str(variables.get(token) or "") for token in TOKENS}
    names |= {
        "component": found.component.replace("/", "-"),
        "base-component": found.folder_name,
        "component-path": str(found.folder),
        "workspace": found.subject.workspace,
        "terraform_workspace": found.subject.workspace,
    }
    for token, text in names.items():
        template = template.replace("{" + token + "}", text)
    return template


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _shown(home: Project, path: Path) -> str:
    cwd = home.process.cwd
    return str(path.relative_to(cwd)) if path.is_relative_to(cwd) else str(path)
