"""GitHub's expression language: the tables of its documentation, and what its runner is known to do."""

import contextlib
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sonde.sandbox.runner.expressions import condition, evaluate, interpolate, names_in, resolve
from sonde.sandbox.runner.functions import Status
from sonde.sandbox.runner.model import ExpressionError

CONTEXTS = {
    "github": {
        "event_name": "pull_request",
        "ref": "refs/pull/7/merge",
        "event": {
            "action": "closed",
            "number": 7,
            "pull_request": {"merged": True, "labels": [{"name": "Deploy"}, {"name": "no-apply"}, {"id": 3}]},
        },
    },
    "env": {"STAGE": "dev"},
    "vars": {},
    "inputs": {"sha": "", "count": 3.0, "dry": False},
    "steps": {"a": {"outputs": {"x-y": "1"}, "outcome": "success"}},
    "matrix": {"stack": "prod"},
}


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("true", True),
        ("null", None),
        ("'it''s'", "it's"),
        ("711", 711),
        ("-9.2", -9.2),
        ("0xff", 255),
        ("0o17", 15),
        ("-2.99e-2", -0.0299),
        ("github.event_name", "pull_request"),
        ("GITHUB.Event_Name", "pull_request"),
        ("github['event_name']", "pull_request"),
        ("github.event.nothing.at.all", None),
        ("steps.a.outputs.x-y", "1"),
        ("github.event.pull_request.labels[1].name", "no-apply"),
        ("github.event.pull_request.labels[9].name", None),
        ("join(github.event.pull_request.labels.*.name)", "Deploy,no-apply"),
        ("contains(github.event.pull_request.labels.*.name, 'deploy')", True),
        ("contains('Hello world', 'LLO')", True),
        ("contains(fromJSON('[\"push\", 3]'), '3')", True),
        ("contains(github.event, 'closed')", False),
        ("startsWith(github.ref, 'REFS/pull/')", True),
        ("endsWith('abc', 'BC')", True),
        ("format('{0} {{x}} {1}', 'a', 2)", "a {x} 2"),
        ("join(fromJSON('[1, true, null]'), '+')", "1+true+"),
        ("toJSON(fromJSON('{\"a\": [1.0, 2.5]}'))", '{\n  "a": [\n    1,\n    2.5\n  ]\n}'),
        ("fromJSON('[]')[0]", None),
        ("toJSON(inputs.count)", "3"),
    ],
)
def test_an_expression_has_this_value(expression, value):
    assert evaluate(expression, CONTEXTS) == value


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("'A' == 'a'", True),
        ("'a' != 'A'", False),
        ("1 == '1'", True),
        ("null == 0", True),
        ("null == ''", True),
        ("true == 1", True),
        ("true == 'true'", False),  # 'true' is no number
        ("false == ''", True),
        ("'abc' == 0", False),
        ("'b' > 'A'", True),
        ("'10' > 9", True),
        ("'x' < 1", False),
        ("'x' >= 1", False),
        ("2 <= 2", True),
        ("true > false", True),
        ("github.event == github.event", True),
        ("fromJSON('[]') == fromJSON('[]')", False),
        ("fromJSON('[]') == 0", False),
        ("!inputs.sha", True),
        ("!fromJSON('{}')", False),
    ],
)
def test_comparing_is_loose_and_ignores_case(expression, value):
    assert evaluate(expression, CONTEXTS) is value


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("inputs.sha || github.ref", "refs/pull/7/merge"),
        ("'a' && 'b'", "b"),
        ("'' && 'b'", ""),
        ("0 || null", None),
        ("matrix.stack == 'prod' && 'yes' || 'no'", "yes"),
        ("true || false && false", True),
        ("(true || false) && false", False),
        ("1 < 2 == true", True),
        ("!true == false", True),
    ],
)
def test_and_and_or_answer_an_operand_by_the_documented_precedence(expression, value):
    assert evaluate(expression, CONTEXTS) == value


def test_a_number_that_is_none_is_false():
    assert math.isnan(evaluate("NaN", {}))
    assert evaluate("NaN || 'other'", {}) == "other"


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("plain", "plain"),
        ("pr-${{ github.event.number }}!", "pr-7!"),
        ("${{ inputs.count }}/${{ github.event.pull_request.merged }}/${{ null }}", "3/true/"),
        ("${{ '}}' }}", "}}"),
        ("${{ github.event }} ${{ github.event.pull_request.labels }}", "Object Array"),
        ("${{ 1234567.5 }} ${{ 1e20 }}", "1234567.5 1E+20"),
        ("$${{ 'x' }}", "$x"),
    ],
)
def test_a_text_is_interpolated(text, written):
    assert interpolate(text, CONTEXTS) == written


def test_a_whole_expression_keeps_its_type_in_yaml_values():
    assert resolve({"a": ["${{ inputs.dry }}", "${{ inputs.dry }}."]}, CONTEXTS) == {"a": [False, "false."]}


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("gitlab.ref", "Unrecognized named-value: 'gitlab'"),
        ("shout('x')", "Unrecognized function: 'shout'"),
        ("hashFiles('**/go.sum')", "does not do hashFiles"),
        ("contains('x')", "contains() got 1 arguments"),
        ("a b", "Unrecognized named-value: 'a'"),
        ("1 2", "Unexpected symbol: '2'"),
        ("(1", "expected ')'"),
        ('"x"', "Unexpected symbol: '\"x\"'"),
        ("1 +", "Unexpected symbol: '+'"),
        ("", "An expression was expected"),
        ("fromJSON('{')", "fromJSON() cannot read"),
        ("format('{1}', 'a')", "format() cannot fill '{1}'"),
        ("secrets.X", "'secrets' is not available here"),
        ("success()", "available in `if` only"),
    ],
)
def test_a_wrong_expression_is_an_error_that_says_what(expression, message):
    with pytest.raises(ExpressionError) as raised:
        evaluate(expression, CONTEXTS)
    assert message in str(raised.value)


def test_an_unclosed_expression_is_an_error():
    with pytest.raises(ExpressionError, match="not closed"):
        interpolate("a ${{ github.ref }", CONTEXTS)


OK, FAILED, CANCELLED = Status(), Status(failed=True), Status(failed=True, cancelled=True)


@pytest.mark.parametrize(
    ("text", "on_success", "on_failure", "on_cancel"),
    [
        ("", True, False, False),
        ("true", True, False, False),
        ("${{ github.event.action != 'closed' || github.event.pull_request.merged }}", True, False, False),
        ("github.event.action == 'opened'", False, False, False),
        ("always()", True, True, True),
        ("failure()", False, True, False),
        ("!cancelled()", True, True, False),
        ("cancelled() || failure()", False, True, True),
        ("Success() && env.STAGE == 'dev'", True, False, False),
    ],
)
def test_an_if_means_success_unless_it_asks_for_the_status(text, on_success, on_failure, on_cancel):
    assert [condition(text, CONTEXTS, status) for status in (OK, FAILED, CANCELLED)] == [
        on_success,
        on_failure,
        on_cancel,
    ]


def test_an_if_that_mixes_an_expression_with_text_is_refused_because_github_takes_it_for_true():
    with pytest.raises(ExpressionError, match="takes for true"):
        condition("${{ github.ref }} == 'x'", CONTEXTS, OK)


def test_the_names_of_a_text_are_known_before_it_is_evaluated():
    assert names_in("${{ env.A }} ${{ steps[matrix.stack] }}") == ({"env", "steps", "matrix"}, set())
    assert names_in("failure() && inputs.x", is_condition=True) == ({"inputs"}, {"failure"})


def test_an_expression_nested_too_deep_or_too_long_is_an_error():
    for expression in ("(" * 5000 + "1" + ")" * 5000, "!" * 5000 + "1", "1" + " || 1" * 3000):
        with pytest.raises(ExpressionError, match="Exceeded max expression depth"):
            evaluate(expression, {})
    with pytest.raises(ExpressionError, match="Exceeded max expression length"):
        evaluate("1 " * 20_000, {})


PIECES = [
    "github",
    "steps",
    "x",
    ".",
    "*",
    "[",
    "]",
    "(",
    ")",
    "'",
    "1",
    "-",
    "0x",
    "!",
    "==",
    "&&",
    "||",
    "<",
    ",",
    " ",
]
PIECES += ["contains", "format", "fromJSON", "null", "{0}", "\x00", "é", "${{", "}}"]


@given(st.lists(st.sampled_from(PIECES), max_size=12).map("".join))
def test_any_text_either_has_a_value_or_is_an_expression_error(text):
    for verb in (evaluate, interpolate):
        with contextlib.suppress(ExpressionError):
            verb(text, CONTEXTS)


JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(JSON)
def test_a_value_survives_being_written_and_read(value):
    contexts = {"inputs": {"v": value}}
    written = evaluate("toJSON(inputs.v)", contexts)
    assert evaluate("fromJSON(toJSON(inputs.v))", contexts) == value or "Infinity" in written


@given(JSON, JSON)
def test_equality_is_symmetric_and_the_opposite_of_difference(left, right):
    contexts = {"inputs": {"a": left, "b": right}}
    equal = evaluate("inputs.a == inputs.b", contexts)
    assert equal is evaluate("inputs.b == inputs.a", contexts)
    assert equal is not evaluate("inputs.a != inputs.b", contexts)
