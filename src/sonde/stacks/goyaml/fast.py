"""The common case of loading, straight from libyaml's events: string keys, functions' tags, anchors and merges.

Whatever is not common (other keys than strings, duplicate keys, `!!` tags, nested anchors, errors) raises `Uncommon`, and
`decode.py` does it again with yaml.v3's rules in full. Both give equal values: a property test holds that.
"""

from collections.abc import Callable
from typing import Any

from yaml._yaml import CParser
from yaml.events import (
    AliasEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    StreamEndEvent,
)

from sonde.stacks.goyaml.model import FUNCTION_TAGS, Tagged
from sonde.stacks.goyaml.scalars import HINTS, STR, TIMESTAMP, resolve

MAX_DEPTH = 200
MAX_ALIASED = (
    300  # nodes behind aliases; far below where yaml.v3 begins to refuse (990), as its count runs higher than ours
)

_SCALAR_TAGS = frozenset(FUNCTION_TAGS) - {"!literal", "!append", "!include", "!include.raw"}
_KEY_HINTS = HINTS | {"<", ""}
_plain: dict[str, Any] = {"": None, "<<": "<<"}
_PLAIN_CAP = 20_000


class Uncommon(Exception):  # noqa: N818 - not an error: the signal to take the other road
    """This document needs the exact decoder."""


def plain_value(text: str) -> Any:
    """Resolve an untagged plain scalar, remembering the answer."""
    tag, value = resolve("", text)
    if tag == TIMESTAMP:
        raise Uncommon
    if len(_plain) < _PLAIN_CAP:
        _plain[text] = value
    return value


def load(data: bytes, *, mapping: bool = False) -> Any:
    """Build the first document's value, with `mapping` only a mapping's. Raises `Uncommon`, or libyaml's own error."""
    parser = CParser(data)
    next_event: Callable[[], Any] = parser.get_event
    next_event()  # the stream's start
    if next_event().__class__ is StreamEndEvent:
        return {} if mapping else None
    root = next_event()
    if mapping and root.__class__ is not MappingStartEvent:
        raise Uncommon
    value = _Builder(next_event).node(root, MAX_DEPTH)
    next_event()  # the document's end
    if next_event().__class__ is not StreamEndEvent:
        raise Uncommon  # another document follows, and an error right behind ours counts
    return value


class _Builder:
    __slots__ = ("aliased", "anchors", "next", "sizes")

    def __init__(self, next_event: Callable[[], Any]) -> None:
        self.next = next_event
        self.anchors: dict[str, Any] = {}
        self.sizes: dict[str, int] = {}
        self.aliased = 0

    def node(self, event: Any, depth: int) -> Any:
        kind = event.__class__
        if kind is AliasEvent:
            return self.alias(event.anchor)
        if kind is ScalarEvent:
            value = self.scalar(event)
        elif not depth:
            raise Uncommon
        elif kind is MappingStartEvent:
            value = self.mapping(depth - 1)
        else:
            value = self.sequence(depth - 1)
            if event.tag == "!append":
                value = Tagged("!append", value)
        if event.anchor is not None:
            if event.anchor in self.anchors:
                raise Uncommon
            self.anchors[event.anchor] = value
        if event.tag is not None and kind is not ScalarEvent and event.tag not in FUNCTION_TAGS:
            raise Uncommon
        return value

    def alias(self, name: str) -> Any:
        if name not in self.anchors:
            raise Uncommon
        value = self.anchors[name]
        if name not in self.sizes:
            self.sizes[name] = _size(value)
        self.aliased += self.sizes[name]
        if self.aliased > MAX_ALIASED:
            raise Uncommon
        return value

    def scalar(self, event: Any) -> Any:
        tag, text = event.tag, event.value
        if tag is not None:
            if tag in _SCALAR_TAGS:
                return Tagged(tag, text.strip())
            raise Uncommon
        if event.style:
            return text
        if text in _plain:
            return _plain[text]
        return plain_value(text) if text[0] in HINTS else text

    def sequence(self, depth: int) -> list[Any]:
        result: list[Any] = []
        add, following = result.append, self.next
        event = following()
        while event.__class__ is not SequenceEndEvent:
            add(self.node(event, depth))
            event = following()
        return result

    def mapping(self, depth: int) -> dict[str, Any]:
        result: dict[str, Any] = {}
        merge = None
        following, node = self.next, self.node
        event = following()
        while event.__class__ is ScalarEvent:
            key = event.value
            if event.tag is not None or event.anchor is not None or key in result:
                raise Uncommon
            if not event.style and key[:1] in _KEY_HINTS and _is_merge(key):
                if merge is not None:
                    raise Uncommon
                merge = node(following(), depth)
                _merge({}, merge)
            else:
                result[key] = node(following(), depth)
            event = following()
        if event.__class__ is not MappingEndEvent:
            raise Uncommon
        if merge is not None:
            _merge(result, merge)
        return result


def _is_merge(key: str) -> bool:
    """Say whether a plain key is `<<`. Raises `Uncommon` for one that is no string."""
    if key == "<<":
        return True
    if not key or resolve("", key)[0] != STR:
        raise Uncommon
    return False


def _merge(result: dict[str, Any], merge: Any) -> None:
    """Add the keys of `<<` that the mapping lacks; the first of a list wins, and nothing is merged below (shallow)."""
    if "<<" in result:
        raise Uncommon
    for source in merge if merge.__class__ is list else (merge,):
        if source.__class__ is not dict:
            raise Uncommon
        for key, value in source.items():
            result.setdefault(key, value)


def _size(value: Any) -> int:
    """Count the nodes of a value, aliases expanded, up to the bound that matters."""
    count, open_values = 0, [value]
    while open_values and count <= MAX_ALIASED:
        value = open_values.pop()
        count += 1
        if isinstance(value, dict):
            open_values.extend(value.values())
            count += len(value)
        elif isinstance(value, list):
            open_values.extend(value)
        elif isinstance(value, Tagged) and isinstance(value.value, list):
            open_values.extend(value.value)
    return count
