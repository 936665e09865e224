"""The public face: parse once, render often."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final, Literal

from sonde.gotemplate.builtins import BUILTINS
from sonde.gotemplate.compile import Program
from sonde.gotemplate.errors import TemplateError
from sonde.gotemplate.parser import Tree, parse_tree
from sonde.gotemplate.strconv import quote

MissingKey = Literal["default", "zero", "error"]

_parse_tree = lru_cache(maxsize=512)(parse_tree)


class Template:
    """A parsed template bound to its functions."""

    __slots__ = ("_functions", "_programs", "_tree")

    def __init__(self, tree: Tree, functions: Mapping[str, Any]) -> None:
        self._tree = tree
        self._functions = functions
        self._programs: dict[str, Program] = {}

    def render(self, data: Any, *, missingkey: MissingKey = "default") -> str:
        """The output for the data, a plain Python value; TemplateError with place if it cannot be executed."""
        program = self._programs.get(missingkey)
        if program is None:
            program = self._programs[missingkey] = Program(self._tree, self._functions, missingkey)
        try:
            output = program.render(data)
        except RecursionError:
            raise TemplateError(f"template: {self._tree.name}: exceeded maximum template depth (100000)") from None
        return output if output.isascii() else _without_stray_bytes(output)


_STRAY: Final = dict.fromkeys(range(56448, 56576), "�")


def _without_stray_bytes(text: str) -> str:
    """Bytes that are no UTF-8 (half a character, cut by `trunc`) come out as U+FFFD, one for each, as from Go."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "surrogateescape").translate(_STRAY)


def parse(
    text: str, *, name: str, delims: tuple[str, str] = ("{{", "}}"), functions: Mapping[str, Any] | None = None
) -> Template:
    """Parse a template under a name that errors will show.

    `functions` holds what a template may call beside Go's builtins: GoFunc, plain callables, and for a dotted namespace a
    mapping or an object. Raises TemplateError if the text does not parse or names an unknown function.
    """
    tree = _parse_tree(text, name, *delims)
    table = functions if functions is not None else {}
    for used in tree.functions:
        if used.name not in table and used.name not in BUILTINS:
            raise tree.parse_error(used.pos, f"function {quote(used.name)} not defined")
    if tree.failure is not None:
        raise TemplateError(tree.failure.message)
    return Template(tree, table)
