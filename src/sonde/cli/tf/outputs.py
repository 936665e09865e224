"""`sonde terraform output --format …`: a component's outputs for scripts and other tools (stacks.md §12)."""

import json
import shlex
from collections.abc import Callable, Mapping
from typing import Any

from sonde.cli.errors import CliError
from sonde.cli.project import Project
from sonde.cli.tf import environment, execute, files, hcl, run
from sonde.cli.tf import instance as instances
from sonde.cli.tf.argv import Call
from sonde.cli.tf.instance import Instance, require_folder

MASKED = "<MASKED>"
QUIET = {
    "TF_APPEND_USER_AGENT": "HashiCorp-terraform-exec/0.25.2",
    "TF_IN_AUTOMATION": "1",
    **dict.fromkeys(("TF_LOG", "TF_LOG_CORE", "TF_LOG_PATH", "TF_LOG_PROVIDER"), ""),
}
WORKSPACE, NEW_WORKSPACE = ("workspace", "select", "-no-color"), ("workspace", "new", "-no-color")
OUTPUT = ("output", "-no-color", "-json")
INIT = ("init", "-no-color", "-input=false", "-backend=true", "-get=true", "-upgrade=false")


def run_format(home: Project, call: Call) -> int:
    """Read all outputs, then print them, or the one that is named, in the wanted format.

    Sensitive ones are masked where they are printed; a file gets them as they are, as that is what it is for.
    """
    form = call.values["format"]
    name = next((word for word in call.passed if not word.startswith("-")), "")
    if form not in FORMATS:
        raise CliError(f"unsupported format {form!r}", hints=[_supported()])
    found = instances.find(instances.engine_of(home), call, call.component, call.stack)
    require_folder(home, found)
    target = call.values.get("output-file") or (home.process.env.get("GITHUB_OUTPUT") if form == "github" else "")
    values = read(home, call, found, masked=not target)
    if name:
        if name not in values:
            raise CliError(f"output {name!r} not found in {call.component} of {call.stack}")
        text = single(name, values[name], form)
    else:
        text = FORMATS[form](shaped(values, flatten=call.on("flatten"), uppercase=call.on("uppercase")))
    if target:
        with (home.process.cwd / target).open("a", encoding="utf-8") as file:
            file.write(text)
    else:
        home.process.stdout.write(text)
    return 0


def read(home: Project, call: Call, found: Instance, *, masked: bool) -> dict[str, Any]:
    """All outputs of an instance. Raises CliError with what Terraform said."""
    execute.write_settings(found, execute.switches_of(home, call))
    tool = execute.program(home, found)
    env = environment.of(home, found, secrets=False)
    variables = sorted(name for name in env if name.startswith("TF_VAR_"))
    if variables:
        raise CliError(
            f"manual setting of env var(s) detected: {', '.join(variables)}",
            hints=["Leave TF_VAR_* out of the component's `env`; use its `vars`."],
        )
    env = {name: value for name, value in env.items() if name != "ATMOS_SHLVL"} | QUIET
    reconfigure = ("-reconfigure",) if home.config.get("components.terraform.init_run_reconfigure") is True else ()
    has_workspace = found.subject.backend_type != "http"
    first = [("version", "-json"), (*INIT, *reconfigure), *([WORKSPACE] if has_workspace else ())]
    said = ""
    for arguments in (OUTPUT,) if call.on("skip-init") else (*first, OUTPUT):
        named = (found.subject.workspace,) if arguments is WORKSPACE else ()
        code, said = run.quietly([tool, *arguments, *named], found.folder, env)
        if code and named:  # nothing was applied yet
            code, said = run.quietly([tool, *NEW_WORKSPACE, *named], found.folder, env)
        if code:
            raise CliError(f"terraform {arguments[0]} failed for {found.component} in {found.stack}\n\n{said.strip()}")
    outputs = json.loads(said)
    return {
        name: MASKED if masked and each.get("sensitive") else each.get("value")
        for name, each in sorted(outputs.items())
    }


def shaped(values: Mapping[str, Any], *, flatten: bool, uppercase: bool) -> dict[str, Any]:
    """Nested values by compound names (`hosts_0`), and names in capitals, if wanted."""
    flat: Mapping[str, Any] = dict(_flat(values)) if flatten else values
    return {name.upper() if uppercase else name: flat[name] for name in sorted(flat)}


def _flat(values: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for name, value in values.items():
        if isinstance(value, list):
            found += _flat({str(index): item for index, item in enumerate(value)}, f"{prefix}{name}_")
        elif isinstance(value, Mapping):
            found += _flat(value, f"{prefix}{name}_")
        else:
            found.append((f"{prefix}{name}", value))
    return found


def single(name: str, value: Any, form: str) -> str:
    """One output: bare where the format is one of values, named where it is one of names.

    Raises CliError where the format shows only several outputs, or only plain values.
    """
    if form == "table":
        raise CliError(f'invalid argument error\n\nUnsupported format "{form}".', hints=[_supported()])
    if form not in ("json", "yaml", "hcl") and isinstance(value, list | Mapping):
        raise CliError(
            f'invalid argument error\n\nFormat "{form}" does not support complex values (maps/lists) for single output.',
            hints=["Use --format=json or --format=yaml for complex values."],
        )
    if form in ("json", "yaml"):
        return FORMATS[form](value)
    if form in ("csv", "tsv"):
        return _delimited({name: value}, "," if form == "csv" else "\t").partition("\n")[2]
    return FORMATS[form]({name: value})


def _lines(values: Mapping[str, Any], line: Callable[[str, str], str]) -> str:
    return "".join(line(name, _text(value)) for name, value in values.items() if value is not None)


def _text(value: Any) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return environment.text(value)


def _supported() -> str:
    return f"Supported formats: {', '.join(FORMATS)}."


def _quoted(text: str) -> str:
    return text if text == MASKED else shlex.quote(text)


def _github(name: str, text: str) -> str:
    return f"{name}<<ATMOS_EOF_{name}\n{text}\nATMOS_EOF_{name}\n" if "\n" in text else f"{name}={text}\n"


def _delimited(values: Mapping[str, Any], mark: str) -> str:
    def cell(text: str) -> str:
        return '"' + text.replace('"', '""') + '"' if any(char in text for char in f'{mark}"\n\r') else text

    return f"key{mark}value\n" + _lines(values, lambda name, text: f"{name}{mark}{cell(text)}\n")


def _yaml(value: Any) -> str:
    from sonde.stacks import yamldump

    return yamldump.dump(value, 4)


def _table(values: Mapping[str, Any]) -> str:
    rows = [("Key", "Value"), *((name, _text(value)) for name, value in values.items())]
    width, whole = (max(len(row[at]) for row in rows) for at in (0, 1))
    heading, *lines = (f" {name.ljust(width)}  {text}\n" for name, text in rows)
    return "".join([heading, "─" * (width + whole + 4), "\n", *lines])


def _hcl(values: Mapping[str, Any]) -> str:
    return "".join(f"{name} = {hcl.value(value)}\n" for name, value in values.items() if value is not None)


FORMATS: Mapping[str, Callable[[Any], str]] = {
    "json": files.as_json,
    "yaml": _yaml,
    "hcl": _hcl,
    "env": lambda values: _lines(values, lambda name, text: f"{name}={text}\n"),
    "dotenv": lambda values: _lines(values, lambda name, text: f"{name}={_quoted(text)}\n"),
    "bash": lambda values: _lines(values, lambda name, text: f"export {name}={_quoted(text)}\n"),
    "csv": lambda values: _delimited(values, ","),
    "tsv": lambda values: _delimited(values, "\t"),
    "table": _table,
    "github": lambda values: _lines(values, _github),
}
