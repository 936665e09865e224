"""sprig: defaults, JSON, and what type a value has."""

from collections.abc import Callable, Mapping
from typing import Any

from sonde.gotemplate.errors import FunctionError
from sonde.gotemplate.functions import gojson
from sonde.gotemplate.functions.casts import is_empty
from sonde.gotemplate.functions.equality import deep_equal
from sonde.gotemplate.functions.host import Host
from sonde.gotemplate.values import GoFunc, kind_name, type_name


def default(fallback: Any, *given: Any) -> Any:
    return given[0] if given and not is_empty(given[0]) else fallback


def coalesce(*values: Any) -> Any:
    return next((value for value in values if not is_empty(value)), None)


def fail(message: str) -> str:
    raise FunctionError(message)


def _forgiving(convert: Callable[[Any], Any], otherwise: Any) -> Callable[[Any], Any]:
    def attempt(value: Any) -> Any:
        try:
            return convert(value)
        except FunctionError:
            return otherwise

    return attempt


def _pretty(value: Any) -> str:
    return gojson.encode(value, indent="  ")


def _raw(value: Any) -> str:
    return gojson.encode(value, html=False)


def type_is_like(wanted: str, value: Any) -> bool:
    return type_name(value) in (wanted, "*" + wanted)


def table(host: Host) -> Mapping[str, GoFunc]:  # noqa: ARG001  one signature for all libraries
    """The functions of this library by name."""
    return {
        "default": GoFunc(default, "any", "...any"),
        "empty": GoFunc(is_empty, "any"),
        "coalesce": GoFunc(coalesce, "...any"),
        "all": GoFunc(lambda *values: not any(map(is_empty, values)), "...any"),
        "any": GoFunc(lambda *values: not all(map(is_empty, values)), "...any"),
        "ternary": GoFunc(lambda one, two, choice: one if choice else two, "any", "any", "bool"),
        "fail": GoFunc(fail, "string"),
        "fromJson": GoFunc(_forgiving(gojson.decode, None), "string"),
        "mustFromJson": GoFunc(gojson.decode, "string"),
        "toJson": GoFunc(_forgiving(gojson.encode, ""), "any"),
        "mustToJson": GoFunc(gojson.encode, "any"),
        "toPrettyJson": GoFunc(_forgiving(_pretty, ""), "any"),
        "mustToPrettyJson": GoFunc(_pretty, "any"),
        "toRawJson": GoFunc(_raw, "any"),
        "mustToRawJson": GoFunc(_raw, "any"),
        "typeOf": GoFunc(type_name, "any"),
        "typeIs": GoFunc(lambda wanted, value: type_name(value) == wanted, "string", "any"),
        "typeIsLike": GoFunc(type_is_like, "string", "any"),
        "kindOf": GoFunc(kind_name, "any"),
        "kindIs": GoFunc(lambda wanted, value: kind_name(value) == wanted, "string", "any"),
        "deepEqual": GoFunc(deep_equal, "any", "any"),
    }
