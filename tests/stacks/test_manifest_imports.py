"""Imports: order, paths, contexts, globs, cycles (stacks.md §3, §3.1)."""

import pytest
from repository import engine, variables

from sonde.stacks.errors import StacksError

COMPONENT = "components: {terraform: {c: {}}}\n"


def test_the_file_wins_over_its_imports_and_a_later_import_over_an_earlier_one(tmp_path):
    files = {
        "catalog/a.yaml": "vars: {who: a, a: 1}",
        "catalog/b.yml": "vars: {who: b, b: 1, own: b}",
        "deploy/dev.yaml": "import: [catalog/a, catalog/b]\nvars: {stage: dev, own: file}\n" + COMPONENT,
    }
    assert variables(tmp_path, files) == {"who": "b", "a": 1, "b": 1, "own": "file", "stage": "dev"}


def test_a_glob_takes_a_folder_before_its_subfolders(tmp_path):
    files = {
        "mixins/deep/z.yaml": "vars: {last: deep}",
        "mixins/a.yaml": "vars: {last: a}",
        "mixins/b.yaml": "vars: {last: b}",
        "deploy/dev.yaml": "import: ['mixins/**/*']\nvars: {stage: dev}\n" + COMPONENT,
    }
    assert variables(tmp_path, files)["last"] == "deep"


def test_relative_paths_start_at_the_importing_file(tmp_path):
    files = {
        "deploy/sub/_up.yaml": "vars: {up: 1}",
        "deploy/sub/dev.yaml": "import: [./_up]\nvars: {stage: dev}\n" + COMPONENT,
    }
    assert variables(tmp_path, files)["up"] == 1


def test_a_context_fills_the_imported_file_and_keeps_types(tmp_path):
    files = {
        "catalog/ctx.yaml": "vars: {'v-{{ .name }}': '{{ .num }}', text: 'n{{ .num }}'}",
        "deploy/dev.yaml": "import:\n  - {path: catalog/ctx, context: {name: x, num: 3}}\nvars: {stage: dev}\n"
        + COMPONENT,
    }
    assert variables(tmp_path, files) == {"v-x": 3, "text": "n3", "stage": "dev"}


def test_the_parents_context_wins_over_that_of_an_entry(tmp_path):
    files = {
        "catalog/lvl2.yaml": "vars: {depth: '{{ .depth }}', own: '{{ .own }}'}",
        "catalog/lvl1.yaml": "import:\n  - {path: catalog/lvl2, context: {depth: lvl1, own: mine}}\n",
        "deploy/dev.yaml": "import:\n  - {path: catalog/lvl1, context: {depth: top}}\nvars: {stage: dev}\n" + COMPONENT,
    }
    assert variables(tmp_path, files) == {"depth": "top", "own": "mine", "stage": "dev"}


def test_an_import_path_may_use_what_earlier_imports_set(tmp_path):
    files = {
        "catalog/defaults.yaml": "settings: {flavor: blue}",
        "catalog/blue.yaml": "vars: {colour: blue}",
        "deploy/dev.yaml": "import: [catalog/defaults, 'catalog/{{ .settings.flavor }}']\nvars: {stage: dev}\n"
        + COMPONENT,
    }
    assert variables(tmp_path, files)["colour"] == "blue"


def test_a_missing_import_names_the_path_and_the_file(tmp_path):
    files = {"deploy/dev.yaml": "import: [catalog/nope]\nvars: {stage: dev}\n" + COMPONENT}
    with pytest.raises(StacksError, match=r"import 'catalog/nope' in file 'deploy/dev\.yaml': failed to find import"):
        variables(tmp_path, files)


def test_a_missing_import_may_be_skipped(tmp_path):
    entry = "import:\n  - {path: catalog/nope, skip_if_missing: true}\n"
    assert variables(tmp_path, {"deploy/dev.yaml": entry + "vars: {stage: dev}\n" + COMPONENT}) == {"stage": "dev"}


def test_a_manifest_that_imports_itself_is_refused(tmp_path):
    files = {"deploy/dev.yaml": "import: [deploy/dev]\nvars: {stage: dev}\n" + COMPONENT}
    with pytest.raises(StacksError, match=r"manifest 'deploy/dev\.yaml' imports itself via 'deploy/dev'"):
        variables(tmp_path, files)


def test_an_import_cycle_is_an_error_that_shows_the_chain(tmp_path):
    files = {
        "catalog/a.yaml": "import: [catalog/b]",
        "catalog/b.yaml": "import: [catalog/a]",
        "deploy/dev.yaml": "import: [catalog/a]\nvars: {stage: dev}\n" + COMPONENT,
    }
    with pytest.raises(StacksError, match=r"catalog/a\.yaml\n  → catalog/b\.yaml\n  → catalog/a\.yaml"):
        variables(tmp_path, files)


def test_a_yaml_error_names_line_file_and_import_chain(tmp_path):
    files = {
        "catalog/bad.yaml": "a:\n\tb: 1\n",
        "deploy/dev.yaml": "import: [catalog/bad]\nvars: {stage: dev}\n" + COMPONENT,
    }
    with pytest.raises(StacksError) as caught:
        variables(tmp_path, files)
    assert "yaml: line 2:" in caught.value.message
    assert "→ deploy/dev.yaml\n    → catalog/bad.yaml" in caught.value.message


def test_each_file_is_read_once_for_all_stacks(tmp_path):
    files = {"catalog/a.yaml": "vars: {a: 1}"} | {
        f"deploy/s{n}.yaml": f"import: [catalog/a]\nvars: {{stage: s{n}}}\n" + COMPONENT for n in range(5)
    }
    subject = engine(tmp_path, files)
    reads = []
    original = subject.tree.read_bytes
    subject.tree.read_bytes = lambda path: reads.append(path) or original(path)
    assert len(subject.stacks(_options()).instances) == 5
    assert len(reads) == len(set(reads)) == 6


def _options():
    from sonde.stacks.engine import Options

    return Options()


def test_overrides_reach_components_of_the_file_and_its_imports_only(tmp_path):
    files = {
        "catalog/mine.yaml": "components: {terraform: {c: {vars: {x: own}}}}",
        "catalog/team.yaml": "import: [catalog/mine]\nterraform: {overrides: {vars: {x: over}}}",
        "catalog/other.yaml": "components: {terraform: {o: {vars: {x: own}}}}",
        "deploy/dev.yaml": "import: [catalog/other, catalog/team]\nvars: {stage: dev}\n",
    }
    assert variables(tmp_path, files)["x"] == "over"
    assert variables(tmp_path, files, component="o")["x"] == "own"
