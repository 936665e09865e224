"""gomplate: the namespace `math` and its aliases. One float among the arguments makes the result a float."""

import math
from collections.abc import Callable, Mapping
from typing import Any

from sonde.gotemplate.errors import FunctionError
from sonde.gotemplate.functions.casts import bounded_int, conv_float, conv_int, float_to_int
from sonde.gotemplate.functions.host import Host
from sonde.gotemplate.functions.sprig_math import quotient
from sonde.gotemplate.strconv import parse_float
from sonde.gotemplate.values import GoFunc, Int64, Int64List, Namespace, wrap64

_MAX_ITEMS = 10_000_000


def is_int(value: Any) -> bool:
    if isinstance(value, str):
        return bounded_int(value) is not None
    return isinstance(value, int) and not isinstance(value, bool)


def is_float(value: Any) -> bool:
    if isinstance(value, str):
        return parse_float(value) is not None and not is_int(value)
    return isinstance(value, float)


def _any_float(values: tuple[Any, ...]) -> bool:
    return any(map(is_float, values))


def add(*values: Any) -> Any:
    if _any_float(values):
        return float(sum(map(conv_float, values)))
    return Int64(wrap64(sum(map(conv_int, values))))


def mul(*values: Any) -> Any:
    if _any_float(values):
        return float(math.prod(map(conv_float, values)))
    return Int64(wrap64(math.prod(map(conv_int, values))))


def sub(one: Any, two: Any) -> Any:
    if _any_float((one, two)):
        return conv_float(one) - conv_float(two)
    return Int64(wrap64(conv_int(one) - conv_int(two)))


def div(one: Any, two: Any) -> float:
    divisor = conv_float(two)
    if divisor == 0:
        raise FunctionError("error: division by 0")
    return conv_float(one) / divisor


def rem(one: Any, two: Any) -> Int64:
    return Int64(quotient(conv_int(one), conv_int(two))[1])


def power(base: Any, exponent: Any) -> Any:
    try:
        result = math.pow(conv_float(base), conv_float(exponent))
    except OverflowError:
        result = math.inf
    except ValueError:
        result = math.nan if conv_float(base) else math.inf
    return result if is_float(base) else Int64(float_to_int(result))


def seq(*bounds: Any) -> Int64List:
    """Seq end; seq start end; seq start end step: the end is included if a step hits it."""
    if not bounds:
        raise FunctionError("math.Seq must be given at least an 'end' value")
    numbers = [conv_int(bound) for bound in bounds[:3]]
    start, end = (1, numbers[0]) if len(numbers) == 1 else (numbers[0], numbers[1])
    step = abs(numbers[2]) if len(numbers) == 3 else 1
    if step == 0:
        return Int64List()
    if end == start:
        return Int64List((Int64(start),))
    if abs(end - start) // step > _MAX_ITEMS:
        raise FunctionError("math.Seq: too many numbers")
    return Int64List(map(Int64, range(start, end + 1, step) if end > start else range(start, end - 1, -step)))


def absolute(value: Any) -> Any:
    result = abs(conv_float(value))
    return Int64(float_to_int(result)) if is_int(value) else result


def _extreme(pick: Callable[..., Any]) -> Callable[..., Any]:
    def find(first: Any, *others: Any) -> Any:
        values = (first, *others)
        if not _any_float(values):
            return Int64(pick(map(conv_int, values)))
        numbers = list(map(conv_float, values))
        return math.nan if any(map(math.isnan, numbers)) else pick(numbers)

    return find


def _whole(pick: Callable[[float], float]) -> Callable[[Any], float]:
    def compute(value: Any) -> float:
        number = conv_float(value)
        return number if math.isnan(number) or math.isinf(number) else math.copysign(float(pick(number)), number)

    return compute


def half_away(number: float) -> float:
    """math.Round: half away from zero."""
    whole = math.trunc(number)
    return float(whole + (1 if number > 0 else -1)) if abs(number - whole) >= 0.5 else float(whole)


def table(host: Host) -> Mapping[str, Any]:  # noqa: ARG001  one signature for all libraries
    """The functions of this library by name."""
    members = {
        "IsInt": GoFunc(is_int, "any"),
        "IsFloat": GoFunc(is_float, "any"),
        "IsNum": GoFunc(lambda value: is_int(value) or is_float(value), "any"),
        "Abs": GoFunc(absolute, "any"),
        "Add": GoFunc(add, "...any"),
        "Mul": GoFunc(mul, "...any"),
        "Sub": GoFunc(sub, "any", "any"),
        "Div": GoFunc(div, "any", "any"),
        "Rem": GoFunc(rem, "any", "any"),
        "Pow": GoFunc(power, "any", "any"),
        "Seq": GoFunc(seq, "...any"),
        "Max": GoFunc(_extreme(max), "any", "...any"),
        "Min": GoFunc(_extreme(min), "any", "...any"),
        "Ceil": GoFunc(_whole(math.ceil), "any"),
        "Floor": GoFunc(_whole(math.floor), "any"),
        "Round": GoFunc(_whole(half_away), "any"),
    }
    aliases = ("Add", "Sub", "Mul", "Div", "Rem", "Pow", "Seq")
    functions: dict[str, Any] = {name.lower(): members[name] for name in aliases}
    return functions | {"math": Namespace("math", members)}
