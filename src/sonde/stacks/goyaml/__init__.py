"""YAML as yaml.v3 reads it into Go values, fast: libyaml's events, no node graph (stacks.md §6, dependencies.md §7).

`load` reads the first document of a file. The value is shared where the document aliases: treat it as immutable.

common documents   fast (libyaml's events)
all others         exact (the whole road), nodes, decode, numbers, scalars (what a scalar means)
beside them        model (types), positions (where a value stands), delimited (keys such as `vars.a.b`), gotext (values as Go prints)
"""

from collections.abc import Sequence
from typing import Any

from yaml import YAMLError

from sonde.stacks.goyaml import fast
from sonde.stacks.goyaml.model import FUNCTION_TAGS, Tagged, YamlError

__all__ = ["FUNCTION_TAGS", "Loaded", "Tagged", "YamlError", "load", "load_mapping"]


class Loaded:
    """A document's value, and where its parts stand. Positions are computed when first asked for."""

    __slots__ = ("_data", "_delimiter", "_root", "name", "value")

    def __init__(self, value: Any, data: bytes, name: str, key_delimiter: str = "") -> None:
        self.value = value
        self.name = name
        self._data = data
        self._delimiter = key_delimiter
        self._root: Any = None

    def position(self, path: Sequence[str | int]) -> tuple[int, int] | None:
        """Line and column, from 1, of the value at a path of keys and indices; None if nothing stands there."""
        from sonde.stacks.goyaml import positions

        node = positions.find(self._compose(), path)
        return (node.line, node.column) if node else None

    def key_position(self, path: Sequence[str | int]) -> tuple[int, int] | None:
        """Line and column, from 1, of the key (or list item) at the end of a path; None if nothing stands there."""
        from sonde.stacks.goyaml import positions

        node = positions.find_key(self._compose(), path)
        return (node.line, node.column) if node else None

    def _compose(self) -> Any:
        from sonde.stacks.goyaml import exact

        if self._root is None:
            self._root = exact.compose(self._data, self._delimiter)
        return self._root


def load(data: bytes | str, *, name: str, key_delimiter: str = "") -> Loaded:
    """Read the first document: dict (string keys), list, str, int, float, bool, None or `Tagged`; dates are `{}`.

    `key_delimiter` splits plain keys into nested mappings (`settings.yaml.key_delimiter`). Raises `YamlError` with
    yaml.v3's text, whatever the bytes are. The value is immutable by agreement: aliases share it.
    """
    return _load(data, name, mapping=False, key_delimiter=key_delimiter)


def load_mapping(data: bytes | str, *, name: str, key_delimiter: str = "") -> Loaded:
    """Read a document that must be a mapping, as stack manifests and atmos.yaml are; an empty one is `{}`."""
    return _load(data, name, mapping=True, key_delimiter=key_delimiter)


def _load(data: bytes | str, name: str, *, mapping: bool, key_delimiter: str) -> Loaded:
    raw = data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data
    delimiter = key_delimiter if key_delimiter.encode() in raw else ""
    value = (
        _exact(raw, name, mapping=mapping, key_delimiter=delimiter) if delimiter else _quick(raw, name, mapping=mapping)
    )
    return Loaded(value, raw, name, delimiter)


def _quick(raw: bytes, name: str, *, mapping: bool) -> Any:
    if not needs_exact_scan(raw):
        try:
            return fast.load(raw, mapping=mapping)
        except (fast.Uncommon, YAMLError, RecursionError, ValueError):
            pass
    return _exact(raw, name, mapping=mapping, key_delimiter="")


def needs_exact_scan(raw: bytes) -> bool:
    """Say whether the bytes hold what libyaml reads otherwise than yaml.v3."""
    return b"\\/" in raw or b"%YAML" in raw


def _exact(raw: bytes, name: str, *, mapping: bool, key_delimiter: str) -> Any:
    from sonde.stacks.goyaml import exact

    return exact.load(raw, name, mapping=mapping, key_delimiter=key_delimiter)
