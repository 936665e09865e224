"""What the base takes over from HEAD must be what it would have worked out itself."""

import pytest

from sonde.stacks import config as configuration
from sonde.stacks.affected.gittree import GitTree
from sonde.stacks.affected.load import Base, base_side, head_side
from sonde.stacks.affected.reuse import Recorder, touched
from sonde.stacks.engine import Options, open_engine
from sonde.stacks.tree import WorkingTree

ATMOS = """
base_path: "."
components: {terraform: {base_path: components/terraform}}
stacks:
  base_path: stacks
  included_paths: ["deploy/**/*"]
  name_template: "{{ .vars.stage }}"
templates: {settings: {enabled: true, sprig: {enabled: true}, gomplate: {enabled: true}}}
"""


def stack(stage, *imports, extra="", component=""):
    listed = ", ".join(f'"{each}"' for each in imports)
    return (
        f"import: [{listed}]\nvars: {{stage: {stage}, region: eu}}\n{extra}\n"
        f"components:\n  terraform:\n    vpc:\n      vars: {{own: 1}}\n{component}"
    )


FILES = {
    "atmos.yaml": ATMOS,
    "stacks/deploy/plain.yaml": stack("plain", "catalog/a"),
    "stacks/deploy/alone.yaml": stack("alone"),
    "stacks/deploy/globbed.yaml": stack("globbed", "mixins/*"),
    "stacks/deploy/near.yaml": stack("near", "./near/_x", "catalog/maybe.yaml").replace(
        '"catalog/maybe.yaml"', '{path: "catalog/maybe", skip_if_missing: true}'
    ),
    "stacks/deploy/computed.yaml": stack("computed", "catalog/region", "mixins/{{ .vars.place }}"),
    "stacks/deploy/includes.yaml": stack("includes", component="    file:\n      vars: !include config/values.yaml\n"),
    "stacks/deploy/refers.yaml": stack(
        "refers", component="""    other:\n      vars: {x: '{{ (atmos.Component "vpc" "plain").vars.a }}'}\n"""
    ),
    "stacks/near/_x.yaml": "vars: {near: 1}\n",
    "stacks/deploy/near/_x.yaml": "vars: {near: 1, stage: nearest}\n",
    "stacks/catalog/a.yaml": "import: [catalog/deep]\nvars: {a: 1}\n",
    "stacks/catalog/deep.yaml": "vars: {deep: 1}\n",
    "stacks/catalog/region.yaml": "vars: {place: here}\n",
    "stacks/mixins/one.yaml": "vars: {one: 1}\n",
    "stacks/mixins/here.yaml": "vars: {here: 1}\n",
    "config/values.yaml": "included: 1\n",
    "components/terraform/vpc/main.tf": "",
    "README": "1\n",
}

EDITS = {
    "nothing": ({}, set()),
    "outside": ({"README": "2\n", "components/terraform/db/main.tf": ""}, set()),
    "read-by-a-template": ({"components/terraform/vpc/main.tf": 'variable "x" {}\n'}, None),
    "one-stack": ({"stacks/deploy/plain.yaml": stack("plain", "catalog/deep")}, {"plain", "refers"}),
    "imported": ({"stacks/catalog/a.yaml": "import: [catalog/deep]\nvars: {a: 2}\n"}, {"plain", "refers"}),
    "imported-below": ({"stacks/catalog/deep.yaml": "vars: {deep: 2}\n"}, {"plain", "refers"}),
    "glob-gains": ({"stacks/mixins/two.yaml": "vars: {two: 1}\n"}, {"globbed", "computed", "refers"}),
    "glob-loses": ({"stacks/mixins/one.yaml": None}, {"globbed", "computed", "refers"}),
    "optional-appears": ({"stacks/catalog/maybe.yaml": "vars: {maybe: 1}\n"}, {"near", "computed", "refers"}),
    "template-wins": ({"stacks/catalog/a.yaml.tmpl": "vars: {a: 3}\n"}, {"plain", "computed", "refers"}),
    "computed-moves": ({"stacks/catalog/region.yaml": "vars: {place: one}\n"}, {"computed", "refers"}),
    "included": ({"config/values.yaml": "included: 2\n"}, None),
    "stack-added": ({"stacks/deploy/new.yaml": stack("new", "catalog/a")}, {"new", "computed", "refers"}),
    "stack-deleted": ({"stacks/deploy/alone.yaml": None}, {"computed", "refers"}),
    "same-stack-twice": ({"stacks/deploy/again.yaml": stack("alone")}, {"again", "computed", "refers"}),
}


def sides(repo, base):
    repository = repo.open()
    config = configuration.load(cwd=repo.root, env={})
    head = open_engine(config, Recorder(WorkingTree(repo.root)), env={})
    differing = repository.changed(base)
    paths = {f"{repo.root}/{name}" for name in differing | repository.untracked(str(config.stacks_base))}
    tree = GitTree(repository, base, head.tree, differing)
    known = head_side(head, Options())
    reused = base_side(config, Base(tree, paths), head, known, Options())
    whole = base_side(config, Base(tree), head, known, Options())
    found = {path.rpartition("/")[2].removesuffix(".yaml") for path in touched(head, head.tree, tree, paths)}
    tree.close()
    return reused, whole, found, head


@pytest.mark.parametrize("committed", [True, False], ids=["committed", "edited"])
@pytest.mark.parametrize("name", EDITS)
def test_what_is_taken_over_is_what_the_base_has(repo, name, committed):
    files, expected = EDITS[name]
    base = repo.commit(FILES)
    repo.write(files)
    if committed:
        repo.commit({})
    reused, whole, found, head = sides(repo, base)
    assert reused.by_manifest == whole.by_manifest
    everything = {path.rpartition("/")[2].removesuffix(".yaml") for path in head.files} - {"_x"}
    found -= {"_x"}
    assert found == (everything if expected is None else expected)


def test_behind_a_symbolic_link_nothing_is_taken_over(repo):
    files = dict(FILES)
    shared = {name.replace("stacks/catalog", "shared"): files.pop(name) for name in FILES if "catalog/" in name}
    repo.write(files | shared)
    (repo.root / "stacks" / "catalog").symlink_to("../shared")
    base = repo.commit({})
    repo.commit({"shared/deep.yaml": "vars: {deep: 2}\n", "stacks/mixins/one.yaml": "vars: {one: 2}\n"})
    reused, whole, found, _ = sides(repo, base)
    assert reused.by_manifest == whole.by_manifest
    assert "plain" in found


def test_an_included_manifest_touches_who_includes_it(repo):
    including = stack("includes", component="    file:\n      vars: !include stacks/catalog/a.yaml\n")
    base = repo.commit(FILES | {"stacks/deploy/includes.yaml": including})
    repo.commit({"stacks/catalog/a.yaml": "vars: {a: 2}\n"})
    reused, whole, found, _ = sides(repo, base)
    assert reused.by_manifest == whole.by_manifest
    assert "includes" in found


def test_both_sides_are_read_at_one_moment(repo):
    timed = stack("plain").replace("own: 1", "own: '{{ now.Format \"15:04:05.999999999\" }}'")
    base = repo.commit(FILES | {"stacks/deploy/plain.yaml": timed})
    repo.commit({"stacks/deploy/plain.yaml": timed.replace("region: eu", "region: us")})
    reused, _, found, head = sides(repo, base)
    path = f"{repo.root}/stacks/deploy/plain.yaml"
    (before,), (now,) = reused.by_manifest[path], head_side(head, Options()).by_manifest[path]
    assert "plain" in found
    assert before.sections["vars"]["own"] == now.sections["vars"]["own"] != ""
    assert before.sections["vars"]["region"] != now.sections["vars"]["region"]
