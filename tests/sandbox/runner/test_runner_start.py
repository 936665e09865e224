"""Which events start a workflow, and what a dispatch's inputs become."""

import pytest

from sonde.sandbox.runner.globs import included
from sonde.sandbox.runner.model import InvalidInputs
from sonde.sandbox.runner.start import start_matches, validate_inputs
from sonde.sandbox.runner.workflow import parse

JOBS = "\njobs: {a: {runs-on: x, steps: [{run: 'true'}]}}"


@pytest.mark.parametrize(
    ("on", "event", "activity", "branch", "starts"),
    [
        ("pull_request", "pull_request", "opened", "main", True),
        ("pull_request", "pull_request", "synchronize", "main", True),
        ("pull_request", "pull_request", "reopened", "main", True),
        ("pull_request", "pull_request", "closed", "main", False),
        ("pull_request", "push", None, "main", False),
        ("{pull_request: {types: [closed, opened]}}", "pull_request", "closed", "main", True),
        ("{pull_request: {types: [closed, opened]}}", "pull_request", "synchronize", "main", False),
        ("{pull_request: {branches: [main]}}", "pull_request", "opened", "main", True),
        ("{pull_request: {branches: [main]}}", "pull_request", "opened", "release/1", False),
        ("{pull_request: {branches-ignore: ['release/**']}}", "pull_request", "opened", "release/1/x", False),
        ("{pull_request: {branches-ignore: ['release/**']}}", "pull_request", "opened", "main", True),
        ("[push, merge_group]", "merge_group", "checks_requested", "main", True),
        ("{release: {types: [published]}}", "release", "published", "main", True),
        ("{release: {types: [published]}}", "release", "released", "main", False),
        ("release", "release", "created", "main", True),
        ("workflow_dispatch", "workflow_dispatch", None, "main", True),
        ("push", "workflow_dispatch", None, "main", False),
        ("{push: {branches: ['**', '!wip']}}", "push", None, "wip", False),
    ],
)
def test_an_event_starts_a_workflow(on, event, activity, branch, starts):
    assert start_matches(parse(f"on: {on}{JOBS}"), event, activity, branch) is starts


@pytest.mark.parametrize(
    ("filters", "changed", "starts"),
    [
        ("paths-ignore: ['**.md', 'docs/**']", ["README.md", "docs/a.txt"], False),
        ("paths-ignore: ['**.md']", ["README.md", "main.tf"], True),
        ("paths: ['stacks/**', '!stacks/*.md']", ["stacks/a.md"], False),
        ("paths: ['stacks/**']", ["x", "stacks/a/b.yaml"], True),
    ],
)
def test_changed_paths_decide_where_the_workflow_filters_by_them(filters, changed, starts):
    workflow = parse(f"on: {{pull_request: {{{filters}}}}}{JOBS}")
    assert start_matches(workflow, "pull_request", "opened", "main", changed=changed) is starts


def test_filtering_by_paths_without_the_changed_paths_is_an_error_not_a_guess():
    workflow = parse(f"on: {{pull_request: {{paths: [a]}}}}{JOBS}")
    with pytest.raises(ValueError, match="changed files"):
        start_matches(workflow, "pull_request", "opened", "main")


@pytest.mark.parametrize(
    ("pattern", "name", "matches"),
    [
        ("feature/*", "feature/a", True),
        ("feature/*", "feature/a/b", False),
        ("feature/**", "feature/a/b", True),
        ("**", "all/of/it", True),
        ("*feature", "mona-feature", True),
        ("*feature", "Feature", False),
        ("v[12].[0-9]+.[0-9]+", "v1.10.1", True),
        ("v[12].[0-9]+.[0-9]+", "v3.1.1", False),
        ("*.jsx?", "page.js", True),
        ("*.jsx?", "page.jsx", True),
        ("**/README.md", "README.md", True),
        ("**/README.md", "a/b/README.md", True),
        ("docs/**/*.md", "docs/a/b.md", True),
        ("docs/**/*.md", "docs/a.md", True),
        ("a.b", "axb", False),
        (r"a\*", "a*", True),
        (r"a\*", "ab", False),
    ],
)
def test_a_filter_pattern_matches(pattern, name, matches):
    assert included(name, [pattern]) is matches


def test_the_last_matching_pattern_decides():
    patterns = ["releases/**", "!releases/**-alpha", "releases/0-alpha"]
    assert [included(f"releases/{name}", patterns) for name in ("1", "1-alpha", "0-alpha")] == [True, False, True]


INPUTS = """\
on:
  workflow_dispatch:
    inputs:
      stack: {required: true}
      sha: {type: string}
      dry: {type: boolean}
      wet: {type: boolean, default: true, required: true}
      level: {type: choice, options: [low, high], default: low}
      count: {type: number, default: 3}
"""


def test_inputs_get_their_defaults_and_types():
    assert validate_inputs(parse(INPUTS + JOBS), {"stack": "prod", "dry": "true"}) == {
        "stack": "prod",
        "sha": "",
        "dry": True,
        "wet": True,
        "level": "low",
        "count": 3.0,
    }


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"stack": "a", "x": "1", "y": "2"}, 'Unexpected inputs provided: ["x", "y"]'),
        ({}, "Required input 'stack' not provided"),
        ({"stack": "a", "level": "mid"}, "Provided value 'mid' for input 'level' not in the list of allowed values"),
        ({"stack": "a", "dry": ""}, "Provided value '' for input 'dry' not in the list of allowed values"),
    ],
)
def test_inputs_that_do_not_fit_are_refused_in_githubs_words(inputs, message):
    with pytest.raises(InvalidInputs) as raised:
        validate_inputs(parse(INPUTS + JOBS), inputs)
    assert str(raised.value) == message


def test_a_workflow_without_dispatch_cannot_be_dispatched():
    with pytest.raises(InvalidInputs, match="does not have 'workflow_dispatch' trigger"):
        validate_inputs(parse("on: push" + JOBS), {})
