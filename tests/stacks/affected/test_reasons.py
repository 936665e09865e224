"""Why an instance is affected, and what is not a reason."""

import pytest

from sonde.stacks.affected.changes import Changes, Modules
from sonde.stacks.affected.reasons import Rules, dependency_paths, hit, same
from sonde.stacks.engine import Instance
from sonde.stacks.errors import StacksError
from sonde.stacks.tree import WorkingTree

RULES = Rules(cwd="/repo", base_path="/repo", component_paths={"terraform": "components/terraform"})


def vpc(**sections):
    return Instance("dev", "terraform", "vpc", "dev", {"component": "vpc", "metadata": {}, **sections})


def why(now, before, *changed, rules=RULES):
    changes = Changes(changed)
    modules = Modules(WorkingTree("/repo"), changes, "/nowhere")
    return hit(now, before, rules, changes, modules)


@pytest.mark.parametrize(
    ("one", "other", "loose", "expected"),
    [
        (1, 1, True, True),
        (1, "1", True, False),
        (1, True, True, False),
        (0, False, True, False),
        (1, 1.0, True, True),
        (1, 1.0, False, False),
        (None, {}, True, False),
        ([1, 2], [2, 1], True, False),
        ({"a": [1.0]}, {"a": [1]}, True, True),
        ({"a": None}, {}, True, False),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, True, True),
    ],
)
def test_values_are_compared_as_go_types_have_it(one, other, loose, expected):
    assert same(one, other, loose=loose) is expected
    assert same(other, one, loose=loose) is expected


def test_a_section_that_is_gone_is_not_compared():
    assert why(vpc(), vpc(vars={"a": 1})).reasons == ()


def test_a_new_instance_differs_in_all_it_has_in_the_order_of_the_sections():
    now = vpc(settings={}, vars={}, command="terraform", hooks={"x": 1}, env={})
    assert why(now, None).reasons == ("stack.metadata", "stack.vars", "stack.env", "stack.command", "stack.settings")


def test_configured_sections_replace_the_list_but_not_metadata_and_settings():
    rules = Rules(**{**RULES.__dict__, "sections": ("hooks",)})
    now = vpc(vars={"a": 2}, hooks={"b": 2}, settings={"c": 2})
    before = vpc(vars={"a": 1}, hooks={"b": 1}, settings={"c": 1})
    assert why(now, before, rules=rules).reasons == ("stack.hooks", "stack.settings")


def test_any_file_below_the_component_folder_counts_and_no_sibling_does():
    unchanged = vpc()
    assert why(unchanged, unchanged, "/repo/components/terraform/vpc/docs/a.md").reasons == ("component",)
    assert why(unchanged, unchanged, "/repo/components/terraform/vpc2/main.tf").reasons == ()


def test_of_several_changed_dependencies_the_first_file_is_reported():
    paths = {"3": {"folder": "src"}, "2": {"file": "b.yaml"}, "1": {"file": "a.yaml"}}
    now = vpc(settings={"depends_on": paths})
    found = why(now, now, "/repo/src/x.js", "/repo/a.yaml", "/repo/b.yaml")
    assert (found.reasons, found.file, found.folder) == (("file",), "a.yaml", "")
    found = why(now, now, "/repo/src/x.js")
    assert (found.reasons, found.file, found.folder) == (("folder",), "", "src")


def test_dependencies_name_files_in_lists_and_inline_and_then_settings_do_not_count():
    now = vpc(
        dependencies={
            "folders": ["src"],
            "files": ["a"],
            "components": [{"component": "x"}, {"kind": "file", "path": "b"}],
        },
        settings={"depends_on": {"1": {"file": "ignored"}}},
    )
    assert dependency_paths(now) == [("file", "b"), ("file", "a"), ("folder", "src")]


def test_a_changed_dependency_is_named_only_where_it_is_the_first_reason():
    now, before = (vpc(vars={"a": each}, dependencies={"files": ["a.yaml"]}) for each in (1, 2))
    found = why(now, before, "/repo/a.yaml")
    assert (found.reasons, found.file) == (("stack.vars", "file"), "")


@pytest.mark.parametrize(
    ("dependencies", "changed", "reasons"),
    [
        ({"files": ["config/*.yaml"]}, "config/app.yaml", ("file",)),
        ({"files": ["config/*.yaml"]}, "config/deep/app.yaml", ()),
        ({"files": ["config/**/{a,b}.yaml"]}, "config/deep/b.yaml", ("file",)),
        ({"folders": ["src/*/lib"]}, "src/app/lib/x/y.js", ("folder",)),
        ({"folders": ["src/*/lib"]}, "src/app/main.js", ()),
    ],
)
def test_dependencies_on_files_and_folders_may_be_patterns(dependencies, changed, reasons):
    now = vpc(dependencies=dependencies)
    assert why(now, now, f"/repo/{changed}").reasons == reasons


@pytest.mark.parametrize(
    ("kind", "configured", "expected"),
    [
        ("kubernetes", (), ("stack.vars", "stack.manifests", "stack.validate", "stack.auth")),
        ("kubernetes", ("hooks",), ("stack.vars", "stack.manifests", "stack.validate", "stack.hooks")),
        ("helm", ("hooks",), ("stack.vars",)),
        ("terraform", (), ("stack.vars", "stack.auth")),
    ],
)
def test_kubernetes_and_helm_components_have_sections_of_their_own(kind, configured, expected):
    sections = {name: {"a": 1} for name in ("vars", "manifests", "auth", "hooks")}
    before = vpc(**{name: {"a": 2} for name in sections}, validate={"server": True})
    now, before = (Instance("dev", kind, "app", "dev", each) for each in (vpc(**sections).sections, before.sections))
    rules = Rules(**{**RULES.__dict__, "sections": configured})
    assert why(now, before, rules=rules).reasons == expected


def modules(tmp_path, files, *changed):
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    changes = Changes(str(tmp_path / name) for name in changed)
    return Modules(WorkingTree(tmp_path), changes, str(tmp_path / "tf"))


def test_a_module_that_a_called_module_calls_counts_too(tmp_path):
    files = {
        "tf/vpc/main.tf": 'module "m" { source = "../modules/m" }\n',
        "tf/modules/m/main.tf": 'module "n" { source = "../n" }\nmodule "back" { source = "../../vpc" }\n',
        "tf/modules/n/main.tf": "",
        "tf/modules/other/main.tf": "",
    }
    folder = str(tmp_path / "tf/vpc")
    assert modules(tmp_path, files, "tf/modules/n/main.tf").changed(vpc(), folder)
    found = modules(tmp_path, files, "tf/modules/other/main.tf")
    assert not found.changed(vpc(), folder)
    assert not found.changed(vpc(), folder)


def test_a_module_outside_of_the_components_counts_and_other_files_there_cost_nothing(tmp_path, monkeypatch):
    files = {
        "tf/vpc/main.tf": 'module "m" { source = "../../shared/m" }\n',
        "shared/m/main.tf": "",
        "shared/m/templates/a.tpl": "",
        "docs/a.md": "",
    }
    folder = str(tmp_path / "tf/vpc")
    assert modules(tmp_path, files, "shared/m/main.tf").changed(vpc(), folder)
    assert modules(tmp_path, files, "shared/m/templates/a.tpl").changed(vpc(), folder)
    monkeypatch.setattr("sonde.stacks.terraform_config.load", None)
    assert not modules(tmp_path, files, "docs/a.md").changed(vpc(), folder)


def test_a_component_behind_a_symbolic_link_changes_where_the_link_leads(tmp_path):
    (tmp_path / "shared").mkdir()
    (tmp_path / "vpc").symlink_to("shared")
    (tmp_path / "root").symlink_to(".")
    for root in (tmp_path, tmp_path / "root"):
        changes = Changes([f"{root}/shared/main.tf"], str(root))
        assert changes.below(f"{root}/vpc")
        assert not changes.below(f"{root}/other")


def test_broken_hcl_is_an_error_only_when_something_below_the_components_changed(tmp_path):
    files = {"tf/vpc/main.tf": "resource {{\n", "README": ""}
    folder = str(tmp_path / "tf/vpc")
    assert not modules(tmp_path, files, "README").changed(vpc(), folder)
    with pytest.raises(StacksError, match=r"main\.tf:1"):
        modules(tmp_path, files, "tf/vpc/main.tf").changed(vpc(), folder)
