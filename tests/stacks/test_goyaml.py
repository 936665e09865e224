"""The loader reads what yaml.v3 reads, and says what yaml.v3 says."""

import contextlib
import json
import os
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from sonde.stacks.goyaml import Tagged, YamlError, exact, fast, load, load_mapping, needs_exact_scan
from sonde.stacks.goyaml.__main__ import answer
from sonde.stacks.goyaml.gotext import go_float, json_float

CORPUS = Path(os.environ.get("SONDE_CONFORMANCE_DIR") or Path(__file__).parents[3] / "../shared/conformance")


def value(text):
    return load(text, name="x.yaml").value


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("yes", "yes"),
        ("true", True),
        ("0777", 511),
        ("0o17", 15),
        ("0b-11", -3),
        ("08", 8.0),
        ("1_000", 1000),
        ("0x1F", 31),
        ("-0x8000000000000000", -(2**63)),
        ("18446744073709551615", 2**64 - 1),
        ("+18446744073709551615", 2.0**64),
        ("1e400", "1e400"),
        (".2_86", 0.286),
        ("._5", "._5"),
        ("12:30", "12:30"),
        ("2001-02-29", "2001-02-29"),
        ("2000-02-29", {}),
        ("2001-12-14 21:59:43.10", {}),
        ("2001-12-14T21:59:43", "2001-12-14T21:59:43"),
        ("~", None),
        ("!!float 3", 3.0),
        ("!!binary aGVsbG8=", "hello"),
        ("!env HOME", Tagged("!env", "HOME")),
        ("!literal 5", 5),
        ("!append [1]", Tagged("!append", [1])),
        ("!append x", "x"),
        ("{b:}", {"b:": None}),
        (r'''"it\'s"''', "it's"),
    ],
)
def test_a_scalar_means_what_yaml_v3_says(text, expected):
    found = value(f"a: {text}\n")["a"]
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\na: 2\n", 'yaml: unmarshal errors:\n  line 2: mapping key "a" already defined at line 1'),
        ("a: *x\n", "yaml: unknown anchor 'x' referenced"),
        ("a: &a [*a]\n", "yaml: anchor 'a' value contains itself"),
        ("a: 1\nb:\n\tc: 1\n", "yaml: line 3: found character that cannot start any token"),
        ("a: {{ .x }}\n", 'yaml: invalid map key: map[string]interface {}{".x":interface {}(nil)}'),
        ("%YAML 1.2\n---\na: 1\n", "yaml: found incompatible YAML document"),
        ('a: "\\/"\n', "yaml: found unknown escape character"),
        ("a: 1\n---\nb\na: x: y\n", "yaml: line 4: mapping values are not allowed in this context"),
        ("<<: 2001-01-01\n", "yaml: map merge requires map or sequence of maps as the value"),
        ("- 1\n", "yaml: unmarshal errors:\n  line 1: cannot unmarshal !!seq into map[string]interface {}"),
    ],
)
def test_an_error_has_the_words_and_the_line_of_yaml_v3(text, message):
    with pytest.raises(YamlError) as caught:
        load_mapping(text, name="x.yaml")
    assert caught.value.message == message
    assert caught.value.name == "x.yaml"


def test_a_syntax_error_beats_a_duplicate_key_before_it():
    with pytest.raises(YamlError, match="did not find expected node content"):
        load_mapping("a: 1\na: 2\nb: [,]\n", name="")


def test_a_merge_is_shallow_and_the_first_source_wins():
    text = "a: &a {x: 1, m: {p: 1}}\nb: &b {x: 2, y: 2}\nc: {<<: [*a, *b], m: {q: 1}}\n"
    assert value(text)["c"] == {"x": 1, "y": 2, "m": {"q": 1}}


def test_keys_become_strings_as_go_prints_them():
    text = "m: {1: a, true: b, null: c, 1e3: d, .inf: e, 2001-12-14: f, 0x10: g, 1e21: h}"
    assert list(value(text)["m"]) == [
        "1",
        "true",
        "<nil>",
        "1000",
        "+Inf",
        "2001-12-14 00:00:00 +0000 UTC",
        "16",
        "1e+21",
    ]


@pytest.mark.parametrize(
    ("number", "shown", "in_json"),
    [
        (1e3, "1000", "1000"),
        (1e6, "1e+06", "1000000"),
        (1e21, "1e+21", "1e+21"),
        (1.5e-5, "1.5e-05", "0.000015"),
        (1e-7, "1e-07", "1e-7"),
        (-0.0, "-0", "-0"),
        (2.0**64, "1.8446744073709552e+19", "18446744073709552000"),
    ],
)
def test_a_float_is_printed_as_go_prints_it(number, shown, in_json):
    assert (go_float(number), json_float(number)) == (shown, in_json)


def test_a_billion_laughs_are_refused():
    lines = ["a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 10)]
    with pytest.raises(YamlError, match="excessive aliasing"):
        value("\n".join(lines))


def test_only_the_first_document_is_read():
    assert value("a: 1\n---\nb: [\n") == {"a": 1}


def test_a_deep_nest_is_refused_with_an_error():
    with pytest.raises(YamlError, match="nested deeper"):
        value("[" * 5000)


def test_positions_count_from_one_and_follow_aliases_and_merges():
    loaded = load("base: &b\n  x: 1\nc:\n  <<: *b\n  list:\n    - one\n    - k: v\n", name="")
    assert loaded.position(("base", "x")) == (2, 6)
    assert loaded.position(("c", "x")) == (2, 6)
    assert loaded.position(("c", "list", 1, "k")) == (7, 10)
    assert loaded.key_position(("c", "list")) == (5, 3)
    assert loaded.position(("c", "nope")) is None


def test_delimited_keys_become_nested_mappings_unless_quoted():
    text = "vars.a.b: 1\nvars.a.c: 2\nvars:\n  x.y: 3\n  'q.r': 4\nmetadata.component: c\n"
    loaded = load(text, name="", key_delimiter=".")
    assert loaded.value == {"vars": {"a": {"b": 1, "c": 2}, "x": {"y": 3}, "q.r": 4}, "metadata": {"component": "c"}}
    assert loaded.position(("vars", "x", "y")) == (4, 8)


def test_a_delimited_key_that_says_a_thing_twice_is_a_duplicate():
    with pytest.raises(YamlError, match='"a" already defined'):
        load("vars.a: 1\nvars: {a: 2}\n", name="", key_delimiter=".")


YAMLISH = st.text(alphabet="ab1-:,[]{}&*!#|>'\"%@`<\\/?. \n\t~_", max_size=40)


@settings(max_examples=600, deadline=None)
@given(st.one_of(st.binary(max_size=60), YAMLISH, st.text(max_size=30)), st.sampled_from(["", "."]))
def test_random_input_raises_nothing_but_yaml_errors(data, delimiter):
    with contextlib.suppress(YamlError):
        load(data, name="x", key_delimiter=delimiter)


@settings(max_examples=800, deadline=None)
@given(YAMLISH)
def test_the_fast_road_gives_what_the_exact_one_gives(text):
    data = text.encode()
    assume(not needs_exact_scan(data))
    try:
        quick = fast.load(data)
    except Exception:  # noqa: BLE001 - whatever the fast road cannot do is the exact road's
        return
    try:
        slow = exact.load(data, "x", mapping=False)
    except YamlError as error:
        pytest.fail(f"{text!r}: fast gives {quick!r}, exact says {error}")
    assert repr(quick) == repr(slow)


def test_the_corpus_of_the_real_tool_agrees():
    file = CORPUS / "yaml/cases.jsonl"
    if not file.exists():
        pytest.skip(f"no corpus at {file}: set SONDE_CONFORMANCE_DIR")
    for line in file.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        got = answer(json.dumps({"yaml": row["yaml"]}))
        if "merged_json" in row:
            assert got.get("json") == row["merged_json"], row["id"]
        else:
            assert "error" in got, row["id"]
