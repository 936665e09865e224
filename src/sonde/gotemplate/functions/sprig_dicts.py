"""sprig: maps. `set`, `unset` and the merges change the map they are given, as in Go."""

from collections.abc import Mapping
from typing import Any

from sonde.gotemplate.errors import FunctionError
from sonde.gotemplate.functions.casts import is_empty, strval
from sonde.gotemplate.functions.host import Host
from sonde.gotemplate.values import GoFunc, NilMap, StrList, type_name

Dict = dict[str, Any]


def get(mapping: Dict, key: str) -> Any:
    return mapping.get(key, "")


def set_(mapping: Dict, key: str, value: Any) -> Dict:
    if isinstance(mapping, NilMap):
        raise FunctionError("assignment to entry in nil map")
    mapping[key] = value
    return mapping


def unset(mapping: Dict, key: str) -> Dict:
    mapping.pop(key, None)
    return mapping


def pluck(key: str, *mappings: Dict) -> list[Any]:
    return [mapping[key] for mapping in mappings if key in mapping]


def keys(*mappings: Dict) -> StrList:
    """All keys; Go's order is random, this one is sorted within each map."""
    return StrList(key for mapping in mappings for key in sorted(mapping))


def values(mapping: Dict) -> list[Any]:
    """All values; Go's order is random, this one follows the sorted keys."""
    return [mapping[key] for key in sorted(mapping)]


def pick(mapping: Dict, *names: str) -> Dict:
    return {name: mapping[name] for name in names if name in mapping}


def omit(mapping: Dict, *names: str) -> Dict:
    return {name: value for name, value in mapping.items() if name not in names}


def make_dict(*items: Any) -> Dict:
    """Keys and values in turn; a key without a value gets the empty string."""
    padded = [*items, ""] if len(items) % 2 else list(items)
    return {strval(key): value for key, value in zip(padded[::2], padded[1::2], strict=True)}


def _merge_into(target: Dict, source: Mapping[str, Any], *, overwrite: bool) -> None:
    """mergo.Merge: maps merge, empty values of the target are filled; with overwrite the source wins, a nil of it too."""
    for key, value in list(source.items()):
        held = target.get(key)
        if value is None:
            if overwrite:
                target[key] = None
        elif isinstance(value, dict) and isinstance(held, dict) and held is not value:
            _merge_into(held, value, overwrite=overwrite)
        elif overwrite or is_empty(held):
            target[key] = value


def _merger(*, overwrite: bool) -> Any:
    def merge(target: Dict, *sources: Dict) -> Dict:
        target = dict(target) if isinstance(target, NilMap) else target
        for source in sources:
            _merge_into(target, source, overwrite=overwrite)
        return target

    return merge


def dig(*path: Any) -> Any:
    """Dig "a" "b" default map: the value under nested keys, or the default where a key is absent."""
    if len(path) < 3:
        raise FunctionError("dig needs at least three arguments")
    *names, default, found = path
    found = _as_map(found)
    for number, name in enumerate(names):
        if not isinstance(name, str):
            raise FunctionError(_conversion(name, "string"))
        if name not in found:
            return default
        found = found[name]
        if number < len(names) - 1:
            found = _as_map(found)
    return found


def _as_map(value: Any) -> Any:
    if type_name(value) != "map[string]interface {}":
        raise FunctionError(_conversion(value, "map[string]interface {}"))
    return value


def _conversion(value: Any, wanted: str) -> str:
    found = "nil" if value is None else type_name(value)
    return f"interface conversion: interface {{}} is {found}, not {wanted}"


def deep_copy(value: Any) -> Any:
    if value is None:
        raise FunctionError("reflect: call of reflect.Value.Type on zero Value")
    return _copy(value)


def _copy(value: Any) -> Any:
    if isinstance(value, dict):
        return type(value)({key: _copy(item) for key, item in value.items()})
    if isinstance(value, list):
        return type(value)(map(_copy, value))
    return value


def table(host: Host) -> Mapping[str, GoFunc]:  # noqa: ARG001  one signature for all libraries
    """The functions of this library by name."""
    merge = GoFunc(_merger(overwrite=False), "map", "...map")
    overwrite = GoFunc(_merger(overwrite=True), "map", "...map")
    return {
        "dict": GoFunc(make_dict, "...any"),
        "get": GoFunc(get, "map", "string"),
        "set": GoFunc(set_, "map", "string", "any"),
        "unset": GoFunc(unset, "map", "string"),
        "hasKey": GoFunc(lambda mapping, key: key in mapping, "map", "string"),
        "pluck": GoFunc(pluck, "string", "...map"),
        "keys": GoFunc(keys, "...map"),
        "pick": GoFunc(pick, "map", "...string"),
        "omit": GoFunc(omit, "map", "...string"),
        "merge": merge,
        "mustMerge": merge,
        "mergeOverwrite": overwrite,
        "mustMergeOverwrite": overwrite,
        "values": GoFunc(values, "map"),
        "dig": GoFunc(dig, "...any"),
        "deepCopy": GoFunc(deep_copy, "any"),
        "mustDeepCopy": GoFunc(deep_copy, "any"),
    }
