"""A repository on disk for a test: files in, engine out."""

from pathlib import Path
from textwrap import dedent

from sonde.stacks import config as configuration
from sonde.stacks.engine import Options, open_engine
from sonde.stacks.tree import WorkingTree

ATMOS = """
base_path: "."
components:
  terraform: {base_path: components/terraform}
  helmfile: {base_path: components/helmfile}
stacks:
  base_path: stacks
  included_paths: ["deploy/**/*"]
  excluded_paths: ["**/_*.yaml"]
  name_template: "{{ .vars.stage }}"
templates:
  settings: {enabled: true, sprig: {enabled: true}, gomplate: {enabled: true}}
"""


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text), encoding="utf-8")


def engine(root: Path, files: dict[str, str], *, atmos: str = ATMOS, env: dict[str, str] | None = None):
    """An engine over `files`; manifests are named below `stacks/`."""
    write(root, {"atmos.yaml": atmos} | {f"stacks/{name}": text for name, text in files.items()})
    config = configuration.load(cwd=root, env={"ATMOS_GIT_ROOT_BASEPATH": "false"})
    return open_engine(config, WorkingTree(root), env=env or {})


def variables(root: Path, files: dict[str, str], *, component: str = "c", stack: str = "dev", **more) -> dict:
    """The vars of one component."""
    return engine(root, files, **more).component(component, stack, Options())["vars"]
