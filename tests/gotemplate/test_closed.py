"""The evaluator for templates of strangers: what it renders, what it refuses, and how fast it refuses."""

import contextlib
import sys
import time
import tracemalloc

import pytest

from sonde.gotemplate import TemplateError
from sonde.gotemplate.closed import ALLOWED, render_closed

DATA = {
    "atmos_component": "vpc",
    "atmos_stack": "acme-ue2-dev",
    "settings": {"pro": {"enabled": True, "env": "prod", "regions": ["us-east-2", "eu-west-1"]}},
    "big": "x" * 50_000,
    "many": list(range(50_000)),
    "map": {f"k{n}": n for n in range(50_000)},
}
OUTPUTS = {
    "{{ .atmos_component }}": "vpc",
    '{{ .atmos_stack | replace "-" "/" | upper }}': "ACME/UE2/DEV",
    '{{ .settings.pro.missing | default "none" }}': "none",
    '{{ if and .settings.pro.enabled (eq .settings.pro.env "prod") }}P{{ else }}-{{ end }}': "P",
    '{{ join "," .settings.pro.regions | quote }}': '"us-east-2,eu-west-1"',
    "{{ range $i, $r := .settings.pro.regions }}{{ $i }}{{ $r }} {{ end }}": "0us-east-2 1eu-west-1 ",
    '{{ printf "%-5s|%03d" .atmos_component 7 }}': "vpc  |007",
    "{{ index .settings.pro.regions 1 }}{{ len .many }}": "eu-west-150000",
    "{{ toJson .settings.pro.regions }}": '["us-east-2","eu-west-1"]',
}
REFUSED = {
    '{{ env "HOME" }}': 'function "env" not defined',
    '{{ getHostByName "x" }}': 'function "getHostByName" not defined',
    "{{ call .x }}": 'function "call" not defined',
    '{{ regexMatch "(a+)+$" .big }}': 'function "regexMatch" not defined',
    '{{ repeat 99999999 "x" }}': 'function "repeat" not defined',
    '{{ define "a" }}{{ template "a" }}{{ end }}{{ template "a" }}': "define and block are not allowed here",
    '{{ template "a" }}': "template is not allowed here",
    "{{ .vars.stage }}": ".vars.stage has no value",
    "{{ .settings.pro.missing }}": ".settings.pro.missing has no value",
    '{{ printf "%1000000d" 1 }}': "a width or precision of 1000000 is not allowed: at most 256",
    '{{ printf "%*d" 1000000 1 }}': "a width or precision of * is not allowed",
    '{{ printf "%.999999f" 1.5 }}': "a width or precision of 999999 is not allowed",
    "{{ range 1000000000 }}{{ end }}": "more than 10000 steps",
    "{{ range 99 }}{{ range 99 }}{{ range 99 }}{{ end }}{{ end }}{{ end }}": "more than 10000 steps",
    "{{ range .many }}{{ . }}{{ end }}": "more than 10000 steps",
    "{{ range .map }}{{ . }}{{ end }}": "more than 10000 steps",
    "{{ .big }}{{ .big }}": "the output is longer than 65536 characters",
    "{{ print .map }}": "is longer than 65536",
    '{{ replace "" .big .big }}': "is longer than 65536",
    '{{ replace "x" .big .big }}': "is longer than 65536",
    "{{ join .big .many }}": "is longer than 65536",
    '{{ printf "%[1]s%[1]s%[1]s%[1]s" .big }}': "is longer than 65536",
    '{{ $x := "aaaaaaaaaaaaaaaa" }}' + "{{ $x = print $x $x }}" * 40: "is longer than 65536",
    "{{ range 900 }}{{ $x := upper $.big }}{{ end }}": "more than 10000 steps",
    "{{ " + "(" * 40 + "1" + ")" * 40 + " }}": "more than 16 levels of blocks and parentheses",
    "{{ if 1 }}" * 20 + "{{ end }}" * 20: "more than 16 levels of blocks and parentheses",
    "{{ " + "(" * 3000 + " }}": "",
    "x" * 9000: "longer than 4096 characters",
    "{{ 1 }}" * 580: "",
    "{{ .big.x }}": "can't evaluate field x",
    "{{ .settings.pro.regions.Reverse }}": "can't evaluate field Reverse",
    "{{ .atmos_stack.__class__ }}": "can't evaluate field __class__",
}


@pytest.mark.parametrize("text", OUTPUTS)
def test_a_harmless_template_is_rendered(text):
    assert render_closed(text, DATA) == OUTPUTS[text]


@pytest.mark.parametrize("text", [text for text, reason in REFUSED.items() if reason], ids=lambda text: text[:40])
def test_a_bomb_is_refused_with_its_reason(text):
    with pytest.raises(TemplateError) as caught:
        render_closed(text, DATA)
    assert REFUSED[text] in caught.value.message


@pytest.mark.parametrize("text", REFUSED, ids=lambda text: text[:40])
def test_a_bomb_costs_little(text):
    calls = 0

    def count(*_):
        nonlocal calls
        calls += 1

    start = time.process_time()
    tracemalloc.start()
    sys.setprofile(count)
    try:
        with contextlib.suppress(TemplateError):
            render_closed(text, DATA)
    finally:
        sys.setprofile(None)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert calls < 400_000  # 10 ms of work on a quiet machine
    assert most < 2_000_000  # bytes
    assert time.process_time() - start < 10  # a call into C that takes for ever is one call; 0.3 s on a quiet machine


@pytest.mark.parametrize("name", sorted(ALLOWED))
def test_every_allowed_function_exists(name):
    assert render_closed(f"{{{{ if false }}}}{{{{ {name} }}}}{{{{ end }}}}", {}) == ""


def test_limits_are_the_callers_to_set():
    assert render_closed("{{ range 5 }}x{{ end }}", {}, max_steps=20) == "xxxxx"
    with pytest.raises(TemplateError, match="more than 4 steps"):
        render_closed("{{ range 5 }}x{{ end }}", {}, max_steps=4)
    with pytest.raises(TemplateError, match="longer than 3 characters"):
        render_closed("abcd", {}, max_output=3)
