"""`sonde terraform clean`: remove what runs leave in a component's folder."""

import shutil
from pathlib import Path

from sonde.cli.errors import CliError
from sonde.cli.project import Project
from sonde.cli.tf import files
from sonde.cli.tf import instance as instances
from sonde.cli.tf.argv import Call
from sonde.cli.tf.instance import Instance


def execute(home: Project, call: Call) -> int:
    """Remove the files of an instance, after a question unless `--force`. State is never removed without `--everything`."""
    found = instances.find(instances.engine_of(home), call, call.component, call.stack)
    return _remove(home, call, _targets(home, call, found))


def execute_all(home: Project, call: Call) -> int:
    """Remove what runs leave in the folders of all components, or of those of one stack; planfiles and backends stay."""
    engine = instances.engine_of(home)
    targets: dict[Path, None] = {}
    for each in engine.stacks(instances.options_of(call, stack=call.stack)).instances:
        if each.kind == "terraform":
            found = Instance(each.name, each.stack, each.stack, each.sections)
            left = (found.subject.planfile, files.BACKEND)
            targets.update((path, None) for path in _targets(home, call, found) if path.name not in left)
    return _remove(home, call, list(targets))


def _remove(home: Project, call: Call, candidates: list[Path]) -> int:
    targets = [path for path in candidates if path.exists()]
    if not targets:
        home.process.stderr.write("✓ Nothing to delete\n")
        return 0
    if call.on("dry-run"):
        for path in targets:
            home.process.stderr.write(f"Would delete {_shown(home, path)}\n")
        return 0
    if not call.on("force") and not _agreed(home, targets):
        return 0
    for path in targets:
        name = _shown(home, path)
        shutil.rmtree(path) if path.is_dir() else path.unlink()
        home.process.stderr.write(f"✓ Deleted {name}\n")
    return 0


def _targets(home: Project, call: Call, found: Instance) -> list[Path]:
    folder, subject = found.folder, found.subject
    names = [".terraform", subject.varfile, subject.planfile]
    if not call.on("skip-lock-file"):
        names.append(".terraform.lock.hcl")
    if home.config.get("components.terraform.auto_generate_backend_file") is True:
        names.append(files.BACKEND)
    if call.on("everything"):
        names += [f"terraform.tfstate.d/{subject.workspace}", "terraform.tfstate", "terraform.tfstate.backup"]
    generated = files.generated(folder, found.section("generate")) if _generates(home) else {}
    return [*(folder / name for name in names), *generated]


def _generates(home: Project) -> bool:
    return home.config.get("components.terraform.auto_generate_files") is True


def _agreed(home: Project, targets: list[Path]) -> bool:
    from click import confirm

    if not home.process.stdout.isatty():
        raise CliError("nobody is there to confirm", hints=["Add --force to delete without a question."])
    for path in targets:
        home.process.stderr.write(f"  {_shown(home, path)}\n")
    return confirm("Delete these?", err=True)


def _shown(home: Project, path: Path) -> str:
    """The path below the project, with the project's own name in front; a folder ends with a slash."""
    top = home.config.base_path
    below = path.relative_to(top.parent) if path.is_relative_to(top.parent) else path
    return f"{below}/" if path.is_dir() else str(below)
