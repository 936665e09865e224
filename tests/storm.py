"""What is long by its nature, as killing the server at each of its steps is: `make test` runs some of it, `make storm` the rest."""

import pytest


def stormy(cases, always):
    """The cases for `parametrize`: those of `always` in every run, the others marked for the storm."""
    cases = list(cases)
    assert set(always) <= set(cases), f"no such case: {set(always) - set(cases)}"
    words = [case if isinstance(case, tuple) else (case,) for case in cases]
    marks = [() if case in always else pytest.mark.storm for case in cases]
    return [pytest.param(*word, marks=mark) for word, mark in zip(words, marks, strict=True)]
