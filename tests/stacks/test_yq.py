"""The part of yq that manifests use."""

import pytest

from sonde.stacks import hcl, yq
from sonde.stacks.errors import StacksError

DATA = {"a": {"b": [1, 2, {"c": "x"}]}, "s": "text", "n": 5, "empty": None, "list": [{"k": 1}, {"k": 2}], "port": "80"}
CASES = [
    (".a.b[0]", 1),
    (".a.b[-1].c", "x"),
    ('.["s"]', "text"),
    (".none", None),
    ('.none // "dflt"', "dflt"),
    ('.none // ["a", "b"]', ["a", "b"]),
    (".a.b | length", 3),
    ('.s + "-" + .s', "text-text"),
    (".n * 2 + 1", 11),
    (".n == 5 and .s != null", True),
    ("[.list[] | select(.k == 2)]", [{"k": 2}]),
    (".list | map(.k)", [1, 2]),
    ('{"x": .n}', {"x": 5}),
    (". | keys | length", 6),
    ('.s | test("^te")', True),
    (".a.b[0:2]", [1, 2]),
    (".port", 80),
    ('has("s")', True),
]


@pytest.mark.parametrize(("expression", "expected"), CASES, ids=[case[0] for case in CASES])
def test_an_expression_gives(expression, expected):
    assert yq.evaluate(DATA, expression) == expected


def test_a_bad_expression_is_an_error_that_quotes_it():
    with pytest.raises(StacksError, match=r"\.a \|\|"):
        yq.evaluate(DATA, ".a ||")


def test_hcl_literals_are_values_and_expressions_keep_their_text():
    block = hcl.parse('a = { x = [1, -2.5], "y" = true }\nb = var.x\nc = <<-EOT\n    one\n      two\n  EOT\n', "t.tf")
    assert block.attributes["a"].value == {"x": [1, -2.5], "y": True}
    assert (block.attributes["b"].is_literal, block.attributes["b"].text) == (False, "var.x")
    assert block.attributes["c"].value == "one\n  two\n"
