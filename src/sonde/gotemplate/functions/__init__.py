"""Function tables for templates: sprig v3, gomplate v3, and both as atmos lays them over each other.

A table is a Mapping that knows its names at once and loads a library only when a template asks for one of its functions.
Functions that reach environment, disk, clock or chance get them from a Host; without a host they answer an error.

the libraries   sprig_* and gomplate_*, one module a subject; names (which holds which), host
Go's packages   gojson, goregexp, gotime, timeformat, duration, gourl, paths, encoding, csvread, equality, unicode_classes
other libraries casts (spf13/cast), semver and constraints (Masterminds), codecjson (ugorji), jsonpath (Kubernetes), tomlwrite,
                yamlread, yamlwrite, text and words (goutils, xstrings)
"""

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any, Final

from sonde.gotemplate.functions.host import NO_HOST, Host
from sonde.gotemplate.functions.names import GOMPLATE, SPRIG

__all__ = ["Host", "all", "collect_keys", "gomplate", "sprig"]


class Table(Mapping[str, Any]):
    """Names to functions, each library built when one of its names is first asked for."""

    def __init__(self, index: Mapping[str, str], host: Host) -> None:
        self._index = index
        self._host = host
        self._loaded: dict[str, Mapping[str, Any]] = {}

    def __getitem__(self, name: str) -> Any:
        library = self._index[name]
        table = self._loaded.get(library)
        if table is None:
            module = import_module(f"sonde.gotemplate.functions.{library}")
            table = self._loaded[library] = module.table(self._host)
        return table[name]

    def __contains__(self, name: object) -> bool:
        return name in self._index

    def __iter__(self) -> Iterator[str]:
        return iter(self._index)

    def __len__(self) -> int:
        return len(self._index)


def _index(*libraries: Mapping[str, str]) -> dict[str, str]:
    """Function name to library; a later library wins."""
    return {name: library for names in libraries for library, listed in names.items() for name in listed.split()}


_SPRIG: Final = _index(SPRIG)
_GOMPLATE: Final = _index(GOMPLATE)
_ALL: Final = _index(GOMPLATE, SPRIG)


def sprig(host: Host | None = None) -> Table:
    """The functions of Masterminds/sprig v3."""
    return Table(_SPRIG, host or NO_HOST)


def gomplate(host: Host | None = None) -> Table:
    """The functions and namespaces of gomplate v3 that need no network."""
    return Table(_GOMPLATE, host or NO_HOST)


def all(host: Host | None = None) -> Table:  # noqa: A001  the name callers read: functions.all(host)
    """Gomplate overlaid by sprig, the order in which atmos lays them (stacks.md §5.1)."""
    return Table(_ALL, host or NO_HOST)


def collect_keys(value: Any, *nested: str) -> list[str]:
    """Atmos's collectKeys: sorted keys of a map, or of the maps under one key of its entries."""
    from sonde.gotemplate.errors import FunctionError
    from sonde.gotemplate.values import StrList, type_name

    if not isinstance(value, Mapping):
        raise FunctionError(f"collectKeys: expected a map, got {type_name(value)}")
    if not nested:
        return StrList(sorted(value))
    inner = (entry.get(nested[0]) for entry in value.values() if isinstance(entry, Mapping))
    return StrList(sorted({key for found in inner if isinstance(found, Mapping) for key in found}))
