"""Any text: it parses and renders, or raises TemplateError, and nothing else."""

from hypothesis import given, settings
from hypothesis import strategies as st

from sonde.gotemplate import TemplateError, functions, parse
from sonde.gotemplate.closed import render_closed
from sonde.gotemplate.fmt import sprintf
from sonde.gotemplate.parser import parse_tree
from sonde.gotemplate.strconv import format_float, quote, unquote

TABLE = functions.all()
DATA = {"a": {"b": [1, "two", None, 2.5, {"c": True}]}, "s": "text é", "n": -3, "f": 1e21, "e": ""}
WORDS = st.sampled_from(
    [
        "{{",
        "}}",
        "{{-",
        "-}}",
        "if",
        "else",
        "end",
        "range",
        "with",
        "define",
        "template",
        "block",
        "break",
        "continue",
        ".",
        ".a",
        ".a.b",
        ".s",
        ".n",
        ".f",
        ".e",
        "$",
        "$x",
        ":=",
        "=",
        ",",
        "|",
        "(",
        ")",
        "nil",
        "true",
        '"q"',
        "`r`",
        "'c'",
        "0",
        "1",
        "-1",
        "1.5",
        "0x1F",
        "1e3",
        "2i",
        "eq",
        "and",
        "or",
        "not",
        "index",
        "len",
        "printf",
        "print",
        '"%v%d%5s%q"',
        "upper",
        "default",
        "list",
        "dict",
        "toJson",
        "keys",
        "first",
        "regexFind",
        "semver",
        "until",
        "add",
        "slice",
        "html",
        "call",
        "/*",
        "*/",
        "\n",
    ],
)
NAMES = st.sampled_from(
    sorted(set(TABLE) - {"until", "untilStep", "seq", "derivePassword", "repeat", "indent", "nindent"})
)
ARGUMENTS = st.sampled_from(
    [
        '"a"',
        '""',
        "1",
        "-1",
        "0",
        "2.5",
        "true",
        "nil",
        ".a",
        ".a.b",
        ".s",
        ".n",
        "(list 1 .s)",
        '(dict "a" 1)',
        ".nope",
    ]
)


def message(call):
    """What went wrong, as Go would begin it; the empty string if nothing did."""
    try:
        call()
    except TemplateError as error:
        return error.message
    return ""


def attempt(text):
    for mode in ("default", "error"):
        said = message(lambda mode=mode: parse(text, name="t", functions=TABLE).render(DATA, missingkey=mode))
        assert said == "" or said.startswith("template: t:")


@settings(max_examples=300, deadline=None)
@given(st.lists(WORDS, max_size=25))
def test_random_tokens_never_raise_anything_but_a_template_error(words):
    attempt(" ".join(words))


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=60))
def test_random_text_never_raises_anything_but_a_template_error(text):
    attempt(text)
    attempt("{{" + text + "}}")


@settings(max_examples=400, deadline=None)
@given(NAMES, st.lists(ARGUMENTS, max_size=4))
def test_random_calls_never_raise_anything_but_a_template_error(name, args):
    attempt(f"{{{{ {name} {' '.join(args)} }}}}")


@settings(max_examples=200, deadline=None)
@given(st.lists(WORDS, max_size=20))
def test_the_closed_evaluator_never_raises_anything_but_a_template_error(words):
    said = message(lambda: render_closed(" ".join(words), DATA))
    assert said == "" or said.startswith("template: input")


@settings(max_examples=300, deadline=None)
@given(st.lists(WORDS, max_size=15))
def test_a_tree_printed_and_parsed_again_is_the_same_tree(words):
    tree = parse_tree(" ".join(words), "t", "{{", "}}")
    if tree.failure is None and "template" not in words and "block" not in words:
        printed = str(tree.blocks["t"])
        again = parse_tree(printed, "t", "{{", "}}")
        assert again.failure is None
        assert str(again.blocks["t"]) == printed


@given(st.text())
def test_a_quoted_text_reads_back(text):
    assert unquote(quote(text)) == text


@given(st.floats(allow_nan=False, allow_infinity=False), st.sampled_from("gef"))
def test_a_float_printed_with_the_fewest_digits_reads_back(number, verb):
    assert float(format_float(number, verb)) == number


@settings(max_examples=300, deadline=None)
@given(
    st.text(alphabet="%+-# 0123456789.*[]vdsqxXTtfgebcUopO!a", max_size=12),
    st.lists(st.sampled_from([1, -5, "s", 2.5, None, True, [1], {"a": "b"}])),
)
def test_printf_never_fails(template, args):
    assert isinstance(sprintf(template, *args), str)
