"""The first document as nodes with lines and columns: for the exact decoder, and for "where does this value stand"."""

import re
from collections.abc import Callable
from typing import Any, Literal

from yaml import YAMLError
from yaml._yaml import CParser
from yaml.events import AliasEvent, MappingEndEvent, MappingStartEvent, ScalarEvent, SequenceEndEvent, StreamEndEvent

from sonde.stacks.goyaml.model import YamlError
from sonde.stacks.goyaml.scalars import MAP, MERGE, SEQ, STR, resolve, short_tag

MAX_DEPTH = 200

_ESCAPE = re.compile(r"\\(.)", re.DOTALL)

Kind = Literal["scalar", "sequence", "mapping", "alias"]


class Node:
    """One YAML node, as yaml.v3's `Node`: `content` of a mapping alternates keys and values; line and column count from 1."""

    __slots__ = ("alias", "column", "content", "followed_at", "kind", "line", "quoted", "tag", "value")

    def __init__(self, kind: Kind, line: int, column: int) -> None:
        self.kind: Kind = kind
        self.tag = ""
        self.value = ""
        self.quoted = False
        self.content: list[Node] = []
        self.alias: Node | None = None
        # Of a root with something behind it: how many characters stand before the end of its document.
        self.followed_at: int | None = None
        self.line = line
        self.column = column

    def short_tag(self) -> str:
        """The tag this node resolves to, aliases followed."""
        if self.kind == "alias" and self.alias is not None:
            return self.alias.short_tag()
        if self.tag == "" and self.kind == "scalar":
            return STR if self.quoted else resolve("", self.value)[0]
        return self.tag


def compose(data: bytes) -> Node | None:
    """Read the first document. None if there is none; raises libyaml's error, or `YamlError` for an unknown anchor."""
    parser = CParser(data)
    next_event: Callable[[], Any] = parser.get_event
    if b"\\/" in data:
        next_event = _refusing_slashes(next_event, data)
    next_event()
    start = next_event()
    if start.__class__ is StreamEndEvent:
        return None
    if start.version not in (None, (1, 1)):
        raise YamlError("yaml: found incompatible YAML document", line=1, column=1)
    root = _node(next_event(), next_event, {}, MAX_DEPTH)
    end = next_event()
    try:
        followed = next_event().__class__ is not StreamEndEvent
    except YAMLError:
        followed = True
    root.followed_at = end.start_mark.index if followed else None
    return root


def _refusing_slashes(next_event: Callable[[], Any], data: bytes) -> Callable[[], Any]:
    r"""Refuse the escape `\/`, which libyaml knows and yaml.v3 does not."""
    text = data.decode("utf-8-sig", "replace")

    def following() -> Any:
        event: Any = next_event()
        if event.__class__ is ScalarEvent and event.style == '"':
            start: Any = event.start_mark
            end: Any = event.end_mark
            source = text[start.index : end.index]
            wrong = next((match for match in _ESCAPE.finditer(source) if match[1] == "/"), None)
            if wrong:
                line = start.line + source.count("\n", 0, wrong.start())
                shown = (start.line or line) + 1
                where = f"line {shown}: " if shown > 1 else ""
                message = f"yaml: {where}found unknown escape character"
                raise YamlError(message, line=line + 1, column=start.column + 1)
        return event

    return following


def _node(event: Any, following: Callable[[], Any], anchors: dict[str, Node], depth: int) -> Node:
    kind = event.__class__
    if kind is AliasEvent:
        return _alias(event, anchors)
    if kind is ScalarEvent:
        node = _begin("scalar", event)
        node.value, node.quoted = event.value, bool(event.style)
        node.tag = _scalar_tag(event)
    else:
        node = _begin("mapping" if kind is MappingStartEvent else "sequence", event)
        node.tag = _own_tag(event) or (MAP if kind is MappingStartEvent else SEQ)
    if event.anchor is not None:
        anchors[event.anchor] = node
    if kind is ScalarEvent:
        return node
    if not depth:
        raise YamlError(f"yaml: nested deeper than {MAX_DEPTH} levels", line=node.line, column=node.column)
    end = MappingEndEvent if kind is MappingStartEvent else SequenceEndEvent
    child = following()
    while child.__class__ is not end:
        node.content.append(_node(child, following, anchors, depth - 1))
        child = following()
    return node


def _begin(kind: Kind, event: Any) -> Node:
    return Node(kind, event.start_mark.line + 1, event.start_mark.column + 1)


def _alias(event: Any, anchors: dict[str, Node]) -> Node:
    node = _begin("alias", event)
    node.value = event.anchor
    node.alias = anchors.get(event.anchor)
    if node.alias is None:
        message = f"yaml: unknown anchor '{event.anchor}' referenced"
        error = YamlError(message, line=node.line, column=node.column)
        error.unknown_anchor_at = event.start_mark.index
        raise error
    return node


def _own_tag(event: Any) -> str:
    return "" if event.tag in (None, "", "!") else short_tag(event.tag)


def _scalar_tag(event: Any) -> str:
    if tag := _own_tag(event):
        return tag
    if event.style:
        return STR
    return MERGE if event.value == "<<" else resolve("", event.value)[0]
