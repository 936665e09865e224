"""JSON Schema (draft 2020-12, the keywords that manifests need) compiled into closures that answer with failures.

A check takes a value and its path and gives the failures, an empty tuple when there are none. Unknown keywords are
ignored, as the standard says. References are local (`#/…`).
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from sonde.stacks.errors import StacksError
from sonde.stacks.goyaml import Tagged

Path = tuple[str | int, ...]
INCLUDE_HINT = "file references must use the !include YAML tag"


class Failure(NamedTuple):
    """What is wrong at a path; without a text it only groups the failures below it."""

    path: Path
    text: str


Failures = Sequence[Failure]
Check = Callable[[Any, Path], Failures]
FINE: Failures = ()

Schema = Mapping[str, Any] | bool


def compile_schema(schema: Schema) -> Check:
    """Compile a whole document. Raises `StacksError` for a reference that leads nowhere and a pattern that is none."""
    return _Compiler(schema).compile(schema)


def kind_of(value: Any) -> str:
    """The JSON type of a loaded value; a YAML function counts as the string that stands for it."""
    if isinstance(value, Tagged):
        return "array" if isinstance(value.value, list) else "string"
    return _KINDS.get(type(value), "null")


_KINDS = {dict: "object", str: "string", bool: "boolean", int: "number", float: "number", list: "array"}


def text_of(value: Any) -> str:
    return value.text if isinstance(value, Tagged) else str(value)


def items_of(value: Any) -> list[Any]:
    items: list[Any] = value.value if isinstance(value, Tagged) else value
    return items


class _Compiler:
    def __init__(self, root: Schema) -> None:
        self.root = root
        self.known: dict[str, Check] = {}

    def compile(self, schema: Schema) -> Check:
        if isinstance(schema, bool):
            return _anything if schema else _nothing
        checks: list[Check] = []
        for keyword, build in _BUILDERS.items():
            if keyword in schema:
                checks.append(build(self, schema, schema[keyword]))
        if "properties" in schema or "patternProperties" in schema or "additionalProperties" in schema:
            checks.append(_members(self, schema))
        return _all(checks)

    def reference(self, pointer: str) -> Check:
        """A check that is compiled when first used, so that schemas may refer to themselves."""
        if pointer not in self.known:
            target = self.resolve(pointer)
            compiled: list[Check] = []

            def check(value: Any, path: Path) -> Failures:
                if not compiled:
                    compiled.append(self.compile(target))
                return compiled[0](value, path)

            self.known[pointer] = check
        return self.known[pointer]

    def resolve(self, pointer: str) -> Schema:
        target: Any = self.root
        for step in pointer.removeprefix("#").strip("/").split("/"):
            name = step.replace("~1", "/").replace("~0", "~")
            if name and not (isinstance(target, Mapping) and name in target):
                raise StacksError(f"invalid JSON schema: nothing at the reference '{pointer}'")
            target = target[name] if name else target
        found: Schema = target
        return found

    def types(self, schema: Schema) -> tuple[str, ...]:
        """The types a schema admits at most, `integer` as `number`; empty when it does not say."""
        while isinstance(schema, Mapping) and "$ref" in schema and "type" not in schema:
            schema = self.resolve(schema["$ref"])
        if isinstance(schema, bool) or "type" not in schema:
            return ()
        named = schema["type"]
        listed = [named] if isinstance(named, str) else named
        return tuple("number" if name == "integer" else name for name in listed)


def _anything(value: Any, path: Path) -> Failures:
    del value, path
    return FINE


def _nothing(value: Any, path: Path) -> Failures:
    del value
    return (Failure(path, "not allowed"),)


def _all(checks: Sequence[Check]) -> Check:
    if len(checks) == 1:
        return checks[0]

    def check(value: Any, path: Path) -> Failures:
        found: Failures = FINE
        for each in checks:
            if failures := each(value, path):
                found = (*found, *failures)
                if each is checks[0]:
                    return found  # a wrong type says it all
        return found

    return check


def _ref(compiler: _Compiler, schema: Mapping[str, Any], pointer: str) -> Check:
    del schema
    if not pointer.startswith("#"):
        raise StacksError(
            f"invalid JSON schema: the reference '{pointer}' leaves the file", hints=["Inline what it refers to."]
        )
    return compiler.reference(pointer)


def _type(compiler: _Compiler, schema: Mapping[str, Any], named: Any) -> Check:
    del compiler, schema
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


def _members(compiler: _Compiler, schema: Mapping[str, Any]) -> Check:
    """`properties`, `patternProperties` and `additionalProperties`, which depend on each other."""
    named = {name: compiler.compile(inner) for name, inner in schema.get("properties", {}).items()}
    patterns = [(_regex(text), compiler.compile(inner)) for text, inner in schema.get("patternProperties", {}).items()]
    additional = schema.get("additionalProperties", True)
    rest = None if additional is False else compiler.compile(additional)

    def check(value: Any, path: Path) -> Failures:
        if type(value) is not dict:
            return FINE
        found: list[Failure] = []
        unknown: list[str] = []
        for key, item in value.items():
            checks = [named[key]] if key in named else []
            checks += [inner for pattern, inner in patterns if pattern.search(key)]
            if not checks:
                if rest is None:
                    unknown.append(key)
                    continue
                checks = [rest]
            for each in checks:
                if each is not _anything:
                    found += each(item, (*path, key))
        if unknown:
            listed = ", ".join(f"'{key}'" for key in sorted(unknown))
            found.insert(0, Failure(path, f"additionalProperties {listed} not allowed"))
        return found

    return check


def _required(compiler: _Compiler, schema: Mapping[str, Any], names: Sequence[str]) -> Check:
    del compiler, schema

    def check(value: Any, path: Path) -> Failures:
        missing = [name for name in names if name not in value] if type(value) is dict else []
        return (
            (Failure(path, "missing properties: " + ", ".join(f"'{name}'" for name in missing)),) if missing else FINE
        )

    return check


def _items(compiler: _Compiler, schema: Mapping[str, Any], inner: Any) -> Check:
    del schema
    each = compiler.compile(inner)

    def check(value: Any, path: Path) -> Failures:
        if kind_of(value) != "array":
            return FINE
        return [failure for index, item in enumerate(items_of(value)) for failure in each(item, (*path, index))]

    return check


def _unique(compiler: _Compiler, schema: Mapping[str, Any], wanted: Any) -> Check:
    del compiler, schema

    def check(value: Any, path: Path) -> Failures:
        if not wanted or kind_of(value) != "array":
            return FINE
        items = items_of(value)
        for second, item in enumerate(items):
            first = next((index for index in range(second) if _equal(items[index], item)), None)
            if first is not None:
                return (Failure(path, f"items at index {first} and {second} are equal"),)
        return FINE

    return check


def _equal(one: Any, two: Any) -> bool:
    return kind_of(one) == kind_of(two) and bool(one == two)


def _one_of(compiler: _Compiler, schema: Mapping[str, Any], branches: Sequence[Schema]) -> Check:
    del schema
    checks = [(compiler.types(branch), compiler.compile(branch)) for branch in branches]
    includes = [_is_include(compiler, branch) for branch in branches]
    expected = " or ".join(dict.fromkeys(name for types, _ in checks for name in types))
    total = all(types for types, _ in checks)

    def check(value: Any, path: Path) -> Failures:
        kind = kind_of(value)
        met = [index for index, (types, _) in enumerate(checks) if not types or kind in types]
        if not met:
            return (Failure(path, f"expected {expected}, but got {kind}"),)
        results = [(index, checks[index][1](value, path)) for index in met]
        passed = [index for index, failures in results if not failures]
        if len(passed) == 1:
            return FINE
        if passed:
            return (Failure(path, f"valid against schemas at indexes {passed[0]} and {passed[1]}"),)
        return _closest(path, [(includes[index], failures) for index, failures in results], grouped=total)

    return check


def _is_include(compiler: _Compiler, branch: Schema) -> bool:
    if isinstance(branch, Mapping) and "$ref" in branch:
        branch = compiler.resolve(branch["$ref"])
    return isinstance(branch, Mapping) and branch.get("pattern") == "^!include"


def _closest(path: Path, results: Sequence[tuple[bool, Failures]], *, grouped: bool) -> Failures:
    """The failures of the branch that was meant: of the right type, and not the include."""
    own = [failures for include, failures in results if not include]
    if not own:
        return (Failure(path, INCLUDE_HINT),)
    meant = min(own, key=len)
    return (Failure(path, ""), *meant) if grouped and _roots(meant) > 1 else meant


def _roots(failures: Failures) -> int:
    """Count failures, a group with all that it groups as one."""
    count, group = 0, None
    for failure in failures:
        if group is None or failure.path[: len(group)] != group:
            count += 1
            group = None if failure.text else failure.path
    return count


def _any_of(compiler: _Compiler, schema: Mapping[str, Any], branches: Sequence[Schema]) -> Check:
    del schema
    checks = [compiler.compile(branch) for branch in branches]

    def check(value: Any, path: Path) -> Failures:
        found = []
        for each in checks:
            failures = each(value, path)
            if not failures:
                return FINE
            found.append((False, failures))
        return _closest(path, found, grouped=True)

    return check


def _all_of(compiler: _Compiler, schema: Mapping[str, Any], branches: Sequence[Schema]) -> Check:
    del schema
    checks = [compiler.compile(branch) for branch in branches]
    return lambda value, path: [failure for each in checks for failure in each(value, path)]


def _not(compiler: _Compiler, schema: Mapping[str, Any], inner: Schema) -> Check:
    del schema
    check = compiler.compile(inner)
    return lambda value, path: FINE if check(value, path) else (Failure(path, "not failed"),)


def _if(compiler: _Compiler, schema: Mapping[str, Any], condition: Schema) -> Check:
    test = compiler.compile(condition)
    then, otherwise = compiler.compile(schema.get("then", True)), compiler.compile(schema.get("else", True))
    return lambda value, path: otherwise(value, path) if test(value, path) else then(value, path)


def _enum(compiler: _Compiler, schema: Mapping[str, Any], allowed: Sequence[Any]) -> Check:
    del compiler, schema
    listed = ", ".join(f'"{value}"' if isinstance(value, str) else str(value) for value in allowed)

    def check(value: Any, path: Path) -> Failures:
        plain = value.text if isinstance(value, Tagged) and isinstance(value.value, str) else value
        if any(_equal(plain, each) for each in allowed):
            return FINE
        return (Failure(path, f"value must be one of {listed}"),)

    return check


def _const(compiler: _Compiler, schema: Mapping[str, Any], wanted: Any) -> Check:
    return _enum(compiler, schema, [wanted])


def _pattern(compiler: _Compiler, schema: Mapping[str, Any], text: str) -> Check:
    del compiler, schema
    pattern = _regex(text)

    def check(value: Any, path: Path) -> Failures:
        if kind_of(value) != "string" or pattern.search(text_of(value)):
            return FINE
        return (Failure(path, f"does not match pattern '{text}'"),)

    return check


def _regex(text: str) -> re.Pattern[str]:
    try:
        return re.compile(text)
    except re.error as error:
        raise StacksError(f"invalid JSON schema: the pattern '{text}' is not a regular expression: {error}") from error


def _bound(kind: str, size: Callable[[Any], float], fits: Callable[[float, float], bool], words: str) -> Any:
    """A builder for a numeric limit on values of a kind; `words` has the limit and what was found."""

    def build(compiler: _Compiler, schema: Mapping[str, Any], limit: float) -> Check:
        del compiler, schema

        def check(value: Any, path: Path) -> Failures:
            if kind_of(value) != kind or fits(size(value), limit):
                return FINE
            return (Failure(path, words.format(limit=limit, found=size(value))),)

        return check

    return build


def _multiple(compiler: _Compiler, schema: Mapping[str, Any], step: float) -> Check:
    del compiler, schema

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


_BUILDERS: Mapping[str, Callable[[_Compiler, Mapping[str, Any], Any], Check]] = {
    "type": _type,
    "$ref": _ref,
    "enum": _enum,
    "const": _const,
    "required": _required,
    "items": _items,
    "uniqueItems": _unique,
    "oneOf": _one_of,
    "anyOf": _any_of,
    "allOf": _all_of,
    "not": _not,
    "if": _if,
    "pattern": _pattern,
    "multipleOf": _multiple,
    "minimum": _bound("number", float, _at_least, "must be >= {limit} but found {found:g}"),
    "maximum": _bound("number", float, _at_most, "must be <= {limit} but found {found:g}"),
    "exclusiveMinimum": _bound(
        "number", float, lambda found, limit: found > limit, "must be > {limit} but found {found:g}"
    ),
    "exclusiveMaximum": _bound(
        "number", float, lambda found, limit: found < limit, "must be < {limit} but found {found:g}"
    ),
    "minLength": _bound("string", _length, _at_least, "length must be >= {limit}, but got {found}"),
    "maxLength": _bound("string", _length, _at_most, "length must be <= {limit}, but got {found}"),
    "minItems": _bound("array", _count, _at_least, "minimum {limit} items required, but found {found} items"),
    "maxItems": _bound("array", _count, _at_most, "maximum {limit} items required, but found {found} items"),
    "minProperties": _bound(
        "object", len, _at_least, "minimum {limit} properties allowed, but found {found} properties"
    ),
    "maxProperties": _bound(
        "object", len, _at_most, "maximum {limit} properties allowed, but found {found} properties"
    ),
}
