"""The seals of a chain, and whether it is whole. Pure."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, fields
from typing import Any

from sonde.server.audit.model import Broken, Ends, Mark, Row, Sound

CUT = "audit.cut"  # the action that says in the chain itself where it was cut
COLUMNS = {field.name: field.type for field in fields(Row)}


class LineError(ValueError):
    """A line of an export that is no row; the text says why."""


def seal(row: Row) -> str:
    """SHA-256 over everything in the row but the seal itself, the seal of the row before included."""
    facts = {name: value for name, value in asdict(row).items() if name != "seal"}
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def line(row: Row) -> str:
    """A row as one line of an export: a JSON object of exactly what is sealed, and the seal."""
    return json.dumps(asdict(row), sort_keys=True)


def row_of(text: str) -> Row:
    """The row of a line. Raises LineError for one that is no row: whether it is genuine is for `follow` to say."""
    try:
        found: Any = json.loads(text)
    except ValueError as error:
        raise LineError("it is no JSON") from error
    if not isinstance(found, dict) or found.keys() != COLUMNS.keys():
        raise LineError(f"it is no object of {', '.join(COLUMNS)}")
    for name, kind in COLUMNS.items():
        if type(found[name]) is not kind:
            raise LineError(f"its {name} is of the wrong type")
    return Row(**found)


def follow(rows: Iterable[Row], begin: Mark, expected: Mark | None = None) -> Sound | Broken:
    """Whether the rows, in the order of their numbers, go on behind `begin` as they were written.

    `expected` is a mark that somebody wrote down earlier: it finds a chain that was written anew as a whole.
    """
    last = begin
    if expected and expected.number < begin.number:
        return Broken(expected.number, "it was exported and cut: verify the export that holds it, with --file")
    if expected and expected.number == begin.number and expected != begin:
        return Broken(begin.number, "its seal is not the expected one: what was cut is not what was written")
    for row in rows:
        if problem := _problem(row, begin, last, expected):
            return problem
        last = Mark(row.number, row.seal)
    if expected and expected.number > last.number:
        return Broken(last.number + 1, "it is not there: somebody deleted it")
    return Sound(begin, last)


def inspect(rows: Iterable[Row], ends: Ends, expected: Mark | None = None) -> Sound | Broken:
    """Whether a chain is the one that was written, from where it was cut to its head.

    A cut is believed only where a row of the chain tells of it; that row is newer than what was cut, and so still there.
    """
    told: list[Mark] = []
    answer = follow(_listening(rows, told), ends.cut, expected)
    if isinstance(answer, Broken):
        return answer
    if ends.head.number > answer.end.number:
        return Broken(answer.end.number + 1, "it is not there: somebody deleted it")
    if answer.end != ends.head:
        return Broken(answer.end.number, "its seal is not the one that is kept beside the chain")
    if ends.cut.number and ends.cut not in told:
        return Broken(ends.cut.number, "it is not there, and no row tells of a cut: somebody deleted it")
    return answer


def _listening(rows: Iterable[Row], told: list[Mark]) -> Iterable[Row]:
    for row in rows:
        if row.action == CUT:
            told.append(_cut(row))
        yield row


def _cut(row: Row) -> Mark:
    """The mark that a row of a cut names; none where its text is not ours, which its seal will show."""
    try:
        facts: Any = json.loads(row.metadata)
        return Mark(facts["number"], facts["seal"])
    except (ValueError, TypeError, KeyError):
        return Mark()


def _problem(row: Row, begin: Mark, last: Mark, expected: Mark | None) -> Broken | None:
    if row.number != last.number + 1:
        return Broken(last.number + 1, "it is not there: somebody deleted it")
    if row.seal != seal(row):
        return Broken(row.number, f"it was changed after it was written ({row.action}, {row.id})")
    if row.previous != last.seal:
        named = max(last.number, begin.number + 1)
        return Broken(named, "it was changed and sealed again: what follows was written for another one")
    if expected and row.number == expected.number and row.seal != expected.seal:
        return Broken(row.number, "its seal is not the expected one: the chain was written anew up to here")
    return None
