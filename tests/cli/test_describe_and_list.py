"""`describe` and `list` from argv to stdout."""

import json
import os

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from sonde.cli import printing
from sonde.cli.errors import CliError

FILES = {
    "atmos.yaml": (
        'base_path: "."\ncomponents: {terraform: {base_path: components/terraform}}\n'
        'stacks: {base_path: stacks, included_paths: ["deploy/**/*"], name_template: "{{ .vars.stage }}"}\n'
        "templates: {settings: {enabled: true}}\n"
    ),
    "stacks/deploy/dev.yaml": (
        "vars: {stage: dev}\ncomponents:\n  terraform:\n    base: {metadata: {type: abstract}}\n"
        "    vpc: {metadata: {tags: [net]}, vars: {x: 1.0, e: ''}}\n    app: {metadata: {enabled: false}}\n"
    ),
    "stacks/deploy/prod.yaml": "vars: {stage: prod}\ncomponents: {terraform: {vpc: {}}}\n",
    "stacks/deploy/test.yaml": (
        "vars: {stage: test}\ncomponents:\n  terraform:\n    top: {dependencies: {components: [{component: mid}]}}\n"
        "    mid: {metadata: {tags: [middle]}, dependencies: {components: [{component: low}]}}\n"
        "    low: {dependencies: {components: [{component: top}]}}\n"
    ),
}


@pytest.fixture
def sonde(tmp_path, program):
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def run(*args, code=0, **env):
        base = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "ATMOS_GIT_ROOT_BASEPATH": "false"}
        done = program.run(*args, cwd=tmp_path, env=base | env)
        assert done.returncode == code, done.stderr
        return done

    return run


def test_stacks_are_listed_one_per_line_in_a_pipe(sonde):
    assert sonde("list", "stacks").stdout == "dev\nprod\ntest\n"


def test_components_are_counted_and_abstract_ones_left_out(sonde):
    rows = json.loads(sonde("list", "components", "--format", "json", "--stack", "[dp]*").stdout)
    assert rows == [
        {"Component": "app", "Stacks": "1", "Type": "terraform"},
        {"Component": "vpc", "Stacks": "2", "Type": "terraform"},
    ]


LISTS = [
    ("a stack's pattern", ["--stack", "d*"], "app\tdev\nvpc\tdev\n"),
    ("a tag", ["--tags", "net"], "vpc\tdev\n"),
    ("a predicate", ["--filter", ".enabled == false"], "app\tdev\n"),
    ("an expression that gives something", ["--query", 'select(.stack == "prod")'], "vpc\tprod\n"),
    ("columns of one's own", ["--stack", "d*", "--columns", "Where={{ .stack | upper }}"], "DEV\nDEV\n"),
    ("csv with headings", ["--stack", "p*", "--format", "csv"], "Component,Stack\nvpc,prod\n"),
    ("another order", ["--stack", "[dp]*", "--sort", "stack:desc"], "vpc\tprod\napp\tdev\nvpc\tdev\n"),
    ("one step of dependencies", ["--tags", "middle", "--include-dependencies=1"], "low\ttest\nmid\ttest\n"),
    ("one step of dependents", ["--tags", "middle", "--include-dependents=1"], "mid\ttest\ntop\ttest\n"),
    (
        "all dependencies, though they go in a circle",
        ["--tags", "middle", "--include-dependencies"],
        "low\ttest\nmid\ttest\ntop\ttest\n",
    ),
    (
        "no disabled component where dependencies are asked for",
        ["--stack", "d*", "--include-dependencies"],
        "vpc\tdev\n",
    ),
    ("all of them with dependencies switched off", ["-s", "d*", "--include-dependents=false"], "app\tdev\nvpc\tdev\n"),
    ("several columns", ["--stack", "p*", "--columns", 'A={{ .stack }},"B={{ print 1 `,` 2 }}"'], "prod\t1,2\n"),
    (
        "a tree with folders and abstract components",
        ["--stack", "[dp]*", "--format", "tree"],
        " Component Instances\n│\n├──dev\n│  ├──app (components/terraform/app)\n"
        "│  ├──base (components/terraform/base)\n│  └──vpc (components/terraform/vpc)\n│\n"
        "└──prod\n   └──vpc (components/terraform/vpc)\n\n",
    ),
]


@pytest.mark.parametrize(("args", "expected"), [case[1:] for case in LISTS], ids=[case[0] for case in LISTS])
def test_instances_are_listed_by(sonde, args, expected):
    assert sonde("list", "instances", *args).stdout == expected


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["instances", "--columns", "stack"], "column spec 1 must be in format 'Name=Template', got: \"stack\""),
        (["instances", "--sort", "stack"], "invalid sort spec \"stack\", expected format 'column:order'"),
        (["instances", "--sort", "stack:up"], "invalid sort order \"up\", expected 'asc' or 'desc'"),
        (["stacks", "--sort", "component:asc"], 'sorter 0: column "Component" not found'),
        (["stacks", "--columns", "vars"], 'sorter 0: column "Stack" not found'),
        (["components", "--format", "tree"], "unsupported format: tree"),
        (["components", "--delimiter", ";"], "unknown flag --delimiter"),
        (["stacks", "-c", "nope"], "no stacks found"),
        (["stacks", "--provenance"], "--provenance flag only works with --format=tree"),
        (["instances", "--output-file", "x"], "--output-file is only supported with --format=matrix"),
        (["instances", "--include-dependents=x"], 'invalid --include-dependents value "x": use the bare flag'),
        (["instances", "--include-dependents", "--format", "tree"], "is not supported with --format=tree"),
        (["instances", "--include-dependencies=2", "--format", "matrix"], "is not supported with --format=matrix"),
    ],
)
def test_a_listing_that_cannot_be_is_refused(sonde, args, says):
    assert says in sonde("list", *args, code=1).stderr.replace("\n", " ")


def test_stacks_that_have_a_component_are_listed_with_it(sonde):
    assert sonde("list", "stacks", "-c", "vpc").stdout == "dev\tvpc\nprod\tvpc\n"
    assert sonde("list", "stacks", "--tags", "middle").stdout == "test\n"
    assert sonde("list", "stacks", "--format", "tree", "-c", "vpc").stdout == " Stacks\n│\n├──dev\n│\n└──prod\n\n"


def test_the_environment_stands_in_for_flags_of_a_listing(sonde):
    variables = {"ATMOS_STACK": "p*", "ATMOS_LIST_FORMAT": "csv", "ATMOS_LIST_DELIMITER": ";"}
    assert sonde("list", "instances", **variables).stdout == "Component;Stack\nvpc;prod\n"
    assert sonde("list", "instances", "--format", "json", "--stack", "nope", **variables).stdout == "[]\n"


def test_a_matrix_is_appended_to_its_file(sonde, tmp_path):
    sonde("list", "instances", "--format", "matrix", "--stack", "prod", "--output-file", str(tmp_path / "out"))
    lines = (tmp_path / "out").read_text().splitlines()
    assert json.loads(lines[0].removeprefix("matrix="))["include"][0]["component_path"] == "components/terraform/vpc"
    assert lines[1] == "count=1"


def test_described_json_is_sorted_and_whole_floats_print_as_integers(sonde):
    text = sonde("describe", "stacks", "--format", "json", "--sections", "vars").stdout
    assert (
        '"vpc": {\n          "vars": {\n            "e": "",\n            "stage": "dev",\n            "x": 1\n          }'
        in text
    )


def test_yaml_is_the_default_of_describe(sonde):
    text = sonde("describe", "component", "vpc", "-s", "prod", "--query", ".vars").stdout
    assert text == "stage: prod\n"


def test_the_full_filter_adds_what_was_worked_out(sonde):
    short = json.loads(sonde("describe", "component", "vpc", "-s", "dev", "--format", "json").stdout)
    full = json.loads(
        sonde(
            "describe", "component", "vpc", "-s", "dev", "--format", "json", ATMOS_DESCRIBE_COMPONENT_FILTER="full"
        ).stdout
    )
    assert "sources" not in short
    assert full["workspace"] == "dev"


def test_an_unknown_component_says_so_on_stderr_only(sonde):
    done = sonde("describe", "component", "nope", "-s", "dev", code=1)
    assert done.stdout == ""
    assert "**Error:** invalid component\n\nCould not find the component nope in the stack dev." in done.stderr


def test_the_result_may_go_to_a_file(sonde, tmp_path):
    assert sonde("describe", "stacks", "--format", "json", "--file", str(tmp_path / "o.json")).stdout == ""
    assert set(json.loads((tmp_path / "o.json").read_text())) == {"dev", "prod", "test"}


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(max_size=5) | st.floats(-1e6, 1e6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=10,
)


@given(st.dictionaries(st.text(max_size=3), VALUES, max_size=3))
def test_json_in_pieces_is_json_at_once_and_means_the_value(value):
    text = b"".join(printing.pieces(value, "json"))
    assert text == printing.render(value, "json").encode("utf-8", "surrogateescape")
    assert json.loads(text) == value


FLOATS = [
    (1.0, "1"),
    (0.1, "0.1"),
    (1e21, "1e+21"),
    (1e20, "100000000000000000000"),
    (1e-7, "1e-7"),
    (123.456, "123.456"),
]


@pytest.mark.parametrize(("value", "text"), FLOATS, ids=[case[1] for case in FLOATS])
def test_a_float_prints_as_go_prints_it(value, text):
    assert printing.to_json(value) == text


def test_an_infinity_is_refused_before_anything_is_written():
    with pytest.raises(CliError, match=r"unsupported value: \+Inf"):
        printing.pieces({"a": {"b": 1}, "c": float("inf")}, "json")


@pytest.fixture
def workflows(tmp_path, sonde):
    with (tmp_path / "atmos.yaml").open("a") as config:
        config.write("workflows: {base_path: flows}\n")
    (tmp_path / "flows" / "net").mkdir(parents=True)
    (tmp_path / "flows" / "net" / "up.yaml").write_text("workflows: {up: {steps: [{command: a}]}, down: {}}\n")
    (tmp_path / "flows" / "readme.yaml").write_text("name: none\n")
    return lambda *args, code=0: sonde("describe", "workflows", "-f", "json", *args, code=code)


def test_workflows_are_described_by_file(workflows):
    done = workflows()
    assert json.loads(done.stdout) == [{"file": "net/up.yaml", "workflow": name} for name in ("down", "up")]
    assert "readme.yaml is passed over" in done.stderr
    assert json.loads(workflows("-o", "map").stdout) == {"net/up.yaml": ["down", "up"]}
    steps = json.loads(workflows("-o", "all").stdout)["net/up.yaml"]["workflows"]["up"]["steps"]
    assert steps == [{"name": "step1", "command": "a", "when": None, "continue": None}]
    assert "Valid values are 'list', 'map', and 'all'" in workflows("-o", "tree", code=1).stderr


@pytest.mark.parametrize(
    ("args", "code", "says"),
    [
        (["workflows"], 1, "'workflows.base_path' must be configured"),
        (["stacks", "--error-mode", "loud"], 1, "invalid error mode"),
        (["config", "--profile", "nope"], 2, "profile not found: nope"),
        (["component", "./components/terraform/gone", "-s", "dev"], 2, "component not found in stack"),
    ],
)
def test_what_cannot_be_described_says_why(sonde, args, code, says):
    assert says in sonde("describe", *args, code=code).stderr


def test_sections_that_nothing_has_leave_nothing(sonde):
    assert sonde("describe", "stacks", "--sections", "nope", "--format", "json").stdout == "{}\n"


def test_dependents_in_yaml_have_empty_parts_and_no_nulls(sonde):
    row = yaml.safe_load(sonde("describe", "dependents", "mid", "-s", "test", "-f", "yaml").stdout)[0]
    assert (row["component"], row["dependents"], row["settings"]) == ("top", [], {})


def test_a_query_meets_the_keys_of_maps_sorted(sonde):
    assert sonde("describe", "stacks", "-q", ".dev.components.terraform | keys").stdout == "- app\n- base\n- vpc\n"


def test_a_flag_wins_over_the_variable_that_uploads(sonde):
    env = {"ATMOS_UPLOAD": "true", "ATMOS_PRO_TOKEN": "x", "ATMOS_PRO_BASE_URL": "ftp://plane.test"}
    assert "failed to get local repository" in sonde("list", "instances", code=1, **env).stderr
    assert sonde("list", "instances", "--upload=false", **env).stderr == ""
