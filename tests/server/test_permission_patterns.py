"""The patterns in rows of permissions: what fits them, how long that takes, and what is none (`auth/patterns.py`)."""

import re
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sonde.server.auth.patterns import PatternError, check, exactly, fits

WORDS = [
    "a",
    "b",
    ".",
    "*",
    "+",
    "?",
    "(",
    ")",
    "|",
    "[ab]",
    "[^a]",
    "[a-b]",
    "^",
    "$",
    "\\.",
    "\\d",
    "\\w",
    "(?:",
    "-",
]


@given(st.lists(st.sampled_from(WORDS), min_size=1, max_size=8).map("".join), st.text("ab.1-", min_size=1, max_size=6))
def test_what_is_a_regular_expression_fits_what_python_says_it_fits(pattern, given_text):
    try:
        check(pattern)
    except PatternError:
        assert not fits(pattern, given_text)
        return
    if pattern == "*":
        assert fits(pattern, given_text)
    elif not set(pattern) & set("^$*+?()[]|\\"):
        assert fits(pattern, given_text) is (pattern == given_text)
    else:
        assert fits(pattern, given_text) is bool(re.compile(pattern).fullmatch(given_text)), pattern


@given(st.text(min_size=1, max_size=50))
def test_the_pattern_of_a_text_fits_it(one):
    assert fits(exactly(one), one)
    assert not fits(exactly(one), f"{one}x")


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a*)*b", "(a|a)*b", "(.*)(.*)(.*)(.*)(.*)b", "((((a*)*)*)*)*b"])
def test_no_branch_name_makes_a_pattern_slow(pattern):
    started = process_time()
    assert not fits(pattern, "a" * 250 + "c")
    assert process_time() - started < 30  # milliseconds, or for ever


def test_what_is_longer_than_any_name_of_github_fits_only_any():
    long = "a" * 1025
    assert (fits("*", long), fits("a+", long), fits("a+", long[1:]), fits(long, long)) == (True, False, True, True)


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "(",
        ")",
        "a)",
        "[",
        "[]",
        "a**",
        "+",
        "(?=a)",
        "(?i)a",
        "\\",
        "\\q",
        "\\1(a)",
        "[b-a]",
        "x" * 201,
        "a\nb",
        "(" * 30 + ")" * 30,
    ],
)
def test_what_is_no_pattern_is_refused_when_the_row_is_made(wrong):
    with pytest.raises(PatternError):
        check(wrong)
