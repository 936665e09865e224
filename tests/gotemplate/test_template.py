"""What templates render to, and how they fail."""

import subprocess
import sys

import pytest

from sonde.gotemplate import TemplateError, parse

DATA = {"a": {"b": [1, "two", None, 2.5]}, "s": "text", "n": 3, "nil": None}
OUTPUTS = {
    "{{ .a.b }}": "[1 two <nil> 2.5]",
    "{{ .nil }} {{ .nope }}": "<no value> <no value>",
    "x {{- .n -}} y": "x3y",
    "{{ range $i, $e := .a.b }}{{ if eq $i 2 }}{{ continue }}{{ end }}{{ $i }}={{ $e }};{{ end }}": "0=1;1=two;3=2.5;",
    "{{ range 3 }}{{ . }}{{ end }}": "012",
    '{{ with .nope }}x{{ else with .s }}{{ . | printf "%q" }}{{ end }}': '"text"',
    '{{ define "d" }}<{{ . }}>{{ end }}{{ template "d" .n }}{{ block "u" .s }}{{ . }}{{ end }}': "<3>text",
    '{{ printf "%05.1f|%-4d|%x|%" 2.25 7 "hi" }}': "002.2|7   |6869|%!(NOVERB)",
    "{{ $x := 1 }}{{ if .s }}{{ $x = 2 }}{{ end }}{{ $x }}": "2",
    '{{ and .s .n }} {{ or .nope "d" }} {{ not .s }}': "3 d false",
}
ERRORS = {
    "{{ .s.x }}": 'template: t:1:5: executing "t" at <.s.x>: can\'t evaluate field x in type interface {}',
    "{{ nope }}": 'template: t:1: function "nope" not defined',
    "a\n{{ if }}": "template: t:2: missing value for if",
    "é{{ index .a.b 9 }}": 'template: t:1:5: executing "t" at <index .a.b 9>: error calling index: index out of range: 9',
    '{{ template "gone" }}': 'template: t:1:12: executing "t" at <{{template "gone"}}>: template "gone" not defined',
    "{{ lt .n .s }}": 'template: t:1:3: executing "t" at <lt .n .s>: error calling lt: incompatible types for comparison: int and string',
}


@pytest.mark.parametrize("text", OUTPUTS)
def test_a_template_renders_as_in_go(text):
    assert parse(text, name="t").render(DATA) == OUTPUTS[text]


@pytest.mark.parametrize("text", ERRORS)
def test_a_failing_template_gives_gos_text(text):
    with pytest.raises(TemplateError) as caught:
        parse(text, name="t").render(DATA)
    assert caught.value.message == ERRORS[text]


def test_a_missing_key_is_an_error_when_asked_for():
    with pytest.raises(TemplateError, match='map has no entry for key "nope"'):
        parse("{{ .nope }}", name="t").render({}, missingkey="error")


def test_endless_recursion_of_templates_is_an_error():
    with pytest.raises(TemplateError, match="exceeded maximum template depth"):
        parse('{{ define "r" }}{{ template "r" }}{{ end }}{{ template "r" }}', name="t").render({})


def test_custom_delimiters_leave_the_usual_ones_alone():
    assert parse("{{ x }}<% .n %>", name="t", delims=("<%", "%>")).render(DATA) == "{{ x }}3"


def test_a_namespace_of_the_caller_is_called_with_go_checks():
    functions = {"atmos": {"Component": lambda name, stack: {"vars": {"id": f"{name}@{stack}"}}}}
    template = parse('{{ (atmos.Component "vpc" .s).vars.id }}', name="t", functions=functions)
    assert template.render(DATA) == "vpc@text"
    with pytest.raises(TemplateError, match="wrong number of args for Component: want 2 got 1"):
        parse('{{ atmos.Component "vpc" }}', name="t", functions=functions).render(DATA)


def test_the_package_loads_no_function_library_until_a_template_needs_one():
    code = (
        "import sys; from sonde.gotemplate import functions, parse; "
        "parse('{{ .a }}', name='t', functions=functions.all()).render({'a': 1}); "
        "assert not any(m.startswith(('sonde.gotemplate.functions.sprig', 'sonde.gotemplate.functions.gomplate')) for m in sys.modules); "
        "parse('{{ upper .a }}', name='t', functions=functions.all()).render({'a': 'x'}); "
        "assert 'sonde.gotemplate.functions.sprig_strings' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
