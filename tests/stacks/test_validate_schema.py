"""Manifests are checked against our schema, with messages that say where."""

import json
import os
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sonde.stacks import schema
from sonde.stacks.errors import StacksError
from sonde.stacks.goyaml import YamlError, load_mapping
from sonde.stacks.schema.compiled import compile_schema

CORPUS = Path(os.environ.get("SONDE_CONFORMANCE_DIR") or Path(__file__).parents[3] / "../shared/conformance")
OWN = json.loads((Path(schema.__file__).parent / "manifest.json").read_text())


def messages(text):
    loaded = load_mapping(text, name="dev.yaml")
    return [str(problem) for problem in schema.errors(loaded.value, file="dev.yaml", loaded=lambda: loaded)]


@pytest.mark.parametrize(
    ("component", "message"),
    [
        (
            "{metadata: {enabled: 'no'}}",
            "dev.yaml:3:29: error: components.terraform.c.metadata.enabled: expected boolean, but got string",
        ),
        ("{bogus: 1}", "dev.yaml:3:8: error: components.terraform.c: additionalProperties 'bogus' not allowed"),
        ("text", "dev.yaml:3:8: error: components.terraform.c: file references must use the !include YAML tag"),
        ("true", "dev.yaml:3:8: error: components.terraform.c: expected string or object, but got boolean"),
        (
            "{settings: {depends_on: {1: {component: v, stack: x}}}}",
            "dev.yaml:3:36: error: components.terraform.c.settings.depends_on[1]: additionalProperties 'stack' not allowed",
        ),
        (
            "{backend_type: ftp}",
            "dev.yaml:3:23: error: components.terraform.c.backend_type: value must be one of "
            '"local", "s3", "remote", "vault", "static", "azurerm", "gcs", "cloud", "consul", "cos", "http", "kubernetes", "oss", "pg"',
        ),
        (
            "{dependencies: {components: [{stack: x}]}}",
            "dev.yaml:3:37: error: components.terraform.c.dependencies.components[0]: missing properties: 'name'",
        ),
    ],
)
def test_a_wrong_component_is_named_with_its_place(component, message):
    assert messages(f"components:\n  terraform:\n    c: {component}\n") == [message]


@pytest.mark.parametrize(
    ("component", "wrong"),
    [
        ("{auth: {identities: {x: {kind: aws/user, via: {provider: p}, tags: [a]}}}}", ""),
        ("{auth: {identities: {x: {via: {account: y}}}}}", "auth.identities.x.via"),
        ("{auth: {providers: {p: {region: r}}}}", "auth.providers.p"),
        ("{dependencies: {commands: [build, {name: lint, flags: {fix: '1'}}]}}", ""),
        ("{dependencies: {workflows: [{file: x}]}}", "dependencies.workflows[0]"),
        ("{hooks: {h: {events: [before-terraform-plan], when: {any: [ci, {not: local}]}, with: {a: 1}}}}", ""),
        ("{hooks: {h: {on_failure: shrug}}}", "hooks.h.on_failure"),
        ("{metadata: {labels: {team: core}}}", ""),
        ("{metadata: {labels: {team: [core]}}}", "metadata.labels.team"),
        ("{secrets: {vars: {A: {store: s, scope: stack}}}}", ""),
        ("{secrets: {vars: {A: {scope: planet, store: s}}}}", "secrets.vars.A.scope"),
        ("{settings: {spacelift: {workspace_enabled: 'yes'}}}", "settings.spacelift.workspace_enabled"),
        ("{provision: {targets: {t: {kind: git, commit: {signing: never}}}}}", ""),
        ("{provision: {targets: {t: {path: x}}}}", "provision.targets.t"),
    ],
)
def test_what_sections_may_hold(component, wrong):
    found = messages(f"components:\n  terraform:\n    c: {component}\n")
    assert bool(found) == bool(wrong)
    assert all(f"components.terraform.c.{wrong}: " in each for each in found)


def test_several_wrong_components_stand_below_a_line_for_their_type():
    assert messages("components:\n  terraform:\n    a: {x: 1}\n    b: {y: 1}\n") == [
        "dev.yaml:3:5: error: components.terraform:",
        "dev.yaml:3:8: error: components.terraform.a: additionalProperties 'x' not allowed",
        "dev.yaml:4:8: error: components.terraform.b: additionalProperties 'y' not allowed",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "anything: {goes: here}\nvars: {a: [1, {b: c}]}\n",
        "components: {terraform: {c: !include other.yaml}}\n",
        "components: {terraform: {c: {vars: {x: !env HOME}, metadata: {inherits: !append [a, b]}}}}\n",
        "components: {mine: {c: {whatever: 1}}}\n",
        "import: [a, {path: b, context: {x: 1}}]\n",
        "workflows: {w: {steps: [{command: x}]}}\n",
    ],
)
def test_a_right_manifest_gives_no_message(text):
    assert messages(text) == []


def test_old_dependencies_are_warned_about_with_their_place():
    loaded = load_mapping(
        "components:\n  terraform:\n    c:\n      depends_on: {}\n      settings:\n        depends_on:\n          1: {component: x}\n",
        name="",
    )
    found = [str(problem) for problem in schema.warnings(loaded.value, file="stacks/dev.yaml", loaded=lambda: loaded)]
    assert found == [
        "stacks/dev.yaml:4:19: warning: components.terraform.c.depends_on is deprecated; use dependencies.components",
        "stacks/dev.yaml:7:11: warning: components.terraform.c.settings.depends_on is deprecated; use dependencies.components",
    ]


def test_a_projects_own_schema_is_used_and_a_broken_one_refused(tmp_path):
    file = tmp_path / "s.json"
    file.write_text('{"type": "object", "required": ["vars"]}')
    loaded = load_mapping("a: 1\n", name="")
    found = schema.errors(loaded.value, file="x.yaml", loaded=lambda: loaded, check=schema.check_of(file))
    assert [problem.text for problem in found] == ["missing properties: 'vars'"]
    file.write_text("{")
    with pytest.raises(StacksError, match="is not JSON"):
        schema.check_of(file)
    with pytest.raises(StacksError, match="cannot be read"):
        schema.check_of(tmp_path / "none.json")


def test_a_reference_that_leads_nowhere_is_refused():
    with pytest.raises(StacksError, match="nothing at the reference"):
        compile_schema({"$ref": "#/$defs/nope"})


ATOMS = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 3), st.floats(-2, 2), st.sampled_from(["a", "b", "!include x", ""])
)
VALUES = st.recursive(
    ATOMS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)
NAMED = st.sampled_from(["string", "number", "integer", "object", "array", "boolean", "null"])
LEAVES = st.one_of(
    st.fixed_dictionaries({"type": NAMED}),
    st.fixed_dictionaries({"type": st.lists(NAMED, min_size=1, max_size=2, unique=True)}),
    st.fixed_dictionaries({"enum": st.lists(ATOMS, min_size=1, max_size=3)}),
    st.fixed_dictionaries({"pattern": st.sampled_from(["^!include", "a|b", "^$"])}),
    st.fixed_dictionaries({"minimum": st.integers(-2, 2), "exclusiveMaximum": st.integers(-2, 2)}),
    st.fixed_dictionaries({"minItems": st.integers(0, 2), "uniqueItems": st.booleans()}),
    st.fixed_dictionaries({"required": st.lists(st.sampled_from("abc"), max_size=2, unique=True)}),
    st.booleans(),
)
SCHEMAS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.fixed_dictionaries(
            {"properties": st.dictionaries(st.sampled_from("abc"), inner, max_size=2), "additionalProperties": inner}
        ),
        st.fixed_dictionaries(
            {"patternProperties": st.dictionaries(st.sampled_from(["a", "[bc]"]), inner, max_size=2)}
        ),
        st.fixed_dictionaries({"items": inner}),
        st.fixed_dictionaries({"not": inner}),
        st.fixed_dictionaries({"if": inner, "then": inner, "else": inner}),
        st.sampled_from(["oneOf", "anyOf", "allOf"]).flatmap(
            lambda name: st.fixed_dictionaries({name: st.lists(inner, min_size=1, max_size=3)})
        ),
    ),
    max_leaves=5,
)


@settings(max_examples=600, deadline=None)
@given(SCHEMAS, VALUES)
def test_the_compiled_schema_judges_as_the_reference_library_does(rules, value):
    expected = jsonschema.Draft202012Validator(rules).is_valid(value)
    assert (not compile_schema(rules)(value, ())) is expected


def test_every_manifest_of_the_corpus_is_judged_as_the_reference_library_does():
    folder = CORPUS / "fixtures"
    if not folder.exists():
        pytest.skip(f"no corpus at {folder}: set SONDE_CONFORMANCE_DIR")
    reference = jsonschema.Draft202012Validator(OWN)
    check = schema.own_check()
    judged = 0
    for file in sorted(folder.rglob("stacks/**/*.yaml")):
        try:
            value = load_mapping(file.read_bytes(), name=str(file)).value
        except YamlError:
            continue
        if "!" in file.read_text(errors="replace"):
            continue  # the reference library does not know tagged nodes
        assert (not check(value, ())) is reference.is_valid(value), file
        judged += 1
    assert judged > 100
