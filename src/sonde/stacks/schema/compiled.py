"""JSON Schema (draft 2020-12, the keywords that manifests need) compiled into closures that answer with failures.

A check takes a value and its path and gives the failures, an empty tuple when there are none. Unknown keywords are
ignored, as the standard says. References are local (`#/…`).
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sonde.stacks.errors import StacksError
from sonde.stacks.schema.failures import FINE, Check, Failure, Failures, Path, items_of, kind_of
from sonde.stacks.schema.limits import KEYWORDS, regex

INCLUDE_HINT = "file references must use the !include YAML tag"

Schema = Mapping[str, Any] | bool


def compile_schema(schema: Schema) -> Check:
    """Compile a whole document. Raises `StacksError` for a reference that leads nowhere and a pattern that is none."""
    return _Compiler(schema).compile(schema)


class _Compiler:
    def __init__(self, root: Schema) -> None:
        self.root = root
        self.known: dict[str, Check] = {}

    def compile(self, schema: Schema) -> Check:
        if isinstance(schema, bool):
            return _anything if schema else _nothing
        checks = [build(schema[keyword]) for keyword, build in KEYWORDS.items() if keyword in schema]
        checks += [build(self, schema, schema[keyword]) for keyword, build in _STRUCTURE.items() if keyword in schema]
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


def _members(compiler: _Compiler, schema: Mapping[str, Any]) -> Check:
    """`properties`, `patternProperties` and `additionalProperties`, which depend on each other."""
    named = {name: compiler.compile(inner) for name, inner in schema.get("properties", {}).items()}
    patterns = [(regex(text), compiler.compile(inner)) for text, inner in schema.get("patternProperties", {}).items()]
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


def _items(compiler: _Compiler, schema: Mapping[str, Any], inner: Any) -> Check:
    del schema
    each = compiler.compile(inner)

    def check(value: Any, path: Path) -> Failures:
        if kind_of(value) != "array":
            return FINE
        return [failure for index, item in enumerate(items_of(value)) for failure in each(item, (*path, index))]

    return check


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


_STRUCTURE: Mapping[str, Callable[[_Compiler, Mapping[str, Any], Any], Check]] = {
    "$ref": _ref,
    "items": _items,
    "oneOf": _one_of,
    "anyOf": _any_of,
    "allOf": _all_of,
    "not": _not,
    "if": _if,
}
