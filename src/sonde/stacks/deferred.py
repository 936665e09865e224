"""Merging where YAML functions stand in for values (stacks.md §7).

`!template` and its like may give a map that has to be merged with what other layers say at the same place. So where a
function meets another value, both are kept until the function has its result.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sonde.stacks import marks
from sonde.stacks.merge import APPEND, MERGE, Section, merge

POST_MERGE = ("!template", "!terraform.output", "!terraform.state", "!store", "!exec", "!env", "!labels", "!tags")
Path = tuple[str, ...]


@dataclass(frozen=True)
class Contest:
    """A place where a function and other values meet; lowest layer first."""

    path: Path
    values: tuple[Any, ...]
    functions: tuple[bool, ...]


def merge_functions(layers: Sequence[Section], strategy: str) -> tuple[Section, tuple[Contest, ...]]:
    """The merged section of non-empty layers, and the places whose final value waits for functions."""
    if len(layers) < 2:
        return (layers[0] if layers else {}), ()
    present = layers
    if all(marks.free_of(layer, marks.FUNCTION) or not marks.of(layer) & marks.FUNCTION for layer in present):
        return merge(present, strategy), ()
    contests = tuple(_contests(present))
    if not contests:
        return merge(present, strategy), ()
    cleared = present
    for contest in contests:
        cleared = [_cleared(layer, contest.path) for layer in cleared]
    result = merge(cleared, strategy)
    for contest in contests:
        result = with_value(result, contest.path, settle(contest.values, strategy))
    return result, contests


def _contests(layers: Sequence[Section]) -> Iterator[Contest]:
    paths = dict.fromkeys(path for layer in layers for path in _functions(layer, ()))
    for path in sorted(paths, key=len):
        values = [value for layer in layers if (value := value_at(layer, path)) is not None]
        if len(values) > 1:
            yield Contest(path, tuple(values), tuple(is_function(value) for value in values))


def is_function(value: Any) -> bool:
    return isinstance(value, str) and value.startswith(POST_MERGE)


def _functions(section: Mapping[str, Any], prefix: Path) -> Iterator[Path]:
    for key, value in section.items():
        if type(value) is dict:
            if marks.of(value) & marks.FUNCTION:
                yield from _functions(value, (*prefix, key))
        elif is_function(value):
            yield (*prefix, key)


def value_at(section: Any, path: Path) -> Any:
    """The value at a path of keys; None if there is none."""
    for key in path:
        if type(section) is not dict:
            return None
        section = section.get(key)
    return section


def with_value(section: Section, path: Path, value: Any) -> Section:
    """A copy of the section with the value at the path; maps on the way are made or copied."""
    key, rest = path[0], path[1:]
    if not rest:
        return section | {key: value}
    inner = section.get(key)
    return section | {key: with_value(inner if isinstance(inner, dict) else {}, rest, value)}


def _cleared(section: Section, path: Path) -> Section:
    value = value_at(section, path)
    return with_value(section, path, None) if is_function(value) else section


def settle(values: tuple[Any, ...], strategy: str) -> Any:
    """Values of one place, lowest first, as one: the lowest one's type decides how."""
    first = values[0]
    if isinstance(first, list):
        return _settle_lists(values, strategy)
    if not isinstance(first, dict):
        return values[-1]
    result = dict(first)
    for value in values[1:]:
        if not isinstance(value, dict):
            return value
        result = _override(result, value)
    return result


def _settle_lists(values: tuple[Any, ...], strategy: str) -> Any:
    if strategy == APPEND:
        return [item for value in values if isinstance(value, list) for item in value]
    if strategy != MERGE:
        return values[-1]
    result = list(values[0])
    for value in values[1:]:
        if not isinstance(value, list):
            return value
        for index, (old, new) in enumerate(zip(result, value, strict=False)):
            result[index] = _override(old, new) if isinstance(old, dict) and isinstance(new, dict) else new
        result.extend(value[len(result) :])
    return result


def _override(old: Section, new: Section) -> Section:
    """Deep merge in which an empty value of `new` does not replace anything."""
    result = dict(old)
    for key, value in new.items():
        present = result.get(key)
        if isinstance(value, dict) and isinstance(present, dict):
            result[key] = _override(present, value)
        elif key not in result or value not in (None, "", 0, False, [], {}):
            result[key] = value
    return result
