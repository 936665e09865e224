"""YAML functions, evaluated for real (stacks.md §7)."""

import json

import pytest
from repository import engine, variables, write

from sonde.stacks.engine import Options
from sonde.stacks.errors import StacksError

HEAD = "vars: {stage: dev}\ncomponents:\n  terraform:\n    c:\n      metadata: {tags: [a, b], labels: {x: one, y: two}}\n      env: {FROM_STACK: here}\n      vars:\n"


def files(line):
    return {"deploy/dev.yaml": f"{HEAD}        v: {line}\n"}


CASES = [
    ("the environment", "!env HOMEY", "home"),
    ("a default where a variable is not set", "!env NOPE 'a default'", "a default"),
    ("nothing where there is no default", "!env NOPE", ""),
    ("the component's own env first", "!env FROM_STACK", "here"),
    ("a command's output, decoded", "!exec echo 42", 42),
    ("a command's text", "!exec printf 'a b'", "a b"),
    ("a plain string works like the tag", "'!exec echo 1'", 1),
    ("a template's JSON", "!template '{{ toJson .vars.stage }}'", "dev"),
    ("a list from a template", "!template '{{ list 1 2 | toJson }}'", [1, 2]),
    ("tags", "!tags", ["a", "b"]),
    ("labels", "!labels", {"x": "one", "y": "two"}),
    ("the values of labels", "!labels.values", ["one", "two"]),
    ("an unknown name is no function", "'!environment X'", "!environment X"),
    ("a secret is never shown", "!secret store key", "<MASKED>"),
]


@pytest.mark.parametrize(("line", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_a_function_gives(tmp_path, line, expected):
    found = variables(tmp_path, files(line), env={"HOMEY": "home", "PATH": "/usr/bin:/bin"})
    assert found["v"] == expected


def test_functions_stay_as_written_when_they_are_switched_off(tmp_path):
    subject = engine(tmp_path, files("!env HOMEY"))
    assert subject.component("c", "dev", Options(process_functions=False))["vars"]["v"] == "!env HOMEY"


def test_one_function_may_be_skipped(tmp_path):
    subject = engine(tmp_path, files("!env HOMEY"), env={"HOMEY": "x"})
    assert subject.component("c", "dev", Options(skip=("env",)))["vars"]["v"] == "!env HOMEY"


def test_a_failing_command_gives_its_exit_code(tmp_path):
    with pytest.raises(StacksError) as caught:
        variables(tmp_path, files("!exec exit 3"), env={"PATH": "/usr/bin:/bin"})
    assert caught.value.exit_code == 3


def test_an_unset_entry_is_gone(tmp_path):
    assert "v" not in variables(tmp_path, files("!unset"))


def test_a_file_is_included_by_its_extension_and_queried(tmp_path):
    write(tmp_path, {"data/a.json": '{"deep": {"list": [1, 2]}}', "data/b.tfvars": 'name = "x"\nports = [80, 443]\n'})
    assert variables(tmp_path, files("!include data/a.json .deep.list[1]"))["v"] == 2
    assert variables(tmp_path, files("!include data/b.tfvars"))["v"] == {"name": "x", "ports": [80, 443]}
    assert variables(tmp_path, files("!include.raw data/a.json"))["v"] == '{"deep": {"list": [1, 2]}}'


def test_a_missing_include_names_the_file(tmp_path):
    with pytest.raises(StacksError, match=r"could not find local file 'nope\.yaml'"):
        variables(tmp_path, files("!include nope.yaml"))


PRODUCER = "    prod:\n      remote_state_backend_type: static\n      remote_state_backend: {static: {msg: hi, obj: {a: [1, 2]}}}\n"


def test_outputs_come_from_a_static_backend(tmp_path):
    text = f"{HEAD}        a: !terraform.output prod msg\n        b: !terraform.state prod dev .obj.a[1]\n"
    text += '        c: !terraform.output prod ".none // ""dflt"""\n        d: \'{{ (atmos.Component "prod" .stack).outputs.msg }}\'\n'
    found = variables(tmp_path, {"deploy/dev.yaml": text + PRODUCER})
    assert [found[name] for name in "abcd"] == ["hi", 2, "dflt", "hi"]


LOCAL = "    prod: {backend_type: local}\n"


def test_outputs_come_from_a_local_state(tmp_path):
    state = {"outputs": {"id": {"value": "vpc-1"}}}
    path = "components/terraform/prod/terraform.tfstate.d/dev/terraform.tfstate"
    write(tmp_path, {path: json.dumps(state)})
    text = f"{HEAD}        a: !terraform.state prod id\n{LOCAL}"
    assert variables(tmp_path, {"deploy/dev.yaml": text})["a"] == "vpc-1"


def test_a_state_that_is_not_there_is_computed_or_an_error_by_mode(tmp_path):
    subject = engine(tmp_path, {"deploy/dev.yaml": f"{HEAD}        a: !terraform.state prod id\n{LOCAL}"})
    assert subject.component("c", "dev", Options(error_mode="warn"))["vars"]["a"] == "(computed)"
    assert len(subject.warnings) == 1
    with pytest.raises(StacksError, match="not provisioned"):
        subject.component("c", "dev", Options(error_mode="strict"))


def test_components_that_read_each_other_are_an_error_that_shows_the_chain(tmp_path):
    text = "vars: {stage: dev}\ncomponents:\n  terraform:\n"
    for name, other in (("a", "b"), ("b", "a")):
        text += f"    {name}: {{backend_type: local, vars: {{v: !terraform.state {other} id}}}}\n"
    subject = engine(tmp_path, {"deploy/dev.yaml": text})
    with pytest.raises(StacksError, match="circular dependency"):
        subject.component("a", "dev", Options())


def test_a_function_and_a_map_at_one_place_are_merged_when_the_function_has_its_result(tmp_path):
    text = (
        "vars: {stage: dev}\ncomponents:\n  terraform:\n"
        '    base: {metadata: {type: abstract}, vars: {m: !template \'{{ dict "a" 1 "b" 1 | toJson }}\'}}\n'
        "    c: {metadata: {inherits: [base]}, vars: {m: {b: 2}}}\n"
    )
    assert variables(tmp_path, {"deploy/dev.yaml": text})["m"] == {"a": 1, "b": 2}
