"""Go templates over whole configuration values (stacks.md §5).

The rule is Go Atmos': a value is written as YAML, the text is rendered, the result is parsed again. Almost always that
is the same as rendering each templated string by itself in the quotes the encoder gives it; that is what happens here,
and whatever does not fit (a template in a key, across strings, or one that breaks out of its quotes) takes the long way.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Literal

from sonde import gotemplate
from sonde.gotemplate import Template, TemplateError, functions
from sonde.stacks import goyaml, marks, yamldump
from sonde.stacks.goyaml.scalars import resolve

__all__ = [
    "Library",
    "Rendering",
    "TemplateError",
    "lookup",
    "plain_field",
    "render_text",
    "render_value",
    "structured",
]

DELIMITERS = ("{{", "}}")
_PLAIN_FIELD = re.compile(r"\s*\{\{-?\s*((?:\.[^\W\d]\w*)+)\s*-?\}\}\s*")
_LONGEST_REMEMBERED = 4096  # characters; whole dumps are rendered once
_HARMLESS = {"single": "'\n", "double": '"\\\n'}  # quotes -> what would mean something between them
_ACROSS = re.compile(r"\b(?:define|template|block)\b")


class Library:
    """A set of functions and the templates parsed with it, each once."""

    def __init__(self, functions: Mapping[str, Any]) -> None:
        self.functions = functions
        self._parsed: dict[tuple[str, str, tuple[str, str]], Template] = {}

    def parse(self, text: str, name: str, delimiters: tuple[str, str]) -> Template:
        """The template. Raises TemplateError."""
        key = (text, name, delimiters)
        known = self._parsed.get(key)
        if known is None:
            known = gotemplate.parse(text, name=name, delims=delimiters, functions=self.functions)
            if len(text) < _LONGEST_REMEMBERED:
                self._parsed[key] = known
        return known


def sprig_library() -> Library:
    """What templates of columns may call: sprig, with nothing of the world."""
    return Library(functions.sprig())


@dataclass(frozen=True)
class Rendering:
    """How to render: with which functions, the name for messages, and what a missing key gives."""

    library: Library = field(hash=False, compare=False)
    name: str
    missing: Literal["default", "error"] = "default"
    evaluations: int = 1
    delimiters: tuple[str, str] = DELIMITERS


class _LongWay(Exception):  # noqa: N818 - a signal, not an error
    """This value cannot be rendered string by string."""


def plain_field(text: str) -> list[str] | None:
    """The path of a string that is nothing but `{{ .a.b }}`, else None."""
    match = _PLAIN_FIELD.fullmatch(text)
    return match[1][1:].split(".") if match else None


def lookup(data: Any, path: list[str]) -> tuple[bool, Any]:
    """Follow keys through maps: whether all are there, and the value."""
    for part in path:
        if not isinstance(data, dict) or part not in data:
            return False, None
        data = data[part]
    return True, data


def structured(value: Any, context: Mapping[str, Any]) -> Any:
    """Each string that is just `{{ .a.b }}` replaced by the context's value with its type, where there is one."""
    if not marks.of(value) & marks.TEMPLATE:
        return value
    if isinstance(value, str):
        path = plain_field(value)
        found, result = lookup(context, path) if path else (False, None)
        return result if found else value
    if isinstance(value, dict):
        return {key: structured(item, context) for key, item in value.items()}
    return [structured(item, context) for item in value]


def render_text(text: str, data: Any, rendering: Rendering) -> str:
    """Render one template. Raises TemplateError with Go's text."""
    if rendering.delimiters[0] not in text:
        return text
    template = rendering.library.parse(text, rendering.name, rendering.delimiters)
    return template.render(data, missingkey=rendering.missing)


def render_value(value: Any, data: Any, rendering: Rendering) -> Any:
    """The value with all its templates rendered. Raises TemplateError; line numbers are those of the YAML dump."""
    if rendering.delimiters == DELIMITERS:
        try:
            return _strings(value, data, rendering)
        except (_LongWay, TemplateError):
            pass  # once more, whole: it works there, or fails with the error text that is expected
    return render_whole(value, data, rendering)


def render_whole(value: Any, data: Any, rendering: Rendering) -> Any:
    """The rule itself: dump, render, parse."""
    text = yamldump.dump(value, quotes_matter=any("'" in each for each in rendering.delimiters))
    for _ in range(rendering.evaluations):
        text = render_text(text, data, rendering)
    try:
        return goyaml.load(text, name=rendering.name).value
    except goyaml.YamlError as error:
        raise TemplateError(error.message) from error


def _strings(value: Any, data: Any, rendering: Rendering) -> Any:
    """The value itself where nothing in it is a template, else a copy with what is rendered."""
    kind = type(value)
    if kind is str:
        return _string(value, data, rendering) if "{{" in value or "}}" in value else value
    if (kind is not dict and kind is not list) or marks.free_of(value, marks.TEMPLATE):
        return value
    if kind is list:
        items = [_strings(item, data, rendering) for item in value]
        return value if all(new is old for new, old in zip(items, value, strict=True)) else items
    result = value
    for key, item in value.items():
        if "{{" in key:
            raise _LongWay
        done = _strings(item, data, rendering)
        if done is not item:
            if result is value:
                result = dict(value)
            result[key] = done
    return result


def _string(text: str, data: Any, rendering: Rendering) -> Any:
    """One string, rendered inside the quotes that the encoder puts around it."""
    source, style = _as_scalar(text)
    done = source
    for _ in range(rendering.evaluations):
        if "{{" in done or "}}" in done:
            # Without the name: a failure is reported by the long way, and one parsed template serves all components.
            done = rendering.library.parse(done, "", DELIMITERS).render(data, missingkey=rendering.missing)
    if done == source:
        return text
    if style == "plain":
        return _plain_result(done)
    if style == "literal" and done.count("\n") != source.count("\n"):
        raise _LongWay
    inner = done[1:-1]
    if style in _HARMLESS and not any(char in inner for char in _HARMLESS[style]):
        return inner
    try:
        result = goyaml.load(f"v: {done}\nw: 1\n", name=rendering.name).value
    except goyaml.YamlError as error:
        raise _LongWay from error
    if not isinstance(result, dict) or list(result) != ["v", "w"] or not isinstance(result["v"], str):
        raise _LongWay
    return result["v"]


def _plain_result(text: str) -> Any:
    if not text or "\n" in text or not yamldump.plain_allowed(text):
        raise _LongWay
    return {} if (found := resolve("", text))[0] == "!!timestamp" else found[1]


@lru_cache(maxsize=16384)
def _as_scalar(text: str) -> tuple[str, str]:
    """How the string stands in the YAML dump, and its style. Raises where it may reach beyond itself."""
    style = yamldump.style_of(text)
    if _ACROSS.search(text) or (style in ("plain", "literal") and (text.rstrip().endswith("-}}") or "{{-" in text[:3])):
        raise _LongWay
    return yamldump.scalar(text, 2), style
