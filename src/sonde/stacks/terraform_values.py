"""Values of other components: `!terraform.output`, `!terraform.state` and `atmos.Component` (stacks.md §7)."""

import json
import posixpath
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sonde.stacks import backend_file, exclusive
from sonde.stacks.errors import StacksError, TitledError
from sonde.stacks.functions import Caller, NotProvisionedError
from sonde.stacks.merge import Section

if TYPE_CHECKING:
    from sonde.stacks.engine import Engine


def value(argument: str, text: str, caller: Caller) -> Any:
    """`component [stack] expression`: an output of another component, from its static backend or its state."""
    component, stack, expression = _arguments(argument, text, caller.stack)
    try:
        found = outputs(caller.engine, component, stack)
    except TitledError as error:
        raise _unreadable(error, text, (component, stack, expression)) from error
    except NotProvisionedError:
        # Terraform itself says that a component without state has no outputs; reading the state says that there is none.
        if "//" not in expression:
            if text.startswith("!terraform.state"):
                raise
            _check_source(caller.engine, component, stack)
        found = {}
    return _select(found, expression)


def _unreadable(error: TitledError, text: str, asked: tuple[str, str, str]) -> StacksError:
    component, stack, output = asked
    if text.startswith("!terraform.state"):
        what = f"failed to describe component {component} in stack {stack}\nin YAML function: {text}\n"
    else:
        what = f"failed to get terraform output for component {component} in stack {stack}, output {output}: failed to describe component: "
    return StacksError(what + error.flat, hints=error.hints, exit_code=error.exit_code)


def _check_source(engine: "Engine", component: str, stack: str) -> None:
    """A working copy is made from `source`, or from the component's folder, which must then be there."""
    sections = engine.component(component, stack)
    folder = str(sections["component_info"].get("component_path", ""))
    source = sections.get("source")
    if _state_folder(engine, component, stack, sections) == folder or engine.tree.exists(folder):
        return
    if not (isinstance(source, dict) and source.get("uri")):
        raise StacksError(
            f"failed to get terraform output for component {component} in stack {stack}: workdir provisioning failed: local "
            "component path does not exist",
            hints=[f"Check that the component exists at {folder}"],
        )


def _arguments(argument: str, text: str, stack: str) -> tuple[str, str, str]:
    component, _, rest = argument.strip().partition(" ")
    rest = rest.strip()
    if not rest:
        raise StacksError(f"invalid number of arguments in the Atmos YAML function: {text}")
    first, _, further = rest.partition(" ")
    if rest[0] in "'\"." or not further.strip():
        return _unquoted(component), stack, _unquoted(rest)
    return _unquoted(component), _unquoted(first), _unquoted(further.strip())


def _unquoted(text: str) -> str:
    if len(text) > 1 and text[0] in "'\"" and text[-1] == text[0]:
        inner = text[1:-1]
        return inner.replace(text[0] * 2, text[0])
    return text


def _select(found: Section, expression: str) -> Any:
    if expression in found:
        return found[expression]
    from sonde.stacks import yq

    return yq.evaluate(found, expression if expression.startswith(".") else f".{expression}")


def described(engine: "Engine", component: str, stack: str) -> Section:
    """A component's sections with its `outputs`, for templates."""
    sections = engine.component(component, stack)
    try:
        return {**sections, "outputs": outputs(engine, component, stack)}
    except NotProvisionedError:
        return {**sections, "outputs": {}}


def outputs(engine: "Engine", component: str, stack: str) -> Section:
    """All outputs of a component. Raises NotProvisionedError when it has no state yet."""
    known = engine.outputs.get((component, stack))
    if known is None:
        if (component, stack) in engine.pending:
            chain = " -> ".join(f"{name} in {where}" for name, where in (*engine.pending, (component, stack)))
            raise StacksError(f"circular dependency detected between components: {chain}")
        engine.pending.append((component, stack))
        try:
            sections = engine.component(component, stack)
            known = engine.outputs[(component, stack)] = _read(engine, component, stack, sections)
        finally:
            engine.pending.pop()
    return known


def _read(engine: "Engine", component: str, stack: str, sections: Section) -> Section:
    if sections.get("remote_state_backend_type") == "static":
        static = sections.get("remote_state_backend")
        return static if isinstance(static, dict) else {}
    kind = sections.get("backend_type") or "local"
    if kind == "local":
        return _local_state(engine, component, stack, sections)
    return _terraform_output(engine, component, stack, sections)


def _local_state(engine: "Engine", component: str, stack: str, sections: Section) -> Section:
    folder = _state_folder(engine, component, stack, sections)
    backend, workspace = sections.get("backend") or {}, str(sections.get("workspace") or "default")
    if workspace == "default":
        path = str(backend.get("path") or "terraform.tfstate")
    else:
        path = posixpath.join(
            str(backend.get("workspace_dir") or "terraform.tfstate.d"), workspace, "terraform.tfstate"
        )
    file = posixpath.normpath(posixpath.join(folder, path))
    if not engine.tree.exists(file):
        raise NotProvisionedError(f"terraform state not provisioned for component `{component}` in stack `{stack}`")
    state = json.loads(engine.tree.read_bytes(file))
    return {name: entry.get("value") for name, entry in (state.get("outputs") or {}).items()}


def _state_folder(engine: "Engine", component: str, stack: str, sections: Section) -> str:
    """The component's folder, or the working copy of it where `provision.workdir` asks for one."""
    folder = str(sections["component_info"].get("component_path", ""))
    provision = sections.get("provision")
    workdir = provision.get("workdir") if isinstance(provision, dict) else None
    if not isinstance(workdir, dict) or workdir.get("enabled") is not True:
        return folder
    return posixpath.join(engine.project.base_path, ".workdir", "terraform", f"{stack}-{component.replace('/', '-')}")


def _terraform_output(engine: "Engine", component: str, stack: str, sections: Section) -> Section:
    """`terraform output -json` in the component's folder, after init and workspace selection, alone in that folder.

    Components share folders: the backend in it may be that of another one, or not be there yet.
    """
    folder = str(sections["component_info"].get("component_path", ""))
    env = dict(engine.host.env) | {key: str(item) for key, item in (sections.get("env") or {}).items()}
    workspace = str(sections.get("workspace") or "default")
    command = str(sections.get("command") or engine.project.commands.get("terraform") or "terraform")

    def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run([command, *arguments], cwd=folder, env=env, capture_output=True, text=True, check=False)

    with exclusive.folder(folder, env), exclusive.folder(env.get("TF_PLUGIN_CACHE_DIR", ""), env):
        if engine.project.generates_backend:
            kind, backend = str(sections.get("backend_type") or ""), sections.get("backend") or {}
            backend_file.write(Path(folder, backend_file.BACKEND), backend_file.backend(kind, backend, workspace))
        done = run("init", "-input=false", "-reconfigure")
        if not done.returncode:
            if run("workspace", "select", workspace).returncode:
                raise NotProvisionedError(
                    f"terraform state not provisioned for component `{component}` in stack `{stack}`"
                )
            done = run("output", "-json")
    if done.returncode:
        raise StacksError(
            f"failed to get terraform output for component {component} in stack {stack}: {done.stderr.strip()}"
        )
    return {name: entry.get("value") for name, entry in json.loads(done.stdout or "{}").items()}
