"""Manifests whose components an earlier run worked out: the comparison is the same as without, and costs what it touches."""

import json
import os
import subprocess
from pathlib import Path

import pytest
from cache_project import Project
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sonde.stacks import config
from sonde.stacks.affected.kept import Slim, is_plain, open_kept
from sonde.stacks.engine import Options, open_engine
from sonde.stacks.schema.validation import validate
from sonde.stacks.tree import WorkingTree

IDENTITY = ("-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false")
ATMOS = """\
base_path: "."
components: {terraform: {base_path: components/terraform}}
stacks: {base_path: stacks, included_paths: ["deploy/**/*"], name_template: "{{ .vars.stage }}"}
templates: {settings: {enabled: true, gomplate: {enabled: true}, sprig: {enabled: true}}}
"""
CATALOG = """\
components:
  terraform:
    vpc: {vars: {size: 1, label: '{{ .vars.stage }}-{{ .atmos_component }}'}, settings: {pro: {enabled: true}}}
    app: {metadata: {inherits: [base]}, dependencies: {components: [{name: vpc}]}}
    base: {metadata: {type: abstract}, vars: {a: 1}}
"""
STACK = "import: [catalog/*]\nvars: {stage: %s}\n%s"
EAST = "components: {terraform: {dns: {settings: {depends_on: {1: {component: vpc, stage: west}}}}}}\n"
FILES = {
    "atmos.yaml": ATMOS,
    "stacks/catalog/net.yaml": CATALOG,
    "stacks/deploy/east.yaml": STACK % ("east", EAST),
    "stacks/deploy/west.yaml": STACK % ("west", ""),
    "components/terraform/vpc/main.tf": "",
    "components/terraform/app/main.tf": 'module "m" { source = "../../../modules/m" }\n',
    "modules/m/main.tf": "",
}
EDITS = {
    "a variable of one stack": ("stacks/deploy/west.yaml", STACK % ("west", "terraform: {vars: {b: 2}}\n")),
    "the catalog": ("stacks/catalog/net.yaml", CATALOG.replace("size: 1", "size: 2")),
    "an abstract component": ("stacks/catalog/net.yaml", CATALOG.replace("{a: 1}", "{a: 2}")),
    "no longer abstract": ("stacks/catalog/net.yaml", CATALOG.replace("{type: abstract}", "{custom: {x: 1}}")),
    "a component goes": ("stacks/catalog/net.yaml", CATALOG.replace("    vpc:", "    vpn:")),
    "disabled": ("stacks/deploy/west.yaml", STACK % ("west", "metadata: {enabled: false}\n")),
    "a new import": ("stacks/catalog/more.yaml", "components: {terraform: {extra: {}}}\n"),
    "a stack in two files": ("stacks/deploy/west2.yaml", STACK % ("west", "")),
    "two files at odds": ("stacks/deploy/west2.yaml", STACK % ("west", "terraform: {vars: {c: 3}}\n")),
    "another stage": ("stacks/deploy/west.yaml", STACK % ("north", "")),
    "a stack goes": ("stacks/deploy/west.yaml", None),
    "the import goes": ("stacks/catalog/more.yaml", None),
    "a component's file": ("components/terraform/vpc/main.tf", "# x\n"),
    "a module": ("modules/m/main.tf", "# x\n"),
    "a function": ("stacks/catalog/net.yaml", CATALOG.replace("{a: 1}", "{a: !env TIER basic}")),
    "a template that calls": ("stacks/catalog/net.yaml", CATALOG.replace("{a: 1}", """{a: '{{ getenv "TIER" }}'}""")),
    "what a template finds": ("versions.lock.yaml", "tracks: {default: {eks: {version: 1.30.0}}}\n"),
    "a wrong manifest": ("stacks/deploy/west.yaml", STACK % ("west", "components: {terraform: {vpc: 1}}\n")),
    "names": ("atmos.yaml", ATMOS.replace("{{ .vars.stage }}", "x-{{ .vars.stage }}")),
    "as it was": None,
}
CALLS = (
    ("describe", "affected", "--base", "main~1", "--include-dependents", "--include-settings"),
    ("describe", "affected", "--base", "main~1", "--stack", "west", "--exclude-locked"),
    ("describe", "affected", "--base", "main", "--format", "yaml"),
)


def git(root, *words):
    subprocess.run(
        ["git", *IDENTITY, *words], cwd=root, check=True, capture_output=True, env={"PATH": os.environ["PATH"]}
    )


def write(root, files):
    for name, text in files.items():
        path = Path(root, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        if text is None:
            path.unlink(missing_ok=True)
        else:
            path.write_text(text)


def begun(root):
    project = Project(root)
    tree = root / "tree"
    for path in tree.rglob("*"):
        if path.is_file():
            path.unlink()
    git(tree, "init", "-q", "-b", "main")
    git(tree, "remote", "add", "origin", "https://github.com/acme/infra.git")
    write(tree, FILES)
    for message in ("one", "two"):
        write(tree, {"README.md": message})
        git(tree, "add", "-A")
        git(tree, "commit", "-qm", message)
    return project


def edit(project, name, *, commit):
    tree = project.root / "tree"
    if EDITS[name] is None:
        git(tree, "reset", "-q", "--hard", "HEAD~1" if commit else "HEAD")
        git(tree, "clean", "-fdq")
        return
    write(tree, dict([EDITS[name]]))
    if commit:
        git(tree, "add", "-A")
        git(tree, "commit", "-q", "--allow-empty", "-m", name)


STEPS = st.lists(
    st.tuples(st.sampled_from(sorted(set(EDITS) - {"as it was"})), st.booleans(), st.sampled_from(CALLS)),
    min_size=1,
    max_size=5,
)


@given(steps=STEPS)
@settings(
    max_examples=int(os.environ.get("SONDE_TEST_EXAMPLES", "3")),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
def test_a_comparison_with_kept_manifests_is_the_one_without(tmp_path_factory, steps):
    project = begun(tmp_path_factory.mktemp("repository"))
    for call in {call for *_, call in steps}:
        assert project.run(*call)[0] == 0
    for name, commit, call in steps:
        edit(project, name, commit=commit)
        assert project.run(*call)[:3] == project.run(*call, SONDE_CACHE="off")[:3], (name, commit, call)


@pytest.mark.parametrize("name", sorted(set(EDITS) - {"as it was"}))
def test_each_edit_is_seen(tmp_path, name):
    project = begun(tmp_path)
    project.run(*CALLS[0])
    edit(project, name, commit=True)
    for _ in range(2):
        assert project.run(*CALLS[0])[:3] == project.run(*CALLS[0], SONDE_CACHE="off")[:3]
        edit(project, "a component's file", commit=True)  # shows every instance of that component
    edit(project, "as it was", commit=True)
    assert project.run(*CALLS[0])[:3] == project.run(*CALLS[0], SONDE_CACHE="off")[:3]


@pytest.fixture
def opened(tmp_path, monkeypatch):
    """Open the project as a run does: its engine, and what is kept."""
    write(tmp_path, FILES)
    monkeypatch.chdir(tmp_path)
    env = {"XDG_CACHE_HOME": str(tmp_path / "cache")}

    def run():
        loaded = config.load(cwd=tmp_path, env=env)
        engine = open_engine(loaded, WorkingTree(loaded.base_path), env=env)
        kept = open_kept(loaded, engine, Options(), env)
        known = [Path(path).stem for path in engine.files if kept.rows(path) is not None]
        validate(loaded, engine, known=kept)
        for path in engine.files:
            if kept.instances(path) is None:
                kept.note_instances(path, tuple(engine.instances_of(path, Options())))
        kept.save()
        return known, kept, engine

    return run


def test_a_change_of_one_stack_leaves_the_others_kept(opened):
    assert opened()[0] == []
    assert opened()[0] == ["east", "west"]
    write(".", dict([EDITS["a variable of one stack"]]))
    assert opened()[0] == ["east"]
    write(".", dict([EDITS["the catalog"]]))
    assert opened()[0] == []


@pytest.mark.parametrize("name", ["names", "what a template finds"])
def test_what_goes_into_every_manifest_makes_all_of_them_new(opened, name):
    opened()
    write(".", dict([EDITS[name]]))
    assert opened()[0] == []


def test_a_kept_instance_becomes_whole_when_it_is_shown(opened):
    opened()
    _, kept, engine = opened()
    slim = next(each for each in kept.instances(engine.files[0]) if each.name == "vpc")
    assert type(slim) is Slim
    assert kept.full(slim).sections["vars"]["label"] == "east-vpc"
    assert json.dumps(kept.full(slim).sections["settings"]) == '{"pro": {"enabled": true}}'


def test_a_damaged_record_is_no_record(opened, tmp_path):
    opened()
    for path in (tmp_path / "cache").rglob("*.call"):
        path.write_bytes(path.read_bytes()[:-3])
    assert opened()[0] == []


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("a: 1 # great!\n", True),
        ("a: '{{ .vars.b }}-{{- .atmos_stack -}}'\n", True),
        ("a: !append [1]\n", True),
        ("a: !env HOME\n", False),
        ("a: !{{ .vars.b }} HOME\n", False),
        ("a: '{{ now }}'\n", False),
        ("a: '{{ .vars.b | upper }}'\n", False),
        ("a: '{{ atmos.Component \"x\" .stack }}'\n", False),
        ("a: '{{ .a '\n", False),
    ],
)
def test_only_what_is_made_of_fields_alone_is_plain(text, plain):
    assert is_plain(text) is plain
