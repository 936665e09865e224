"""The keywords of JSON Schema that look at one value alone: kinds, limits, patterns, enumerations."""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sonde.stacks.errors import StacksError
from sonde.stacks.goyaml import Tagged
from sonde.stacks.schema.failures import FINE, Check, Failure, Failures, Path, equal, items_of, kind_of, text_of


def kinds(named: Any) -> Check:
    listed = [named] if isinstance(named, str) else list(named)
    kinds = frozenset("number" if name == "integer" else name for name in listed)
    whole = "integer" in listed and "number" not in listed
    expected = " or ".join(listed)

    def check(value: Any, path: Path) -> Failures:
        kind = kind_of(value)
        if kind not in kinds:
            return (Failure(path, f"expected {expected}, but got {kind}"),)
        if whole and isinstance(value, float) and not value.is_integer():
            return (Failure(path, f"expected {expected}, but got number"),)
        return FINE

    return check


def required(names: Sequence[str]) -> Check:

    def check(value: Any, path: Path) -> Failures:
        missing = [name for name in names if name not in value] if type(value) is dict else []
        return (
            (Failure(path, "missing properties: " + ", ".join(f"'{name}'" for name in missing)),) if missing else FINE
        )

    return check


def unique(wanted: Any) -> Check:

    def check(value: Any, path: Path) -> Failures:
        if not wanted or kind_of(value) != "array":
            return FINE
        items = items_of(value)
        for second, item in enumerate(items):
            first = next((index for index in range(second) if equal(items[index], item)), None)
            if first is not None:
                return (Failure(path, f"items at index {first} and {second} are equal"),)
        return FINE

    return check


def enum(allowed: Sequence[Any]) -> Check:
    listed = ", ".join(f'"{value}"' if isinstance(value, str) else str(value) for value in allowed)

    def check(value: Any, path: Path) -> Failures:
        plain = value.text if isinstance(value, Tagged) and isinstance(value.value, str) else value
        if any(equal(plain, each) for each in allowed):
            return FINE
        return (Failure(path, f"value must be one of {listed}"),)

    return check


def const(wanted: Any) -> Check:
    return enum([wanted])


def pattern(text: str) -> Check:
    compiled = regex(text)

    def check(value: Any, path: Path) -> Failures:
        if kind_of(value) != "string" or compiled.search(text_of(value)):
            return FINE
        return (Failure(path, f"does not match pattern '{text}'"),)

    return check


def regex(text: str) -> re.Pattern[str]:
    try:
        return re.compile(text)
    except re.error as error:
        raise StacksError(f"invalid JSON schema: the pattern '{text}' is not a regular expression: {error}") from error


def bound(kind: str, size: Callable[[Any], float], fits: Callable[[float, float], bool], words: str) -> Any:
    """A builder for a numeric limit on values of a kind; `words` has the limit and what was found."""

    def build(limit: float) -> Check:

        def check(value: Any, path: Path) -> Failures:
            if kind_of(value) != kind or fits(size(value), limit):
                return FINE
            return (Failure(path, words.format(limit=limit, found=size(value))),)

        return check

    return build


def multiple(step: float) -> Check:

    def check(value: Any, path: Path) -> Failures:
        if kind_of(value) != "number" or math.isclose(value / step, round(value / step), rel_tol=0, abs_tol=1e-12):
            return FINE
        return (Failure(path, f"{value} not multipleOf {step}"),)

    return check


def _at_least(found: float, limit: float) -> bool:
    return found >= limit


def _at_most(found: float, limit: float) -> bool:
    return found <= limit


def _length(value: Any) -> int:
    return len(text_of(value))


def _count(value: Any) -> int:
    return len(items_of(value))


KEYWORDS: Mapping[str, Callable[[Any], Check]] = {
    "type": kinds,
    "enum": enum,
    "const": const,
    "required": required,
    "uniqueItems": unique,
    "pattern": pattern,
    "multipleOf": multiple,
    "minimum": bound("number", float, _at_least, "must be >= {limit} but found {found:g}"),
    "maximum": bound("number", float, _at_most, "must be <= {limit} but found {found:g}"),
    "exclusiveMinimum": bound(
        "number", float, lambda found, limit: found > limit, "must be > {limit} but found {found:g}"
    ),
    "exclusiveMaximum": bound(
        "number", float, lambda found, limit: found < limit, "must be < {limit} but found {found:g}"
    ),
    "minLength": bound("string", _length, _at_least, "length must be >= {limit}, but got {found}"),
    "maxLength": bound("string", _length, _at_most, "length must be <= {limit}, but got {found}"),
    "minItems": bound("array", _count, _at_least, "minimum {limit} items required, but found {found} items"),
    "maxItems": bound("array", _count, _at_most, "maximum {limit} items required, but found {found} items"),
    "minProperties": bound(
        "object", len, _at_least, "minimum {limit} properties allowed, but found {found} properties"
    ),
    "maxProperties": bound("object", len, _at_most, "maximum {limit} properties allowed, but found {found} properties"),
}
