"""gomplate: the namespace `coll` and its aliases."""

from collections.abc import Callable, Mapping
from functools import cmp_to_key
from typing import Any

from sonde.gotemplate.errors import FunctionError
from sonde.gotemplate.fmt import sprintf
from sonde.gotemplate.functions.casts import conv_int, conv_string
from sonde.gotemplate.functions.equality import contains
from sonde.gotemplate.functions.gomplate_conv import has, interface_slice, make_dict
from sonde.gotemplate.functions.host import Host
from sonde.gotemplate.functions.jsonpath import jsonpath
from sonde.gotemplate.values import GoFunc, Namespace, NilList, StrList, kind_name, type_name

Dict = dict[str, Any]


def keys(*mappings: Dict) -> StrList:
    if not mappings:
        raise FunctionError("need at least one argument")
    return StrList(key for mapping in mappings for key in sorted(mapping))


def values(*mappings: Dict) -> list[Any]:
    if not mappings:
        raise FunctionError("need at least one argument")
    return [mapping[key] for mapping in mappings for key in sorted(mapping)]


def uniq(value: Any) -> list[Any]:
    found: list[Any] = []
    for item in interface_slice(value):
        if not contains(found, item):
            found.append(item)
    return found


def reverse(value: Any) -> list[Any]:
    """Reverses a plain list in place, as gomplate does."""
    items = interface_slice(value)
    items.reverse()
    return items


def merge(target: Dict, *sources: Dict) -> Dict:
    """The target's values win; maps merge; nothing given is changed."""
    for source in sources:
        target = _merged(source, target)
    return target


def _merged(under: Dict, over: Dict) -> Dict:
    result = dict(under)
    for key, value in over.items():
        held = result.get(key)
        both = isinstance(value, dict) and isinstance(held, dict)
        result[key] = _merged(held, value) if both and held is not None else value
    return result


def sort(*args: Any) -> list[Any]:
    """Sort list, or sort key list; what is not all of one kind stays as it is."""
    if len(args) not in (1, 2):
        raise FunctionError(f"wrong number of args: wanted 1 or 2, got {len(args)}")
    key = conv_string(args[0]) if len(args) == 2 else ""
    if args[-1] is None:
        return NilList()
    items = interface_slice(args[-1])
    if any(item is None for item in items[:1]):
        raise FunctionError("runtime error: invalid memory address or nil pointer dereference")
    if len({kind_name(item) for item in items}) > 1:
        return items
    less = _less_by(key)
    return sorted(items, key=cmp_to_key(lambda one, two: -1 if less(one, two) else 1 if less(two, one) else 0))


def _less_by(key: str) -> Callable[[Any, Any], bool]:
    def less(one: Any, two: Any) -> bool:
        if isinstance(one, bool) or one is None:
            return False
        if isinstance(one, Mapping):
            return key in one and key in two and _less_by("")(one[key], two[key])
        if isinstance(one, (int, float)) and isinstance(two, (int, float)):
            return one < two
        return isinstance(one, str) and isinstance(two, str) and one < two

    return less


def flatten(*args: Any) -> list[Any]:
    if len(args) not in (1, 2):
        raise FunctionError(f"wrong number of args: wanted 1 or 2, got {len(args)}")
    return _flat(args[-1], conv_int(args[0]) if len(args) == 2 else -1)


def _flat(value: Any, depth: int) -> list[Any]:
    items = interface_slice(value)
    if depth == 0:
        return items
    found: list[Any] = []
    for item in items:
        if isinstance(item, (list, tuple, bytes)):
            found.extend(_flat(item, depth - 1))
        else:
            found.append(item)
    return found


def _names_and_map(args: tuple[Any, ...]) -> tuple[tuple[str, ...], Dict]:
    if len(args) <= 1:
        raise FunctionError(f"wrong number of args: wanted 2 or more, got {len(args)}")
    *names, mapping = args
    if type_name(mapping) != "map[string]interface {}":
        raise FunctionError(f"wrong map type: must be map[string]interface{{}}, got {type_name(mapping)}")
    for name in names:
        if not isinstance(name, str):
            raise FunctionError(sprintf("wrong key type: must be string, got %T (%+v)", name, name))
    return tuple(names), mapping


def pick(*args: Any) -> Dict:
    names, mapping = _names_and_map(args)
    return {key: value for key, value in mapping.items() if key in names}


def omit(*args: Any) -> Dict:
    names, mapping = _names_and_map(args)
    return {key: value for key, value in mapping.items() if key not in names}


def table(host: Host) -> Mapping[str, Any]:  # noqa: ARG001  one signature for all libraries
    """The functions of this library by name."""
    members = {
        "Slice": GoFunc(lambda *items: list(items), "...any"),
        "Has": GoFunc(has, "any", "string"),
        "Dict": GoFunc(make_dict, "...any"),
        "Keys": GoFunc(keys, "...map"),
        "Values": GoFunc(values, "...map"),
        "Append": GoFunc(lambda item, value: [*interface_slice(value), item], "any", "any"),
        "Prepend": GoFunc(lambda item, value: [item, *interface_slice(value)], "any", "any"),
        "Uniq": GoFunc(uniq, "any"),
        "Reverse": GoFunc(reverse, "any"),
        "Merge": GoFunc(merge, "map", "...map"),
        "Sort": GoFunc(sort, "...any"),
        "JSONPath": GoFunc(jsonpath, "string", "any"),
        "Flatten": GoFunc(flatten, "...any"),
        "Pick": GoFunc(pick, "...any"),
        "Omit": GoFunc(omit, "...any"),
    }
    aliases = [name for name in members if name not in ("JSONPath", "Pick", "Omit")]
    functions: dict[str, Any] = {name.lower(): members[name] for name in aliases}
    return functions | {"coll": Namespace("coll", members), "jsonpath": members["JSONPath"]}
