"""`sonde validate stacks`: everything that is wrong is told at once, with its place, and nothing else fails."""

import subprocess
import sys
from pathlib import Path

import pytest

from sonde.cli import errors
from sonde.main import cli

ATMOS = (
    "base_path: .\ncomponents: {terraform: {base_path: components/terraform}}\n"
    "stacks: {base_path: stacks, included_paths: ['deploy/**/*'], excluded_paths: ['**/_*'], name_template: '{{ .vars.stage }}'}\n"
)
GOOD = "vars: {stage: %s}\ncomponents: {terraform: {vpc: {vars: {a: %d}}}}\n"


@pytest.fixture
def validate(tmp_path, monkeypatch, capsys):
    """Write files and run the command there: `validate({...})` gives exit code and stderr."""
    (tmp_path / ".git").mkdir()
    monkeypatch.chdir(tmp_path)

    def run(files, *flags):
        for name, text in {"atmos.yaml": ATMOS, **files}.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        code = errors.run(cli, ["validate", "stacks", *flags], prog="sonde", env={}, stderr=sys.stderr)
        printed = capsys.readouterr()
        assert printed.out == ""
        return code, printed.err

    return run


def test_right_manifests_pass(validate):
    code, text = validate({"stacks/deploy/dev.yaml": GOOD % ("dev", 1), "stacks/deploy/prod.yaml": GOOD % ("prod", 1)})
    assert (code, text) == (0, "✓ All stacks validated successfully\n")


def test_mistakes_in_several_files_are_told_together_also_in_files_that_no_stack_includes(validate):
    code, text = validate(
        {
            "stacks/deploy/dev.yaml": "vars: {stage: dev}\ncomponents: {terraform: {vpc: {metadata: {enabled: 'no'}}}}\n",
            "stacks/catalog/x.yaml": "components:\n  terraform:\n    x: {bogus: 1}\n",
        }
    )
    assert code == 1
    assert "• catalog/x.yaml:3:8: error: components.terraform.x: additionalProperties 'bogus' not allowed" in text
    assert (
        "• deploy/dev.yaml:2:52: error: components.terraform.vpc.metadata.enabled: expected boolean, but got string"
        in text
    )
    assert text.startswith("✗ Stack validation failed\n")


def test_excluded_files_and_templates_are_not_checked(validate):
    code, _ = validate(
        {
            "stacks/deploy/dev.yaml": GOOD % ("dev", 1),
            "stacks/catalog/_draft.yaml": "components: {terraform: {x: {bogus: 1}}}\n",
            "stacks/catalog/y.yaml.tmpl": "components: {terraform: {x: {bogus: 1}}}\n",
        }
    )
    assert code == 0


def test_an_import_that_does_not_exist_fails_wherever_it_stands(validate):
    code, text = validate({"stacks/deploy/dev.yaml": GOOD % ("dev", 1), "stacks/catalog/x.yaml": "import: [nope]\n"})
    assert code == 1
    assert "import 'nope' in file 'catalog/x.yaml'" in text


def test_a_component_that_two_manifests_define_differently_is_refused(validate):
    same = {"stacks/deploy/a.yaml": GOOD % ("dev", 1), "stacks/deploy/b.yaml": GOOD % ("dev", 1)}
    assert validate(same)[0] == 0
    code, text = validate({**same, "stacks/deploy/b.yaml": GOOD % ("dev", 2)})
    assert code == 1
    assert (
        "'vpc' in the stack 'dev' is defined in more than one top-level stack manifest file: deploy/a, deploy/b" in text
    )


def test_without_a_rule_for_names_validation_fails(validate):
    code, text = validate(
        {
            "atmos.yaml": "base_path: .\nstacks: {base_path: stacks, included_paths: ['**/*']}\n",
            "stacks/dev.yaml": GOOD % ("dev", 1),
        }
    )
    assert code == 1
    assert "needs to be specified in 'atmos.yaml'" in text


def test_old_dependencies_only_warn(validate):
    code, text = validate(
        {
            "stacks/deploy/dev.yaml": "vars: {stage: dev}\ncomponents:\n  terraform:\n    vpc: {settings: {depends_on: {1: {component: x}}}}\n"
        }
    )
    assert code == 0
    assert "⚠ stacks/deploy/dev.yaml:4:34: warning: components.terraform.vpc.settings.depends_on is deprecated" in text


def test_a_schema_of_the_project_replaces_ours(validate):
    files = {
        "stacks/deploy/dev.yaml": GOOD % ("dev", 1),
        "own.json": '{"properties": {"vars": {"required": ["owner"]}}}',
    }
    code, text = validate(files, "--schemas-atmos-manifest", "own.json")
    assert code == 1
    assert "• deploy/dev.yaml:1:7: error: vars: missing properties: 'owner'" in text


def test_a_schema_file_that_is_gone_stops_the_validation_and_no_other_command(validate, monkeypatch, capsys):
    monkeypatch.setenv("ATMOS_SCHEMAS_ATMOS_MANIFEST", "/gone.json")
    code, text = validate({"stacks/deploy/dev.yaml": GOOD % ("dev", 1)})
    assert code == 1
    assert "the Atmos manifest JSON schema file '/gone.json' cannot be read" in text
    assert errors.run(cli, ["describe", "stacks", "--file", "out"], prog="sonde", env={}, stderr=sys.stderr) == 0
    assert "⚠ the Atmos manifest JSON schema file '/gone.json' cannot be read" in capsys.readouterr().err
    assert "stack: dev" in Path("out").read_text()


def test_excluded_paths_on_the_command_line_are_not_checked(validate):
    files = {
        "stacks/deploy/dev.yaml": GOOD % ("dev", 1),
        "stacks/catalog/x.yaml": "components: {terraform: {x: {bogus: 1}}}\n",
    }
    assert validate(files)[0] == 1
    assert validate(files, "--exclude", "stacks/catalog/**")[0] == 0


def git(*command):
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *identity, *command], check=True, capture_output=True)


def test_only_what_changed_since_the_merge_base_is_checked_when_asked(validate, tmp_path):
    (tmp_path / ".git").rmdir()
    git("init", "-q", "-b", "main", ".")
    broken = {
        "stacks/deploy/dev.yaml": GOOD % ("dev", 1),
        "stacks/catalog/old.yaml": "components: {terraform: {x: {bogus: 1}}}\n",
    }
    assert validate(broken)[0] == 1
    git("add", "-A")
    git("commit", "-q", "-m", "base")
    git("branch", "base")
    git("commit", "-q", "--allow-empty", "-m", "head")
    assert validate({}, "--affected", "--base", "base")[0] == 0
    code, text = validate(
        {"stacks/catalog/new.yaml": "components: {terraform: {y: {bogus: 1}}}\n"}, "--affected", "--base", "base"
    )
    assert code == 1
    assert "catalog/new.yaml" in text
    assert "catalog/old.yaml" not in text
    assert validate({}, "--affected", "--base", "nowhere")[0] == 128


def test_no_manifest_at_all_has_its_own_message(validate):
    (code, text) = validate({"stacks/elsewhere/dev.yaml": ""})
    assert code == 1
    assert "no stack manifests found" in text
    assert "validation failed" not in text
