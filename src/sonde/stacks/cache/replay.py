"""The fast path: print a kept answer that is still right."""

import os
import sys
from collections.abc import Mapping, Sequence

from sonde.stacks.cache import entries, facts


def answer(argv: Sequence[str], env: Mapping[str, str]) -> bool:
    """Print what the call printed last time, if nothing that it was made from has changed; else print nothing."""
    place, name = entries.folder(env), entries.call(argv, env)
    record = entries.load(place, name) if place and name else None
    if place is None or record is None or not facts.hold(record["facts"], env):
        return False
    text = entries.output(place, record)
    if text is None:
        return False
    _settle(place, record)
    entries.used(place, record)
    _print(text, record["parts"])
    return True


def _print(text: bytes, parts: Sequence[tuple[int, int]]) -> None:
    whole, at = memoryview(text), 0
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    for descriptor, length in parts:
        with os.fdopen(os.dup(descriptor), "wb", buffering=1 << 20) as out:
            out.write(whole[at : at + length])
        at += length


def _settle(place: str, record: entries.Record) -> None:
    """Files that were too young, or were touched, and are what they were: believe their stat from now on."""
    known = record["facts"]["reads"]
    doubted = {path for path, read in known.items() if not read[2]}
    moved = {path for path, read in known.items() if read[2] and facts.stat_of(path) != read[0]}
    changed = False
    for path in doubted | moved:
        now = facts.observed(path)
        if now[1] == known[path][1] and now[2]:
            known[path] = now
            changed = True
    if changed:
        entries.save(place, record)
