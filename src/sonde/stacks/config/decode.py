"""From merged YAML to the decoded struct: weak typing as viper's, unknown keys dropped, wrong types named (stacks.md §1)."""

import re
from functools import cache
from typing import Any

from sonde.stacks.config.shape import Shape
from sonde.stacks.errors import StacksError
from sonde.stacks.goyaml.gotext import go_text

_TRUE = frozenset({"1", "t", "T", "TRUE", "true", "True"})
_FALSE = frozenset({"", "0", "f", "F", "FALSE", "false", "False"})
_DURATION = r"([0-9]*\.?[0-9]+)(ns|us|µs|ms|s|m|h)"
_NANOSECONDS = {"ns": 1, "us": 1_000, "µs": 1_000, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9}
ELEMENT = re.compile(r"\[\d+\]$")  # a list's element under its own key, which only free maps show
PREDICATES = frozenset(("always", "ci", "failure", "local", "never", "success"))
_EMPTY: dict[str, Any] = {"s": "", "b": False, "i": 0, "f": 0.0, "d": 0}


def decode(raw: dict[str, Any], shape: Shape, below: str = "") -> dict[str, Any]:
    """Give the struct of a merged, lower-cased configuration, or of the part `below` a path.

    Raises `StacksError` that names every key of a wrong type.
    """
    problems: list[str] = []
    result = _struct(raw, shape, below, problems)
    if problems:
        listed = "\n".join(sorted(problems))
        raise StacksError(f"decoding failed due to the following error(s):\n\n{listed}")
    return result


@cache
def _written(field: str) -> tuple[str, str]:
    printed, _, written = field.partition(":")
    return printed, written or printed.lower()


def _struct(raw: Any, shape: Shape, path: str, problems: list[str]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    if raw is None:
        raw = {}
    if not isinstance(raw, dict):
        problems.append(f"'{path}' expected a map or struct, got \"{_go_kind(raw)}\"")
        return result
    known = set()
    for field, kind in shape.items():
        if field == "*":
            continue
        printed, written = _written(field)
        known.add(written)
        _field(result, printed, raw.get(written), kind, f"{path}.{written}" if path else written, problems)
    if "*" in shape:
        result.update(
            (key, value)
            for key, value in raw.items()
            if key not in known and not _is_zero(value) and not ELEMENT.search(key)
        )
    return result


def _field(result: dict[str, Any], printed: str, raw: Any, kind: Any, path: str, problems: list[str]) -> None:
    """Put one field, unless it is empty and its kind leaves empty values out."""
    if isinstance(kind, dict):
        result[printed] = _struct(raw, kind, path, problems)
        return
    if isinstance(kind, tuple):
        _nested(result, printed, raw, kind, path, problems)
        return
    if kind == "b!":
        # A pointer to a boolean: absent when not written, printed even when false.
        if raw is not None:
            result[printed] = _scalar(raw, "b", path, problems)
        return
    value = _value(raw, kind.rstrip("?"), path, problems)
    if not (kind.endswith("?") and _is_zero(value)):
        result[printed] = value


def _nested(
    result: dict[str, Any], printed: str, raw: Any, kind: tuple[str, Shape], path: str, problems: list[str]
) -> None:
    form, shape = kind
    if raw is None:
        if form in ("[]", "steps", "{}"):
            result[printed] = None
        return
    if form == "?":
        result[printed] = _struct(raw, shape, path, problems)
    elif form.startswith("{}"):
        if not isinstance(raw, dict):
            problems.append(f"'{path}' expected a map, got '{_go_kind(raw)}'")
            return
        result[printed] = {key: _struct(item, shape, f"{path}.{key}", problems) for key, item in raw.items()}
    else:
        items = raw if isinstance(raw, list) else [raw]
        if form == "steps":
            items = [{"command": item} if isinstance(item, str) else item for item in items]
            items = [_step(item) if isinstance(item, dict) else item for item in items]
        if form == "names?":
            items = [{"name": item} if isinstance(item, str) else item for item in items]
        result[printed] = [_struct(item, shape, f"{path}[{index}]", problems) for index, item in enumerate(items)]


def _step(item: dict[str, Any]) -> dict[str, Any]:
    """A step of a custom command; what a container step does is said below its action's name."""
    step = {"type": "shell", **item}
    action = step.get("action")
    if (
        step["type"] == "container"
        and action in ("build", "run", "push", "inspect")
        and isinstance(step.get("with"), dict)
    ):
        step[action] = step.pop("with")
    return step


def _value(raw: Any, kind: str, path: str, problems: list[str]) -> Any:
    if kind in ("any", "when"):
        return raw if kind == "any" else _condition(raw)
    if kind == "[s]":
        return _strings(raw, path, problems)
    return _map(raw, kind, path, problems) if kind in ("{s}", "{any}") else _scalar(raw, kind, path, problems)


def _map(raw: Any, kind: str, path: str, problems: list[str]) -> dict[str, Any] | None:
    if raw is None:
        return None
    if not isinstance(raw, dict):
        problems.append(f"'{path}' expected a map, got '{_go_kind(raw)}'")
        return None
    return raw if kind == "{any}" else {key: _scalar(item, "s", f"{path}.{key}", problems) for key, item in raw.items()}


def _condition(raw: Any) -> Any:
    """A step's condition as the original prints it: names as they are, any other text as an expression, a list as `all`."""
    if isinstance(raw, str) and raw.strip():
        text = raw.strip()
        if text.lower() in PREDICATES:
            return text.lower()
        return "!cel " + (text[4:].strip() if text.lower().startswith("!cel") else text)
    if isinstance(raw, list):
        return {"all": [_condition(item) for item in raw]}
    if not isinstance(raw, dict) or len(raw) != 1:
        return None
    ((operator, inner),) = raw.items()
    if operator.lower() == "not":
        return {"not": _condition(inner)}
    return {operator.lower(): [_condition(item) for item in (inner if isinstance(inner, list) else [inner])]}


def _strings(raw: Any, path: str, problems: list[str]) -> list[Any] | None:
    if raw is None:
        return None
    if isinstance(raw, str):
        return raw.split(",") if raw else []
    items = raw if isinstance(raw, list) else [raw]
    return [_scalar(item, "s", f"{path}[{index}]", problems) for index, item in enumerate(items)]


def _scalar(raw: Any, kind: str, path: str, problems: list[str]) -> Any:
    if raw is None:
        return _EMPTY[kind]
    if isinstance(raw, (list, dict)):
        names = {"s": "string", "b": "bool", "i": "int", "f": "float64", "d": "int64"}
        problems.append(f"'{path}' expected type '{names[kind]}', got unconvertible type '{_go_type(raw)}'")
        return _EMPTY[kind]
    if kind == "s":
        return raw if isinstance(raw, str) else ("1" if raw else "0") if isinstance(raw, bool) else go_text(raw)
    if kind == "b":
        return _boolean(raw, path, problems)
    return _number(raw, kind, path, problems)


def _boolean(raw: Any, path: str, problems: list[str]) -> bool:
    if not isinstance(raw, str):
        return bool(raw)
    if raw in _TRUE or raw in _FALSE:
        return raw in _TRUE
    problems.append(f"cannot parse '{path}' as bool: strconv.ParseBool: parsing \"{raw}\": invalid syntax")
    return False


def _number(raw: Any, kind: str, path: str, problems: list[str]) -> int | float:
    if not isinstance(raw, str):
        return float(raw) if kind == "f" else int(raw)
    if kind == "d" and (parts := re.findall(_DURATION, raw)) and "".join(map("".join, parts)) == raw:
        return int(sum(float(number) * _NANOSECONDS[unit] for number, unit in parts))
    try:
        return float(raw or 0) if kind == "f" else int(raw or "0", 0)
    except ValueError:
        name = "float" if kind == "f" else "int"
        problems.append(f"cannot parse '{path}' as {name}: strconv.ParseInt: parsing \"{raw}\": invalid syntax")
        return 0


def _is_zero(value: Any) -> bool:
    return value is None or value is False or value == "" or value in (0, [], {})


def _go_kind(value: Any) -> str:
    if isinstance(value, bool):
        return "bool"
    return {str: "string", int: "int", float: "float64", list: "slice"}.get(type(value), "map")


def _go_type(value: Any) -> str:
    return "[]interface {}" if isinstance(value, list) else "map[string]interface {}"
