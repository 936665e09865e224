"""Templates over values: string by string gives what the whole dump gives (stacks.md §5)."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from repository import variables

from sonde.gotemplate import functions
from sonde.stacks import goyaml, templates, yamldump

LIBRARY = templates.Library(functions.all())
DATA = {"vars": {"a": "x", "n": 5, "multi": "one\ntwo", "quote": "it's", "colon": "a: b", "m": {"k": 1}}}
TEMPLATES = [
    "{{ .vars.a }}",
    "{{ .vars.n }}",
    "{{ .vars.multi }}",
    "{{ .vars.quote }}",
    "{{ .vars.colon }}",
    "{{ .none }}",
]
BLOCKS = ["{{ .vars.m }}", "{{ if .vars.a }}yes{{ end }}", "{{- .vars.a -}}"]
TEXTS = ["text", " ", "-", "'", '"', ": ", "#", "\n", "1", "true", "\\"]
PIECES = st.sampled_from([*TEMPLATES, *BLOCKS, *TEXTS])
STRINGS = st.lists(PIECES, min_size=1, max_size=4).map("".join)


@settings(max_examples=300)
@given(st.dictionaries(st.sampled_from(["a", "b", "c"]), STRINGS | st.lists(STRINGS, max_size=2), min_size=1))
def test_string_by_string_agrees_with_the_whole_dump(value):
    rendering = templates.Rendering(LIBRARY, "t")
    try:
        whole = templates.render_whole(value, DATA, rendering)
    except templates.TemplateError:
        with pytest.raises(templates.TemplateError):
            templates.render_value(value, DATA, rendering)
    else:
        assert templates.render_value(value, DATA, rendering) == whole


@settings(max_examples=300)
@given(
    st.dictionaries(
        st.text(min_size=1, max_size=4),
        st.text(max_size=12) | st.integers(-(2**63), 2**63 - 1) | st.booleans() | st.none(),
        max_size=4,
    )
)
def test_a_dump_reads_back_as_it_was(value):
    try:
        assert goyaml.load(yamldump.dump(value), name="t").value == value
    except goyaml.YamlError as error:
        # yaml.v3 itself refuses control characters and lone surrogates that it has written.
        assert "control characters" in error.message or "surrogate" in error.message, error.message  # noqa: PT017


def component(text):
    head = "vars: {stage: dev}\nsettings: {i: 5}\ncomponents:\n  terraform:\n    c:\n      vars:\n"
    return {"deploy/dev.yaml": f"{head}        v: {text}\n"}


TYPES = [
    ("a rendered template stays a string", "'{{ .settings.i }}'", "5"),
    ("a missing key shows itself", "'{{ .vars.nope.deep }}'", "<no value>"),
    ("a line break is folded", "'{{ \"a\\nb\" }}'", "a b"),
    ("the component knows its name and stack", "'{{ .atmos_component }}-{{ .atmos_stack }}'", "c-dev"),
    ("sprig is there", "'{{ upper .vars.stage }}'", "DEV"),
    ("text around a template may make a number", "1{{ .settings.i }}", 15),
]


@pytest.mark.parametrize(("text", "expected"), [case[1:] for case in TYPES], ids=[case[0] for case in TYPES])
def test_component_templates(tmp_path, text, expected):
    assert variables(tmp_path, component(text))["v"] == expected
