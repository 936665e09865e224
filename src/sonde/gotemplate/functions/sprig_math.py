"""sprig: numbers."""

import math
from collections.abc import Callable, Mapping
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Any

from sonde.gotemplate.errors import FunctionError
from sonde.gotemplate.fmt import sprint
from sonde.gotemplate.functions.casts import cast_float, cast_int
from sonde.gotemplate.functions.host import Host
from sonde.gotemplate.values import INT_MAX, INT_MIN, GoFunc, Int64, IntList, wrap64

_MAX_ITEMS = 10_000_000


def add(*numbers: Any) -> Int64:
    return Int64(wrap64(sum(map(cast_int, numbers))))


def mul(first: Any, *numbers: Any) -> Int64:
    return Int64(wrap64(cast_int(first) * math.prod(map(cast_int, numbers))))


def quotient(first: Any, second: Any) -> tuple[int, int]:
    """Go's integer division, which truncates, and its remainder, which has the sign of the first number."""
    one, two = cast_int(first), cast_int(second)
    if two == 0:
        raise FunctionError("runtime error: integer divide by zero")
    whole = abs(one) // abs(two) * (1 if (one < 0) == (two < 0) else -1)
    return wrap64(whole), one - whole * two


def until_step(start: int, stop: int, step: int) -> IntList:
    if (stop < start and step >= 0) or (stop >= start and step <= 0):
        return IntList()
    steps = range(start, stop, step)
    if len(steps) > _MAX_ITEMS:
        raise FunctionError(f"untilStep: {len(steps)} numbers are too many")
    return IntList(steps)


def until(count: int) -> IntList:
    return until_step(0, count, -1 if count < 0 else 1)


def seq(*numbers: int) -> str:
    """Seq 5, seq 1 5, seq 1 2 9 (start, step, end)."""
    if len(numbers) not in (1, 2, 3):
        return ""
    start, end = (1, numbers[0]) if len(numbers) == 1 else (numbers[0], numbers[-1])
    direction = -1 if end < start else 1
    step = numbers[1] if len(numbers) == 3 else direction
    if len(numbers) == 3 and direction < 0 and step > 0:
        return ""
    return " ".join(map(str, until_step(start, end + direction, step)))


def to_decimal(value: Any) -> Int64:
    """The value's text read as an octal number."""
    text = sprint(value)
    digits = text.lstrip("+-") if text[:2] not in ("+-", "-+", "--", "++") else ""
    if not digits or set(digits) - set("01234567"):
        return Int64(0)
    number = int(text, 8)
    return Int64(number if INT_MIN <= number <= INT_MAX else 0)


def round_at(value: Any, places: int, *on: float) -> float:
    """Round to places; a fraction of `on` (0.5) or more goes up."""
    factor = math.pow(10, places) if abs(places) <= 308 else (math.inf if places > 0 else 0.0)
    digit = factor * cast_float(value)
    if math.isnan(digit) or math.isinf(digit):
        return math.nan
    fraction = math.modf(digit)[0]
    whole = math.ceil(digit) if fraction >= (on[0] if on else 0.5) else math.floor(digit)
    return _over(float(whole), factor)


def _over(number: float, factor: float) -> float:
    if factor == 0:
        return math.nan if number == 0 else math.copysign(math.inf, number)
    return number / factor


_DECIMAL = Context(prec=400)


def _decimal(value: Any) -> Decimal:
    number = cast_float(value)
    if math.isnan(number) or math.isinf(number):
        raise FunctionError(
            f"Cannot create a Decimal from {'NaN' if math.isnan(number) else '+Inf' if number > 0 else '-Inf'}"
        )
    return Decimal(repr(number))


def _exactly(operation: Callable[[Decimal, Decimal], Decimal]) -> Callable[..., float]:
    def compute(first: Any, *others: Any) -> float:
        result = _decimal(first)
        for other in others:
            result = operation(result, _decimal(other))
        return float(result) or 0.0

    return compute


def _divide(first: Decimal, second: Decimal) -> Decimal:
    """shopspring/decimal: 16 places after the point, half away from zero."""
    if second == 0:
        raise FunctionError("decimal division by 0")
    return _DECIMAL.divide(first, second).quantize(Decimal("1e-16"), rounding=ROUND_HALF_UP, context=_DECIMAL)


def _extreme(pick: Callable[..., Any], cast: Callable[[Any], Any], wrap: Callable[[Any], Any]) -> Callable[..., Any]:
    def find(first: Any, *others: Any) -> Any:
        numbers = [cast(first), *map(cast, others)]
        if any(number != number for number in numbers):  # noqa: PLR0124  the usual test for NaN
            return math.nan
        return wrap(pick(numbers))

    return find


def _whole(pick: Callable[[float], int]) -> Callable[[Any], float]:
    def compute(value: Any) -> float:
        number = cast_float(value)
        return number if math.isnan(number) or math.isinf(number) else math.copysign(float(pick(number)), number)

    return compute


def _rand_int(host: Host, low: int, high: int) -> int:
    if high <= low:
        raise FunctionError("invalid argument to Intn")
    return host.chance().randrange(low, high)


def _atoi(text: str) -> int:
    digits = text[1:] if text[:1] in ("+", "-") else text
    if not (digits.isascii() and digits.isdecimal()):
        return 0
    return max(INT_MIN, min(INT_MAX, int(text)))


def table(host: Host) -> Mapping[str, GoFunc]:
    """The functions of this library by name."""
    plus, minus = _exactly(_DECIMAL.add), _exactly(_DECIMAL.subtract)
    largest = GoFunc(_extreme(max, cast_int, Int64), "any", "...any")
    return {
        "atoi": GoFunc(_atoi, "string"),
        "int": GoFunc(cast_int, "any"),
        "int64": GoFunc(lambda value: Int64(cast_int(value)), "any"),
        "float64": GoFunc(cast_float, "any"),
        "seq": GoFunc(seq, "...int"),
        "toDecimal": GoFunc(to_decimal, "any"),
        "until": GoFunc(until, "int"),
        "untilStep": GoFunc(until_step, "int", "int", "int"),
        "add1": GoFunc(lambda value: add(value, 1), "any"),
        "add": GoFunc(add, "...any"),
        "sub": GoFunc(lambda one, two: Int64(wrap64(cast_int(one) - cast_int(two))), "any", "any"),
        "div": GoFunc(lambda one, two: Int64(quotient(one, two)[0]), "any", "any"),
        "mod": GoFunc(lambda one, two: Int64(quotient(one, two)[1]), "any", "any"),
        "mul": GoFunc(mul, "any", "...any"),
        "randInt": GoFunc(lambda low, high: _rand_int(host, low, high), "int", "int"),
        "add1f": GoFunc(lambda value: plus(value, 1), "any"),
        "addf": GoFunc(lambda *values: plus(0.0, *values), "...any"),
        "subf": GoFunc(minus, "any", "...any"),
        "divf": GoFunc(_exactly(_divide), "any", "...any"),
        "mulf": GoFunc(_exactly(_DECIMAL.multiply), "any", "...any"),
        "biggest": largest,
        "max": largest,
        "min": GoFunc(_extreme(min, cast_int, Int64), "any", "...any"),
        "maxf": GoFunc(_extreme(max, cast_float, float), "any", "...any"),
        "minf": GoFunc(_extreme(min, cast_float, float), "any", "...any"),
        "ceil": GoFunc(_whole(math.ceil), "any"),
        "floor": GoFunc(_whole(math.floor), "any"),
        "round": GoFunc(round_at, "any", "int", "...float64"),
    }
