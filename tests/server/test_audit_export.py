"""The audit log outside the database: exported line by line, verified without it, and cut only once it is exported."""

import json
from dataclasses import replace

import pytest
from commands import facts, refused
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from test_audit import chain, db, written  # noqa: F401 - db is a fixture of its tests

from sonde.server.audit import store
from sonde.server.audit.decide import CUT, LineError, follow, inspect, line, row_of, seal
from sonde.server.audit.model import Broken, Ends, Mark, Sound

DAY = 86_400_000


def test_a_row_is_the_same_after_it_was_a_line():
    for row in chain(3)[0]:
        assert row_of(line(row)) == row
        assert "\n" not in line(replace(row, description="two\nlines\u2028and more"))


@pytest.mark.parametrize(
    "broken",
    ["", "{}", "[]", "1", "{", '{"id": 1}', '{"number": true}'],
)
def test_a_line_that_is_no_row_is_refused(broken):
    with pytest.raises(LineError):
        row_of(broken)
    whole = json.loads(line(chain(1)[0][0]))
    for name, value in whole.items():
        for other in ({**whole, name: [value]}, {key: one for key, one in whole.items() if key != name}):
            with pytest.raises(LineError):
                row_of(json.dumps(other))


def told(rows, mark):
    """The chain with a row at its end that tells of a cut."""
    last = rows[-1]
    metadata = json.dumps({"number": mark.number, "seal": mark.seal})
    row = replace(last, id="cut", number=last.number + 1, action=CUT, metadata=metadata, previous=last.seal)
    return [*rows, replace(row, seal=seal(row))]


@given(st.integers(1, 4), st.booleans())
def test_what_is_left_after_a_cut_is_sound_only_where_the_chain_tells_of_it(at, said):
    rows, _ = chain(5)
    mark = Mark(rows[at - 1].number, rows[at - 1].seal)
    left = (told(rows, mark) if said else rows)[at:]
    answer = inspect(left, Ends(Mark(left[-1].number, left[-1].seal), mark))
    assert isinstance(answer, Sound if said else Broken)
    if said:
        assert (answer.begin, answer.end.number) == (mark, 6)
        assert follow(rows[:at], Mark()) == Sound(Mark(), mark)
    else:
        assert "no row tells of a cut" in answer.because


def test_a_mark_from_before_the_cut_is_looked_for_in_the_export_and_one_at_the_cut_is_compared():
    rows, _ = chain(5)
    mark = Mark(3, rows[2].seal)
    left = told(rows, mark)[3:]
    ends = Ends(Mark(6, left[-1].seal), mark)
    assert isinstance(inspect(left, ends, mark), Sound)
    assert "not the expected one" in inspect(left, ends, Mark(3, "0" * 64)).because
    assert "exported and cut" in inspect(left, ends, Mark(2, rows[1].seal)).because
    assert isinstance(follow(rows[:3], Mark(), Mark(2, rows[1].seal)), Sound)


# --- the commands, on both databases


@pytest.fixture
def export(admin, tmp_path):
    """Export the log of ws_1 into a file; its path."""

    def run(name, *options):
        code, out, err = admin("audit", "export", "--workspace", "ws_1", *options)
        assert code == 0, err
        path = tmp_path / name
        path.write_text(out)
        return path

    return run


def verified(admin, *files, **options):
    words = [word for path in files for word in ("--file", str(path))]
    words += [word for name, value in options.items() for word in (f"--{name}", value)]
    return facts(admin("audit", "verify", *words, "--json"))


def test_an_export_is_verified_without_a_database(admin, export, db, environment, monkeypatch):  # noqa: F811 - fixtures
    monkeypatch.setattr(store, "PAGE", 3)
    written(db, 10)
    whole = export("all.jsonl")
    inside = facts(admin("audit", "verify", "--workspace", "ws_1", "--json"))
    environment.setenv("SONDE_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/nothing")
    outside = verified(admin, whole)
    assert outside == inside == verified(admin, whole, expect=inside["head"])
    assert outside["rows"] == 10
    lines = whole.read_text().splitlines(keepends=True)
    for number in (1, 4, 10):
        whole.write_text("".join(lines).replace('{\\"n\\": ' + f"{number - 1}}}", '{\\"n\\": 99}'))
        refused(admin("audit", "verify", "--file", str(whole)), f"row {number} of the audit log", "changed")
    whole.write_text("".join(lines[:4] + lines[5:]))
    refused(admin("audit", "verify", "--file", str(whole)), "row 5", "not there")
    whole.write_text("".join(lines[:3]) + "half a li")
    refused(admin("audit", "verify", "--file", str(whole)), "all.jsonl:4 is no row")
    whole.write_text("")
    refused(admin("audit", "verify", "--file", str(whole)), "no row in it")
    refused(admin("audit", "verify", "--file", str(whole) + "x"), "cannot be read")


def test_a_log_that_was_exported_is_cut_twice_and_every_part_stays_verifiable(admin, export, db):  # noqa: F811 - fixtures
    written(db, 5)
    first = export("first.jsonl")
    assert facts(admin("audit", "cut", "--workspace", "ws_1", "--file", str(first), "--json"))["rows"] == 5
    written(db, 3)
    second = export("second.jsonl")
    assert facts(admin("audit", "cut", "--workspace", "ws_1", "--file", str(second), "--json"))["rows"] == 4
    written(db, 1)
    left = facts(admin("audit", "verify", "--workspace", "ws_1", "--json"))
    assert (left["rows"], left["begin"], left["head"].partition(":")[0]) == (2, verified(admin, second)["head"], "11")
    assert verified(admin, first, second)["rows"] == 9
    assert verified(admin, first, second, export("rest.jsonl"))["head"] == left["head"]
    refused(admin("audit", "verify", "--file", str(second), "--file", str(first)), "row 10")
    with db.read() as tx:
        assert [row.action for row in store.newest(tx, "ws_1", "", 50)] == ["token.created", CUT]


def test_only_what_is_old_enough_is_exported(admin, export, db):  # noqa: F811 - fixtures
    db.clock_offset = -10 * DAY
    written(db, 3)
    db.clock_offset = 0
    written(db, 2)
    old = export("old.jsonl", "--older-than", "5")
    assert verified(admin, old)["rows"] == 3
    assert export("none.jsonl", "--older-than", "50").read_text() == ""
    facts(admin("audit", "cut", "--workspace", "ws_1", "--file", str(old), "--json"))
    assert facts(admin("audit", "verify", "--workspace", "ws_1", "--json"))["rows"] == 3


def test_nothing_is_cut_that_the_export_does_not_hold(admin, export, db, tmp_path):  # noqa: F811 - fixtures
    written(db, 5)
    written(db, 5, "ws_2")
    whole = export("all.jsonl")
    lines = whole.read_text().splitlines(keepends=True)
    for name, content, words in (
        ("a gap", lines[:2] + lines[3:], "row 3"),
        ("its beginning", lines[2:], "what is between would be lost"),
        ("edited", [lines[0].replace("root", "mallory"), *lines[1:]], "row 1"),
    ):
        path = tmp_path / name
        path.write_text("".join(content))
        refused(admin("audit", "cut", "--workspace", "ws_1", "--file", str(path)), words)
    refused(admin("audit", "cut", "--workspace", "ws_2", "--file", str(whole)), "row 5 of the log is not the one")
    refused(admin("audit", "cut", "--workspace", "ws_3", "--file", str(whole)), "there is no workspace ws_3")
    for workspace in ("ws_1", "ws_2"):
        assert facts(admin("audit", "verify", "--workspace", workspace, "--json"))["rows"] == 5
    facts(admin("audit", "cut", "--workspace", "ws_1", "--file", str(whole), "--json"))
    refused(admin("audit", "cut", "--workspace", "ws_1", "--file", str(whole)), "would be lost")
    assert facts(admin("audit", "verify", "--workspace", "ws_2", "--json"))["rows"] == 5


def test_the_database_lets_only_rows_before_a_cut_go(db):  # noqa: F811 - a fixture
    written(db, 4)

    def deleted(number):
        with db.write("admin.change") as tx:
            tx.run(text("UPDATE audit_heads SET cut_number = 2"))
            tx.run(text(f"DELETE FROM audit_log WHERE number = {number}"))

    for number in (3, 4):
        with pytest.raises(DBAPIError, match="append-only"):
            deleted(number)
    deleted(2)
    with db.read() as tx:
        assert [row.number for row in store.chain(tx, "ws_1", 4)] == [1, 3, 4]


def test_who_cuts_by_hand_and_hides_it_is_found(admin, db):  # noqa: F811 - fixtures
    written(db, 4)
    with db.write("admin.change") as tx:
        tx.run(text("UPDATE audit_heads SET cut_number = 2, cut_seal = (SELECT seal FROM audit_log WHERE number = 2)"))
        tx.run(text("DELETE FROM audit_log WHERE number <= 2"))
    refused(admin("audit", "verify", "--workspace", "ws_1"), "row 2", "no row tells of a cut")


def test_an_export_has_its_name_only_when_it_is_whole_and_replaces_none(admin, db, tmp_path, monkeypatch):  # noqa: F811 - fixtures
    written(db, 3)
    path = tmp_path / "log.jsonl"
    words = ("audit", "export", "--workspace", "ws_1", "--file", str(path))
    with monkeypatch.context() as patch:
        patch.setattr(store, "chain", lambda *_: iter([chain(2)[0][1]]))
        refused(admin(*words), "row 1")
    assert not path.exists()
    assert admin(*words)[:2] == (0, "")
    assert verified(admin, path)["rows"] == 3
    refused(admin(*words), "is there already")
    refused(admin(*words[:-1], str(tmp_path / "no" / "folder")), "cannot be written")
