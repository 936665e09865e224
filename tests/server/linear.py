"""Whether a recorded history could have happened one operation at a time (Wing and Gong 1993, with Lowe's memory).

A history is partitioned by key first, since operations on different keys say nothing about each other. An operation whose
answer was lost has `result` None: it happened between its start and its end, or never. Where nobody knows when it could no
longer happen it ends at INFINITY; each such one may double the search, so an honest end is worth finding out.
"""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from typing import Any

INFINITY = float("inf")


@dataclass(frozen=True)
class Op:
    """One operation of one client; `start` and `end` by one clock that all clients share."""

    key: str
    call: Any
    start: float
    end: float
    result: Any


def by_key(history: Iterable[Op]) -> dict[str, list[Op]]:
    found = defaultdict(list)
    for op in history:
        found[op.key].append(op)
    return dict(found)


def linearizable(history: Iterable[Op], first: Hashable, step: Callable[[Any, Any], tuple[Any, Any]]) -> bool:
    """Whether an order exists that agrees with real time and in which `step(state, call)` gives every known result.

    A configuration is: the first known operation that is not placed yet, those placed beyond it, the lost ones placed, and
    the state. Only an operation that starts before every unplaced one has ended may come next.
    """
    ordered = sorted(history, key=lambda op: op.start)
    known = [op for op in ordered if op.result is not None]
    lost = [op for op in ordered if op.result is None]
    todo, seen = [(0, frozenset(), frozenset(), first)], set()
    while todo:
        at, beyond, used, state = todo.pop()
        latest = known[max(beyond, default=at - 1)].start if at or beyond else -INFINITY
        used = frozenset(number for number in used if lost[number].end >= latest)
        if at == len(known):
            return True
        if (at, beyond, used, state) in seen:
            continue
        seen.add((at, beyond, used, state))
        window, limit = _window(known, at, beyond)
        for number, op in enumerate(lost):
            if op.start < limit and op.end >= latest and number not in used:
                after = step(state, op.call)[0]
                if after != state:  # a lost operation that changes nothing need not be placed
                    todo.append((at, beyond, used | {number}, after))
        for number in reversed(window):  # on top of the pile: the oldest known operation is tried first
            after, result = step(state, known[number].call)
            if result == known[number].result:
                todo.append((*_placed(at, beyond | {number}), used, after))
    return False


def _window(known: list[Op], at: int, beyond: frozenset[int]) -> tuple[list[int], float]:
    """The known operations that may come next, and when the first of them has ended."""
    window, limit = [], INFINITY
    for number in range(at, len(known)):
        if known[number].start >= limit:
            break
        if number not in beyond:
            window.append(number)
            limit = min(limit, known[number].end)
    return [number for number in window if known[number].start < limit], limit


def _placed(at: int, beyond: frozenset[int]) -> tuple[int, frozenset[int]]:
    while at in beyond:
        at, beyond = at + 1, beyond - {at}
    return at, beyond
