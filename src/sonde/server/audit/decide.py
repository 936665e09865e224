"""The seals of a chain, and whether it is whole. Pure."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict

from sonde.server.audit.model import Broken, Row, Sound


def seal(row: Row) -> str:
    """SHA-256 over everything in the row but the seal itself, the seal of the row before included."""
    facts = {name: value for name, value in asdict(row).items() if name != "seal"}
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def inspect(rows: Iterable[Row], head: tuple[int, str], expected: tuple[int, str] | None = None) -> Sound | Broken:
    """Whether the rows, in the order of their numbers, are the chain that was written.

    `head` is the number and seal of the newest row as they are kept beside the chain; `expected` those that somebody wrote
    down earlier, which also finds a chain that was written anew as a whole.
    """
    last, sealed = 0, ""
    for row in rows:
        if problem := _problem(row, last, sealed, expected):
            return problem
        last, sealed = row.number, row.seal
    if max(head[0], expected[0] if expected else 0) > last:
        return Broken(last + 1, "it is not there: somebody deleted it")
    if (last, sealed) != head:
        return Broken(last, "its seal is not the one that is kept beside the chain")
    return Sound(last, sealed)


def _problem(row: Row, last: int, sealed: str, expected: tuple[int, str] | None) -> Broken | None:
    if row.number != last + 1:
        return Broken(last + 1, "it is not there: somebody deleted it")
    if row.seal != seal(row):
        return Broken(row.number, f"it was changed after it was written ({row.action}, {row.id})")
    if row.previous != sealed:
        return Broken(max(last, 1), "it was changed and sealed again: what follows was written for another one")
    if expected and row.number == expected[0] and row.seal != expected[1]:
        return Broken(row.number, "its seal is not the expected one: the chain was written anew up to here")
    return None
