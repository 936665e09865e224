"""The functions of GitHub's expression language, as a table of names (lower case: they are called without case)."""

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sonde.sandbox.runner.model import ExpressionError
from sonde.sandbox.runner.values import equal, is_number, to_text

PLACEHOLDER = re.compile(r"\{\{|\}\}|\{(\d+)\}|[{}]")
UNBOUNDED = 255


@dataclass(frozen=True)
class Function:
    run: Callable[..., Any]
    at_least: int
    at_most: int


@dataclass(frozen=True)
class Status:
    """What the status functions of an `if` ask.

    `failed` and `incomplete` tell of the steps before, or of the jobs needed; `cancelled` of the run.
    """

    failed: bool = False
    incomplete: bool = False  # a needed job was skipped or cancelled: neither success() nor failure()
    cancelled: bool = False


def is_container(value: Any) -> bool:
    return isinstance(value, (Mapping, list))


def contains(search: Any, item: Any) -> bool:
    if isinstance(search, list):
        return any(equal(element, item) for element in search)
    if is_container(search) or is_container(item):
        return False
    return to_text(item).lower() in to_text(search).lower()


def starts_with(text: Any, prefix: Any) -> bool:
    both_texts = not (is_container(text) or is_container(prefix))
    return both_texts and to_text(text).lower().startswith(to_text(prefix).lower())


def ends_with(text: Any, suffix: Any) -> bool:
    both_texts = not (is_container(text) or is_container(suffix))
    return both_texts and to_text(text).lower().endswith(to_text(suffix).lower())


def format_text(template: Any, *arguments: Any) -> str:
    """`format('{0} is {{x}}', 1)` → `1 is {x}`. ExpressionError on a lone brace or a missing argument."""

    def replaced(match: re.Match[str]) -> str:
        if match[0] in ("{{", "}}"):
            return match[0][0]
        if match[1] is None or int(match[1]) >= len(arguments):
            raise ExpressionError(f"format() cannot fill '{match[0]}' of '{to_text(template)}'")
        return to_text(arguments[int(match[1])])

    return PLACEHOLDER.sub(replaced, to_text(template))


def join(items: Any, separator: Any = ",") -> str:
    between = "" if is_container(separator) else to_text(separator)
    if isinstance(items, list):
        return between.join(to_text(item) for item in items)
    return "" if isinstance(items, Mapping) else to_text(items)


def plain(value: Any) -> Any:
    """The value as json writes it: whole numbers without a fraction, mappings as dicts."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    if is_number(value) and math.isfinite(value) and float(value).is_integer():
        return int(value)
    return value


def to_json(value: Any) -> str:
    return json.dumps(plain(value), indent=2, ensure_ascii=False)


def from_json(text: Any) -> Any:
    try:
        return json.loads(to_text(text))
    except (ValueError, RecursionError) as error:
        raise ExpressionError(f"fromJSON() cannot read {to_text(text)!r}: {error}") from error


FUNCTIONS: dict[str, Function] = {
    "contains": Function(contains, 2, 2),
    "startswith": Function(starts_with, 2, 2),
    "endswith": Function(ends_with, 2, 2),
    "format": Function(format_text, 1, UNBOUNDED),
    "join": Function(join, 1, 2),
    "tojson": Function(to_json, 1, 1),
    "fromjson": Function(from_json, 1, 1),
}

STATUS_FUNCTIONS: dict[str, Callable[[Status], bool]] = {
    "success": lambda status: not (status.failed or status.incomplete or status.cancelled),
    "failure": lambda status: status.failed and not status.cancelled,
    "cancelled": lambda status: status.cancelled,
    "always": lambda _status: True,
}
