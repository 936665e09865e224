"""A kept answer is the answer: the same bytes, warnings and exit code, whatever was done to the tree in between."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cache_project import ATMOS, Project
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sonde.stacks.cache import entries, facts, watching

CALLS = (
    ("describe", "stacks"),
    ("describe", "stacks", "--format", "json", "-s", "dev"),
    ("describe", "component", "app", "-s", "prod"),
    ("describe", "dependents", "app", "-s", "dev"),
    ("list", "stacks"),
    ("list", "instances", "--format", "csv"),
    ("list", "components"),
)
# What may happen to a file; the same size on purpose, so that only times and content differ.
CONTENTS = ("vars: {one: 1}\n", "vars: {one: 2}\n", "vars: {two: 3}\n", "a: 1\n", "a: 2\n", ATMOS, "vars: [\n")
PLACES = (
    *("stacks/catalog/one.yaml", "stacks/catalog/two.yaml", "stacks/mixins/late.yaml", "stacks/deploy/data.yaml"),
    *(
        "data.yaml",
        "extra.yaml",
        "flag",
        "note",
        "atmos.yaml",
        ".atmos.d/more.yaml",
        "components/terraform/app/main.tf",
    ),
    "stacks/deploy/prod.yaml",
)
EDITS = st.one_of(
    st.tuples(st.just("write"), st.sampled_from(PLACES), st.sampled_from(CONTENTS)),
    st.tuples(st.just("delete"), st.sampled_from(PLACES), st.just("")),
    st.tuples(st.just("rename"), st.sampled_from(PLACES), st.sampled_from(PLACES)),
    st.tuples(st.just("link"), st.sampled_from(PLACES), st.sampled_from(PLACES)),
    st.tuples(st.just("touch"), st.sampled_from(PLACES), st.just("")),
    st.tuples(
        st.just("env"), st.sampled_from(["REGION", "TIER", "OTHER", "ATMOS_STACKS_BASE_PATH"]), st.sampled_from("xy")
    ),
    st.tuples(st.just("unset"), st.sampled_from(["REGION", "TIER", "ATMOS_STACKS_BASE_PATH"]), st.just("")),
    st.tuples(st.just("nothing"), st.just(""), st.just("")),
)


@pytest.fixture
def project(tmp_path):
    return Project(tmp_path)


# A file counts as settled soon, so that its stat is believed too; longer than a tick of any kernel's clock.
@given(steps=st.lists(st.tuples(EDITS, st.sampled_from(CALLS)), min_size=3, max_size=5))
@settings(
    max_examples=int(os.environ.get("SONDE_TEST_EXAMPLES", "2")),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_a_kept_answer_is_the_answer_after_any_edit(tmp_path_factory, steps):
    project = Project(tmp_path_factory.mktemp("tree"))
    for call in {call for _, call in steps}:
        project.run(*call, settled=0.05)
    for edit, call in steps:
        project.edit(edit)
        for _ in range(2):
            kept = project.run(*call, settled=0.05)
            assert kept[:3] == project.run(*call, SONDE_CACHE="off")[:3], (edit, call, kept[3])


@pytest.mark.parametrize("call", CALLS, ids=" ".join)
def test_the_second_run_of_an_unchanged_tree_is_answered_from_disk(project, call):
    first, second = project.run(*call), project.run(*call)
    assert (first[0], first[3], second[3]) == (0, False, True)
    assert second[:3] == first[:3]
    assert first[1]


@pytest.mark.parametrize(
    "edit",
    [
        ("write", "stacks/catalog/one.yaml", "vars: {one: 2}\n"),
        ("write", "stacks/catalog/two.yaml", "vars: {two: 2}\n"),
        ("write", "stacks/mixins/late.yaml", "vars: {late: 2}\n"),
        ("delete", "stacks/catalog/one.yaml", ""),
        ("rename", "stacks/catalog/one.yaml", "stacks/catalog/two.yaml"),
        ("write", "atmos.yaml", ATMOS.replace("Warning", "Error")),
        ("write", "extra.yaml", "settings: {}\n"),
        ("write", ".atmos.d/more.yaml", "settings: {}\n"),
        ("write", "flag", ""),
        ("write", "note", "hello"),
        ("env", "REGION", "x"),
        ("env", "TIER", "x"),
    ],
    ids=lambda edit: "-".join(edit[:2]),
)
def test_a_change_of_what_the_answer_was_made_from_is_seen(project, edit):
    project.run("describe", "stacks")
    project.edit(edit)
    assert not project.run("describe", "stacks")[3]


@pytest.mark.parametrize("edit", [("touch", "atmos.yaml", ""), ("env", "OTHER", "x"), ("write", "README.md", "x")])
def test_a_change_of_something_else_is_none(project, edit):
    project.run("describe", "stacks")
    project.edit(edit)
    assert project.run("describe", "stacks")[3]


@pytest.mark.parametrize(
    "value",
    [
        "!exec echo hello",
        "'{{ now }}'",
        "'{{ randAlpha 8 }}'",
        "'{{ uuidv4 }}'",
    ],
)
def test_what_cannot_be_checked_again_is_not_kept(project, value):
    project.write("stacks/catalog/one.yaml", f"vars: {{ one: {value} }}\n")
    code, out, _, _ = project.run("describe", "stacks")
    assert (code, b"one:" in out) == (0, True)
    assert not project.kept()


def test_a_configuration_made_by_chance_is_not_kept(project):
    project.write("extra.yaml", "env: {LUCK: !random 1 100000}\n")
    assert project.run("describe", "stacks")[0] == 0
    assert not project.kept()


def test_a_device_has_no_content_that_could_be_checked():
    with watching.watch() as watch, Path("/dev/null").open("rb"):
        pass
    assert watch.facts({}) is None


def test_an_error_is_not_kept(project):
    project.write("stacks/catalog/one.yaml", "vars: [\n")
    assert project.run("describe", "stacks")[0] == 1
    assert not project.kept()


def test_an_answer_written_to_a_file_is_written_again(project):
    for _ in range(2):
        project.run("describe", "stacks", "--file", "out.yaml")
        (project.root / "tree" / "out.yaml").unlink()


@pytest.mark.parametrize("suffix", ["call", "out"])
@pytest.mark.parametrize(
    "damage",
    [lambda data: b"", lambda data: data[:-1], lambda data: data[:40] + b"~" + data[41:], lambda data: data + b" "],
    ids=["empty", "cut", "changed", "longer"],
)
def test_a_damaged_entry_is_ignored_and_rewritten(project, suffix, damage):
    first = project.run("describe", "stacks")
    [path] = project.place.glob(f"*.{suffix}")
    path.write_bytes(damage(path.read_bytes()))
    assert project.run("describe", "stacks") == first
    assert project.run("describe", "stacks")[3]


def test_entries_are_for_their_owner_only(project):
    project.run("describe", "stacks")
    assert {path.stat().st_mode & 0o777 for path in project.kept()} == {0o600}
    assert project.place.stat().st_mode & 0o777 == 0o700


def test_no_variable_is_kept_in_clear(project):
    project.run("list", "stacks", ATMOS_PRO_TOKEN="c0ffee-c0ffee")
    assert project.kept()
    assert not any(b"c0ffee" in path.read_bytes() for path in project.kept())


@pytest.mark.parametrize("value", ["off", "OFF", "0", "false"])
def test_the_switch_keeps_and_answers_nothing(project, value):
    project.run("describe", "stacks", SONDE_CACHE=value)
    assert not project.kept()
    project.run("describe", "stacks")
    assert not project.run("describe", "stacks", SONDE_CACHE=value)[3]


def test_a_folder_that_cannot_be_made_is_no_error(project):
    project.cache.write_text("a file")
    first = project.run("describe", "stacks")
    assert (first[0], first[2]) == (0, b"")
    assert project.run("describe", "stacks") == first


def test_two_processes_at_once_leave_one_whole_entry(project):
    expected = project.run("describe", "stacks", SONDE_CACHE="off")[1]
    with ThreadPoolExecutor(6) as pool:
        told = list(pool.map(lambda _: project.run("describe", "stacks")[:3], range(6)))
    assert {(code, stdout) for code, stdout, _ in told} == {(0, expected)}
    assert sorted(path.suffix for path in project.kept()) == [".call", ".out"]
    assert project.run("describe", "stacks")[3]


def test_the_folder_is_bounded_and_the_least_recently_used_goes_first(tmp_path):
    place = str(tmp_path / "v1")
    records = [{"call": str(number), "facts": {}, "parts": []} for number in range(10)]
    for number, record in enumerate(records):
        entries.save(place, record, [bytes([number]) * 1000], bound=8000)
        for path in Path(place).iterdir():
            os.utime(path, (path.stat().st_mtime - 60,) * 2)
        entries.used(place, records[0])
    assert sum(path.stat().st_size for path in Path(place).iterdir()) <= 8000
    there = [number for number, record in enumerate(records) if entries.load(place, record["call"])]
    assert 0 in there
    assert 9 in there
    assert 1 not in there


def test_an_answer_too_big_for_the_folder_is_not_kept(tmp_path):
    entries.save(str(tmp_path), {"call": "x", "facts": {}, "parts": []}, [b"x" * 600], bound=1000)
    assert not list(tmp_path.iterdir())


def test_a_file_changed_within_a_tick_of_its_clock_is_seen_by_its_content(tmp_path):
    path = tmp_path / "file"
    path.write_text("one")
    known = facts.observed(str(path))
    assert not known[2]
    times = path.stat().st_mtime_ns
    path.write_text("two")
    os.utime(path, ns=(times, times))
    assert not facts.unchanged(str(path), known)


def test_a_run_that_is_not_watched_sees_the_plain_environment():
    assert watching.environment({"A": "1"}) == {"A": "1"}
    assert watching.unrepeatable("chance", 4) == 4
