"""Deep merge of configuration maps (stacks.md §3.2).

No input is ever changed: what is not touched by a later layer is shared with the result, so that a thousand stacks
hold one copy of a catalog entry. Whoever holds a merged map must therefore treat it as read-only.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sonde.stacks.errors import StacksError

Section = dict[str, Any]
REPLACE, APPEND, MERGE = "replace", "append", "merge"
STRATEGIES = (REPLACE, APPEND, MERGE)
APPEND_KEY = "__atmos_append__"  # how a `!append [..]` list travels until the file that wrote it is merged
_ABSENT = object()


def check_strategy(strategy: str) -> str:
    """The strategy itself, "" meaning replace; anything else that is unknown is an error (stacks.md §3.2)."""
    if strategy in STRATEGIES:
        return strategy
    if not strategy:
        return REPLACE
    raise StacksError(
        f"invalid list merge strategy: '{strategy}'. Supported list merge strategies are: {', '.join(STRATEGIES)}"
    )


def merge(layers: Iterable[Mapping[str, Any] | None], strategy: str = REPLACE) -> Section:
    """All layers, lowest first, as one map. A single non-empty layer is returned as it is, not copied."""
    present = [layer for layer in layers if layer]
    if not present:
        return {}
    if len(present) == 1:
        return present[0]  # type: ignore[return-value]
    target = dict(present[0])
    owned = {id(target)}
    for layer in present[1:]:
        _fold(target, layer, owned, strategy)
    return target


def _fold(target: Section, layer: Mapping[str, Any], owned: set[int], strategy: str) -> None:
    """Merge `layer` into `target`, which this merge made; other maps are copied before their first change."""
    for key, value in layer.items():
        old = target.get(key, _ABSENT)
        kind = type(value)
        if kind is dict and type(old) is dict:
            if not value:
                continue
            if id(old) not in owned:
                old = dict(old)
                owned.add(id(old))
                target[key] = old
            _fold(old, value, owned, strategy)
        elif kind is list and strategy != REPLACE and type(old) is list:
            target[key] = old + value if strategy == APPEND else _merge_lists(old, value)
        else:
            target[key] = value


def _merge_lists(old: Sequence[Any], new: Sequence[Any]) -> list[Any]:
    """Index by index: two maps are merged, any other pair keeps the old element; further elements are added."""
    result = [
        merge((a, b), MERGE) if type(a) is dict and type(b) is dict else a for a, b in zip(old, new, strict=False)
    ]
    result.extend(old[len(new) :])
    result.extend(new[len(old) :])
    return result


def resolve_appends(layer: Section, below: Section, strategy: str) -> Section:
    """`layer` with each `!append` list written out, given what lies below it (stacks.md §3.2).

    Under the append strategy the list alone is enough, since the merge itself appends.
    """
    result: Section = {}
    for key, value in layer.items():
        if type(value) is not dict:
            result[key] = value
        elif type(value.get(APPEND_KEY)) is list:
            old = below.get(key)
            result[key] = old + value[APPEND_KEY] if strategy != APPEND and type(old) is list else value[APPEND_KEY]
        else:
            under = below.get(key)
            result[key] = resolve_appends(value, under if type(under) is dict else {}, strategy)
    return result
