"""From nodes to values with yaml.v3's rules in full, its order of errors and its words (stacks.md §6).

The order: syntax (while composing), then tags nobody knows, then what cannot be decoded; duplicate keys and wrong types are
collected, everything else ends at once.
"""

import base64
import binascii
from typing import Any

from sonde.stacks.goyaml.gotext import go_quote, go_text
from sonde.stacks.goyaml.model import FUNCTION_TAGS, Tagged, YamlError
from sonde.stacks.goyaml.nodes import Node
from sonde.stacks.goyaml.scalars import BINARY, MAP, MERGE, NULL, SEQ, STR, ScalarError, Timestamp, resolve

_NO_TAG = frozenset({"!literal"})  # tags that are only taken off
_INCLUDES = frozenset({"!include", "!include.raw"})
_MANY, _FEW = 400_000, 4_000_000  # yaml.v3's bounds of its allowed share of aliased nodes
MOST_PROBLEMS = 100  # n equal keys make n² problems; nobody reads more than a hundred


class _Skip(Exception):  # noqa: N818 - a value that yaml.v3 leaves out, not an error
    """The node gave an error that is already noted."""


def decode(root: Node | None, name: str, *, mapping: bool) -> Any:
    """Give the value of a document; `mapping` demands a mapping at the top, as yaml.v3 decoding into a Go map does."""
    if root is None:
        return {} if mapping else None
    for child in root.content:
        check_tags(child, name)
    decoder = _Decoder(name)
    try:
        value = decoder.root_mapping(root) if mapping else decoder.value(root)
    except _Skip:
        value = None  # the problem is noted, and raised below
    if decoder.problems:
        lines = "".join(f"\n  line {line}: {text}" for line, text in decoder.problems)
        raise YamlError(f"yaml: unmarshal errors:{lines}", name, decoder.problems[0][0])
    return value


def check_tags(node: Node, name: str) -> None:
    """Refuse tags that are neither YAML's nor a function's, and put functions into the form the engine reads."""
    tag = node.tag
    if tag.startswith("!") and not tag.startswith("!!") and tag not in FUNCTION_TAGS:
        supported = ", ".join(FUNCTION_TAGS)
        message = f"unsupported YAML tag: '{tag}' found in file '{name}'. Supported tags are: {supported}"
        raise YamlError(message, name, node.line, node.column)
    if tag in _INCLUDES and not node.value.strip():
        raise YamlError("invalid function arguments at 1:1: expected arguments", name, node.line, node.column)
    if tag in _NO_TAG:
        node.tag = ""
    elif tag in FUNCTION_TAGS and node.kind == "scalar" and tag != "!append":
        node.value = f"{tag} {node.value.strip()}".strip()
    for child in node.content:
        check_tags(child, name)


class _Decoder:
    def __init__(self, name: str) -> None:
        self.name = name
        self.problems: list[tuple[int, str]] = []
        self.open_aliases: set[int] = set()
        self.decoded = self.aliased = 0

    def fail(self, node: Node, message: str) -> YamlError:
        return YamlError(message, self.name, node.line, node.column)

    def count(self, node: Node) -> None:
        self.decoded += 1
        self.aliased += bool(self.open_aliases)
        if self.aliased > 100 and self.decoded > 1000 and self.aliased / self.decoded > _allowed_share(self.decoded):
            raise self.fail(node, "yaml: document contains excessive aliasing")

    def root_mapping(self, root: Node) -> Any:
        if root.short_tag() == NULL:
            self.value(root)
            return {}
        if root.kind != "mapping":
            shown = "" if root.tag in (SEQ, MAP) else f" `{_shortened(root.value)}`"
            if root.kind == "scalar":
                self.scalar(root)
            self.problems.append((root.line, f"cannot unmarshal {root.tag}{shown} into map[string]interface {{}}"))
            return {}
        return self.mapping(root, string_keys=True)

    def value(self, node: Node) -> Any:
        """Decode one node. Raises `_Skip` where yaml.v3 leaves the value out."""
        self.count(node)
        if node.kind == "alias":
            return self.through_alias(node)
        if node.kind == "scalar":
            return self.scalar(node)
        if node.kind == "sequence":
            items = self.sequence(node)
            return Tagged("!append", items) if node.tag == "!append" else items
        string_keys = all(key.short_tag() in (STR, MERGE) for key in node.content[::2])
        return self.mapping(node, string_keys=string_keys)

    def through_alias(self, node: Node) -> Any:
        if id(node) in self.open_aliases or node.alias is None:
            raise self.fail(node, f"yaml: anchor '{node.value}' value contains itself")
        self.open_aliases.add(id(node))
        try:
            return self.value(node.alias)
        finally:
            self.open_aliases.discard(id(node))

    def scalar(self, node: Node) -> Any:
        if node.tag in FUNCTION_TAGS:
            text = node.value if node.tag == "!append" else node.value[len(node.tag) :].strip()
            return text if node.tag == "!append" else Tagged(node.tag, text)
        if node.tag == "" and node.quoted:
            return node.value
        try:
            tag, value = resolve(node.tag, node.value)
        except ScalarError as error:
            raise self.fail(node, str(error)) from None
        if tag == BINARY:
            return self.binary(node)
        return {} if isinstance(value, Timestamp) else value

    def binary(self, node: Node) -> str:
        text = node.value.replace("\n", "").replace("\r", "")
        try:
            return base64.b64decode(text, validate=True).decode(errors="replace")
        except (binascii.Error, ValueError):
            raise self.fail(node, "yaml: !!binary value contains invalid base64 data") from None

    def sequence(self, node: Node) -> list[Any]:
        items = []
        for child in node.content:
            try:
                items.append(self.value(child))
            except _Skip:
                continue
        return items

    def mapping(self, node: Node, *, string_keys: bool) -> dict[str, Any]:
        self.check_duplicates(node)
        entries = _Entries()
        self.fill(node, entries, string_keys=string_keys)
        return entries.collapse(self, node)

    def check_duplicates(self, node: Node) -> None:
        first: dict[tuple[str, str], list[Node]] = {}
        for key in node.content[::2]:
            first.setdefault((key.kind, key.value), []).append(key)
        if len(first) * 2 == len(node.content):
            return
        for key in node.content[::2]:
            twins = first[key.kind, key.value]
            later = twins[twins.index(key) + 1 :] if len(twins) > 1 else []
            for twin in later[: MOST_PROBLEMS - len(self.problems)]:
                self.problems.append(
                    (twin.line, f"mapping key {go_quote(twin.value)} already defined at line {key.line}")
                )
            if len(self.problems) >= MOST_PROBLEMS:
                break
        raise _Skip

    def fill(self, node: Node, entries: "_Entries", *, string_keys: bool) -> None:
        """Put a mapping's own entries, then those it merges in; what is there already wins over what is merged."""
        merged = entries.seen is not None
        merge: Node | None = None
        for key_node, value_node in zip(node.content[::2], node.content[1::2], strict=True):
            if key_node.kind == "scalar" and key_node.value == "<<" and key_node.tag in ("", MERGE):
                merge = value_node
                continue
            try:
                found, key = self.key(key_node, string_keys=string_keys)
            except _Skip:
                continue
            if merged and not entries.claim(found):
                continue
            try:
                entries.values[found] = (key, self.value(value_node))
            except _Skip:
                continue
        if merge is not None:
            self.merge(node, merge, entries, string_keys=string_keys)

    def key(self, node: Node, *, string_keys: bool) -> tuple[Any, str]:
        """Give a key's identity in the Go map and the string it becomes."""
        if node.kind == "alias":
            self.count(node)
            return self.key(node.alias or node, string_keys=string_keys)
        self.count(node)
        if node.kind != "scalar" and string_keys:
            self.problems.append((node.line, f"cannot unmarshal {node.tag} into string"))
            raise _Skip
        if node.kind != "scalar":
            raise self.fail(node, f"yaml: invalid map key: {self.go_syntax(node)}")
        if node.tag in FUNCTION_TAGS:
            return node.value, node.value
        try:
            tag, value = (STR, node.value) if node.tag == "" and node.quoted else resolve(node.tag, node.value)
        except ScalarError as error:
            raise self.fail(node, str(error)) from None
        if tag == BINARY:
            value = self.binary(node)
        if string_keys:
            if value is None:
                # A null leaves a Go string as it is, and the entry out.
                raise _Skip
            text = value if tag == BINARY else node.value
            return text, text
        return (type(value), value), go_text(value)

    def merge(self, parent: Node, merge: Node, entries: "_Entries", *, string_keys: bool) -> None:
        outermost = entries.seen is None
        if outermost:
            entries.seen = set()
            for key in parent.content[::2]:
                try:
                    entries.seen.add(self.key(key, string_keys=string_keys)[0])
                except _Skip:
                    continue
        sources = merge.content if merge.kind == "sequence" else [merge]
        for source in sources:
            target = source.alias if source.kind == "alias" else source
            if target is None or target.kind != "mapping":
                raise self.fail(source, "yaml: map merge requires map or sequence of maps as the value")
            self.merge_one(source, target, entries, string_keys=string_keys)
        if outermost:
            entries.seen = None

    def merge_one(self, source: Node, target: Node, entries: "_Entries", *, string_keys: bool) -> None:
        self.count(source)
        if source.kind == "alias":
            if id(source) in self.open_aliases:
                raise self.fail(source, f"yaml: anchor '{source.value}' value contains itself")
            self.open_aliases.add(id(source))
            self.count(target)
        try:
            self.check_duplicates(target)
            self.fill(target, entries, string_keys=string_keys)
        except _Skip:
            return
        finally:
            self.open_aliases.discard(id(source))

    def go_syntax(self, node: Node) -> str:
        """Show a key that no Go map can hold as Go's `%#v` does, for the error."""
        if node.kind == "mapping":
            pairs = zip(node.content[::2], node.content[1::2], strict=True)
            inside = ", ".join(f"{self.go_syntax(key)}:{self.go_inner(value)}" for key, value in pairs)
            return "map[string]interface {}{" + inside + "}"
        if node.kind == "sequence":
            return "[]interface {}{" + ", ".join(self.go_inner(item) for item in node.content) + "}"
        value = self.value(node)
        return go_quote(value) if isinstance(value, str) else go_text(value)

    def go_inner(self, node: Node) -> str:
        return "interface {}(nil)" if node.short_tag() == NULL else self.go_syntax(node)


class _Entries:
    """The entries of one Go map on their way to a dict with string keys."""

    __slots__ = ("seen", "values")

    def __init__(self) -> None:
        self.values: dict[Any, tuple[str, Any]] = {}
        self.seen: set[Any] | None = None

    def claim(self, key: Any) -> bool:
        """Say whether a merged key is new, and note it."""
        if self.seen is None or key in self.seen:
            return False
        self.seen.add(key)
        return True

    def collapse(self, decoder: _Decoder, node: Node) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key, value in self.values.values():
            if key not in result:
                result[key] = value
            elif isinstance(value, dict) and isinstance(result[key], dict):
                result[key] = {**result[key], **value}
            else:
                raise decoder.fail(
                    node,
                    "distinct map keys collide after normalization: "
                    f"multiple keys normalize to {go_quote(key)} but are not both maps, so they cannot be merged safely",
                )
        return result


def _shortened(text: str) -> str:
    """Shorten a value for an error, counting bytes as Go does."""
    raw = text.encode("utf-8", "surrogatepass")
    return text if len(raw) <= 10 else raw[:7].decode(errors="replace") + "..."


def _allowed_share(decoded: int) -> float:
    if decoded <= _MANY:
        return 0.99
    if decoded >= _FEW:
        return 0.10
    return 0.99 - 0.89 * ((decoded - _MANY) / (_FEW - _MANY))
