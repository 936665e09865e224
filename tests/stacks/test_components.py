"""Sections of a component: precedence, backends, workspaces, names, sources (stacks.md §2, §4, §8.2)."""

import pytest
from repository import ATMOS, engine, write

from sonde.stacks import goyaml, provenance
from sonde.stacks.engine import Options
from sonde.stacks.errors import StacksError


def described(tmp_path, text, *, component="c", stack="dev", atmos=ATMOS):
    return engine(tmp_path, {"deploy/dev.yaml": text}, atmos=atmos).component(component, stack, Options())


def test_vars_come_from_all_levels_the_nearest_wins(tmp_path):
    text = """
        vars: {stage: dev, a: stack, b: stack, c: stack, d: stack, e: stack}
        terraform: {vars: {b: type, c: type, d: type, e: type}, overrides: {vars: {e: overrides}}}
        components:
          terraform:
            base: {metadata: {type: abstract}, vars: {c: base, d: base, e: base}}
            c: {metadata: {inherits: [base]}, vars: {d: own, e: own}}
    """
    found = described(tmp_path, text)["vars"]
    assert [found[name] for name in "abcde"] == ["stack", "type", "base", "own", "overrides"]


BACKENDS = [
    ("s3", "{bucket: b}", {"bucket": "b", "workspace_key_prefix": "net-vpc"}),
    ("gcs", "{bucket: b}", {"bucket": "b", "prefix": "net-vpc"}),
    ("azurerm", "{key: top}", {"key": "top/net-vpc.terraform.tfstate"}),
    ("http", "{address: a}", {"address": "a"}),
]


@pytest.mark.parametrize(("kind", "section", "expected"), BACKENDS, ids=[case[0] for case in BACKENDS])
def test_a_backend_gets_the_default_of_its_type(tmp_path, kind, section, expected):
    text = f"""
        vars: {{stage: dev}}
        terraform: {{backend_type: {kind}, backend: {{{kind}: {section}}}}}
        components: {{terraform: {{c: {{metadata: {{component: net/vpc}}}}}}}}
    """
    assert described(tmp_path, text)["backend"] == expected


def test_a_backend_of_another_type_is_an_error_that_says_what_to_add(tmp_path):
    text = "vars: {stage: dev}\nterraform: {backend_type: gcs, backend: {s3: {bucket: b}}}\ncomponents: {terraform: {c: {}}}\n"
    with pytest.raises(StacksError, match="does not match any key") as caught:
        described(tmp_path, text)
    assert 'Add a "gcs" key under backend:' in caught.value.hints[0]


WORKSPACES = [
    ("the stack's name", "{}", "dev"),
    ("with the component where the folder is another", "{metadata: {component: vpc}}", "dev-c"),
    ("a fixed name", "{metadata: {terraform_workspace: fix/ed}}", "fix-ed"),
    ("a pattern", "{metadata: {terraform_workspace_pattern: 'x-{component}'}}", "x-c"),
    ("a template", "{metadata: {terraform_workspace_template: 't-{{ .vars.stage }}'}}", "t-dev"),
    ("default where workspaces are not for the backend", "{backend_type: http, backend: {http: {}}}", "default"),
]


@pytest.mark.parametrize(
    ("section", "expected"), [case[1:] for case in WORKSPACES], ids=[case[0] for case in WORKSPACES]
)
def test_the_workspace_is(tmp_path, section, expected):
    text = f"vars: {{stage: dev}}\ncomponents: {{terraform: {{c: {section}}}}}\n"
    assert described(tmp_path, text)["workspace"] == expected


def test_a_component_may_live_in_another_stack_by_its_own_vars(tmp_path):
    text = "vars: {stage: dev}\ncomponents: {terraform: {c: {}, other: {vars: {stage: elsewhere}}}}\n"
    subject = engine(tmp_path, {"deploy/dev.yaml": text})
    assert [(each.stack, each.name) for each in subject.stacks(Options()).instances] == [
        ("dev", "c"),
        ("elsewhere", "other"),
    ]


def test_an_explicit_name_wins_over_template_and_pattern(tmp_path):
    text = "name: named\nvars: {stage: dev}\ncomponents: {terraform: {c: {}}}\n"
    assert described(tmp_path, text, stack="named")["workspace"] == "named"


def test_a_stack_may_be_given_by_its_manifests_path(tmp_path):
    text = "vars: {stage: dev}\ncomponents: {terraform: {c: {}}}\n"
    assert described(tmp_path, text, stack="deploy/dev")["atmos_stack_file"] == "deploy/dev"


def test_a_manifest_name_without_a_slash_gets_the_right_name_as_a_hint(tmp_path):
    subject = engine(
        tmp_path,
        {"top.yaml": "vars: {stage: dev}\ncomponents: {terraform: {c: {}}}\n"},
        atmos=ATMOS.replace("deploy/**/*", "*"),
    )
    with pytest.raises(StacksError) as caught:
        subject.component("c", "top", Options())
    assert "Did you mean dev?" in caught.value.hints[0]


def test_a_component_twice_in_a_stack_with_different_content_is_an_error(tmp_path):
    files = {
        f"deploy/{name}.yaml": f"vars: {{stage: dev, x: {name}}}\ncomponents: {{terraform: {{c: {{}}}}}}\n"
        for name in "ab"
    }
    with pytest.raises(StacksError, match="Found duplicate config"):
        engine(tmp_path, files).component("c", "dev", Options())


def test_sources_name_each_place_the_nearest_first(tmp_path):
    files = {
        "catalog/base.yaml": "vars: {x: stack}\ncomponents: {terraform: {c: {vars: {x: imported}}}}\n",
        "deploy/dev.yaml": "import: [catalog/base]\nvars: {stage: dev}\ncomponents: {terraform: {c: {vars: {x: own}}}}\n",
    }
    found = engine(tmp_path, files).component("c", "dev", Options())
    places = [
        (each["stack_file"], each["stack_file_section"], each["variable_value"])
        for each in found["sources"]["vars"]["x"]["stack_dependencies"]
    ]
    assert places == [
        ("deploy/dev", "components.terraform.vars", "own"),
        ("catalog/base", "components.terraform.vars", "imported"),
        ("catalog/base", "vars", "stack"),
    ]
    assert found["deps"] == ["deploy/dev"]
    assert found["imports"] == ["catalog/base"]


def test_the_interface_of_a_component_is_read_from_its_files(tmp_path):
    main = 'variable "a" {\n  type    = list(string)\n  default = ["x"]\n}\noutput "o" {\n  value = var.a\n}\nmodule "m" {\n  source = "../shared"\n}\n'
    write(tmp_path, {"components/terraform/c/main.tf": main})
    found = described(tmp_path, "vars: {stage: dev}\ncomponents: {terraform: {c: {}}}\n")["component_info"][
        "terraform_config"
    ]
    assert found["variables"]["a"]["default"] == ["x"]
    assert (found["variables"]["a"]["type"], found["variables"]["a"]["required"]) == ("list(string)", False)
    assert (found["outputs"]["o"]["pos"]["line"], found["module_calls"]["m"]["source"]) == (5, "../shared")


def test_invalid_hcl_is_an_error_with_file_and_line(tmp_path):
    write(tmp_path, {"components/terraform/c/main.tf": 'variable "a" {\n  default = true\n]\n'})
    with pytest.raises(StacksError, match=r"main\.tf:3"):
        described(tmp_path, "vars: {stage: dev}\ncomponents: {terraform: {c: {}}}\n")


LOCALS = """
    locals: {a: one, b: '{{ .locals.a }}-two', m: {k: '{{ .locals.a }}'}}
    vars: {stage: dev}
    components: {terraform: {c: {vars: {b: '{{ .locals.b }}', whole: '{{ .locals.m }}'}}}}
"""


def test_locals_refer_to_each_other_and_keep_their_type(tmp_path):
    found = described(tmp_path, LOCALS)["vars"]
    assert (found["b"], found["whole"]) == ("one-two", {"k": "one"})


def test_a_cycle_of_locals_shows_itself(tmp_path):
    with pytest.raises(StacksError, match="a → b → a"):
        described(
            tmp_path,
            "locals: {a: '{{ .locals.b }}', b: '{{ .locals.a }}'}\nvars: {stage: dev}\ncomponents: {terraform: {c: {}}}\n",
        )


def test_yaml_with_provenance_says_file_and_line_and_reads_back_the_same(tmp_path):
    files = {
        "catalog/base.yaml": "vars:\n  far: 1\ncomponents:\n  terraform:\n    base: {vars: {inherited: x}}\n",
        "deploy/dev.yaml": (
            "import: [catalog/base]\nvars: {stage: dev}\ncomponents:\n  terraform:\n    c:\n"
            '      metadata: {inherits: [base]}\n      vars:\n        own: "a: b"\n        text: |\n          two\n          lines\n'
        ),
    }
    subject = engine(tmp_path, files)
    sections = subject.component("c", "dev", Options())
    text = provenance.annotated(subject, {"vars": sections["vars"]}, sections)
    assert goyaml.load(text, name="t").value == {"vars": sections["vars"]}
    for line in (
        "far: 1 # catalog/base.yaml:2",
        "inherited: x # catalog/base.yaml:5",
        "own: 'a: b' # deploy/dev.yaml:8",
        "text: | # deploy/dev.yaml:9",
    ):
        assert f"  {line}\n" in text


def test_a_section_of_the_wrong_shape_is_named_with_file_line_and_column(tmp_path):
    files = {
        "catalog/base.yaml": "components:\n  terraform:\n    c:\n      vars: [a]\n",
        "deploy/dev.yaml": "import: [catalog/base]\nvars: {stage: dev}\n",
    }
    with pytest.raises(StacksError, match="invalid component vars section") as caught:
        engine(tmp_path, files).component("c", "dev", Options())
    assert caught.value.hints == ("It is written in catalog/base.yaml:4:13.",)
