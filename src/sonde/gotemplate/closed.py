"""Templates from strangers: field access and a short list of pure functions, under limits (reliability.md T9).

No {{define}}, {{template}} or {{block}}, no environment, disk, clock or network, no regular expressions. Work is counted
in steps: one for each node that runs and one for every 64 characters that a function is given. What is printed must have
a value: an absent field is an error unless `default`, `or` or a condition takes care of it.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from sonde.gotemplate.builtins import BUILTINS
from sonde.gotemplate.compile import Program, weight
from sonde.gotemplate.errors import FunctionError, TemplateError
from sonde.gotemplate.nodes import Action, Block, Branch, Call, Chain, Command, Pipe
from sonde.gotemplate.parser import Tree, parse_tree
from sonde.gotemplate.strconv import quote
from sonde.gotemplate.values import GoFunc

MAX_TEXT: Final = 4 * 1024  # characters of a template
MAX_WIDTH: Final = 256  # width and precision of printf
_PER_STEP: Final = 64  # characters of arguments that cost one step

# text/template's own
_BUILTIN: Final = "eq ne lt le gt ge not len index print printf"
# sprig's, by library
_SPRIG: Final = {
    "sprig_strings": (
        "lower upper title trim trimAll trimPrefix trimSuffix replace contains hasPrefix hasSuffix quote squote join "
        "splitList toString trunc nospace snakecase kebabcase camelcase"
    ),
    "sprig_defaults": "default empty coalesce ternary toJson",
    "sprig_lists": "list first last has",
    "sprig_math": "int",
}
# these look at a container only from outside, however large it is
_SHALLOW: Final = frozenset(
    [
        "default",
        "empty",
        "coalesce",
        "ternary",
        "not",
        "len",
        "index",
        "list",
        "first",
        "last",
        "eq",
        "ne",
        "lt",
        "le",
        "gt",
        "ge",
    ]
)
ALLOWED: Final = frozenset((*_BUILTIN.split(), *" ".join(_SPRIG.values()).split(), "and", "or"))


def render_closed(
    text: str,
    data: Mapping[str, Any],
    *,
    max_steps: int = 10_000,
    max_output: int = 64 * 1024,
    max_depth: int = 16,
    name: str = "input",
) -> str:
    """The output of an untrusted template over plain data; TemplateError says which limit or rule it broke."""
    if len(text) > MAX_TEXT:
        raise TemplateError(f"template: {name}: the template is longer than {MAX_TEXT} characters")
    tree = parse_tree(text, name, "{{", "}}")
    _check_functions(tree)
    _check_shape(tree, max_depth)
    limits = _Limits(name, max_steps, max_output)
    limits.charge(weight(tree.blocks[name]))
    program = Program(tree, _Functions(limits), "closed", limits.charge)
    try:
        return program.render(data, limits.writer)
    except RecursionError:
        raise TemplateError(f"template: {name}: the template is nested too deeply") from None


class _Limits:
    """Steps and characters that are left."""

    def __init__(self, name: str, steps: int, output: int) -> None:
        self.name = name
        self.max_steps = self.steps = steps
        self.max_output = self.room = output

    def charge(self, cost: int) -> None:
        self.steps -= cost
        if self.steps < 0:
            raise TemplateError(f"template: {self.name}: the template takes more than {self.max_steps} steps")

    def writer(self, out: list[str]) -> Callable[[str], None]:
        def write(piece: str) -> None:
            self.room -= len(piece)
            if self.room < 0:
                raise TemplateError(f"template: {self.name}: the output is longer than {self.max_output} characters")
            out.append(piece)

        return write

    def fits(self, size: int) -> None:
        """A text of this size may be made."""
        if size > self.max_output:
            raise FunctionError(f"a text of {size} characters is longer than {self.max_output}")

    def weigh(self, value: Any) -> int:
        """Characters of a value and all in it, as they would be printed, at least; stops at the limit."""
        total = 0
        stack = [value]
        while stack:
            item = stack.pop()
            if isinstance(item, Mapping):
                self.fits(total + 2 * len(item))
                stack.extend(item.keys())
                stack.extend(item.values())
            elif isinstance(item, (list, tuple)):
                self.fits(total + 2 * len(item))
                stack.extend(item)
            else:
                total += len(item) if isinstance(item, (str, bytes)) else 4
            self.fits(total)
        return total


def _check_functions(tree: Tree) -> None:
    for used in tree.functions:
        if used.name not in ALLOWED:
            raise tree.parse_error(used.pos, f"function {quote(used.name)} not defined")
    if tree.failure is not None:
        raise TemplateError(tree.failure.message)


def _check_shape(tree: Tree, max_depth: int) -> None:
    """No named templates, and no more than `max_depth` blocks and parentheses in each other."""
    if len(tree.blocks) > 1:
        raise TemplateError(f"template: {tree.name}: define and block are not allowed here")
    stack: list[tuple[Any, int]] = [(tree.blocks[tree.name], 0)]
    while stack:
        node, depth = stack.pop()
        if isinstance(node, Call):
            raise tree.parse_error(node.pos, "template is not allowed here")
        if depth > max_depth:
            raise tree.parse_error(node.pos, f"more than {max_depth} levels of blocks and parentheses")
        stack.extend((inner, depth + isinstance(node, (Branch, Command, Chain))) for inner in _inner(node))


def _inner(node: Any) -> Iterator[Any]:
    if isinstance(node, Block):
        yield from node.nodes
    elif isinstance(node, Branch):
        yield from (part for part in (node.pipe, node.body, node.otherwise) if part is not None)
    elif isinstance(node, Action):
        yield node.pipe
    elif isinstance(node, Pipe):
        yield from node.commands
    elif isinstance(node, Command):
        yield from (arg for arg in node.args if isinstance(arg, (Pipe, Chain)))
    elif isinstance(node, Chain) and isinstance(node.node, Pipe):
        yield node.node


class _Functions(Mapping[str, GoFunc]):
    """The allowed functions, each paying for what it is given and refusing to make too much."""

    def __init__(self, limits: _Limits) -> None:
        self.limits = limits

    def __getitem__(self, name: str) -> GoFunc:
        if name not in ALLOWED or name in ("and", "or"):
            raise KeyError(name)
        return _guarded(name, _library_function(name), self.limits)

    def __iter__(self) -> Iterator[str]:
        return iter(ALLOWED - {"and", "or"})

    def __len__(self) -> int:
        return len(ALLOWED) - 2


_NAMES: Final = {name: library for library, names in _SPRIG.items() for name in names.split()}
_TABLES: Final[dict[str, Mapping[str, GoFunc]]] = {}


def _library_function(name: str) -> GoFunc:
    library = _NAMES.get(name)
    if library is None:
        return BUILTINS[name]
    if library not in _TABLES:
        from importlib import import_module

        from sonde.gotemplate.functions.host import NO_HOST

        _TABLES[library] = import_module(f"sonde.gotemplate.functions.{library}").table(NO_HOST)
    return _TABLES[library][name]


def _guarded(name: str, function: GoFunc, limits: _Limits) -> GoFunc:
    call, foresee, shallow = function.call, _FORESEE.get(name), name in _SHALLOW

    def guarded(*args: Any) -> Any:
        weights = [len(arg) if isinstance(arg, str) else 4 if shallow else limits.weigh(arg) for arg in args]
        limits.charge(1 + sum(weights) // _PER_STEP)
        if foresee is not None:
            size = foresee(*args)
            limits.fits(size)
            limits.charge(size // _PER_STEP)
        result = call(*args)
        if isinstance(result, str):
            limits.fits(len(result))
        return result

    guard = GoFunc(guarded)
    guard.params, guard.variadic = function.params, function.variadic
    return guard


def _replaced(old: str, new: str, text: str) -> int:
    return len(text) + text.count(old) * max(0, len(new) - len(old))


def _joined(mark: str, value: Any) -> int:
    return len(mark) * max(0, len(value) - 1) if isinstance(value, (list, tuple)) else 0


_WIDTHS: Final = re.compile(r"[0-9]+|\*")
_VERB: Final = re.compile(r"%([+\-# 0-9.\[\]*]*)")


def _printed(template: str, *args: Any) -> int:
    """An upper bound of what printf makes, and the rule on widths."""
    verbs = _VERB.findall(template)
    for flags in verbs:
        for number in _WIDTHS.findall(re.sub(r"\[[^\]]*\]", "", flags)):
            if number == "*" or len(number) > 6 or int(number) > MAX_WIDTH:
                raise FunctionError(f"a width or precision of {number[:12]} is not allowed: at most {MAX_WIDTH}")
    largest = max((len(arg) for arg in args if isinstance(arg, str)), default=0)
    return len(template) + len(verbs) * largest


_FORESEE: Final[dict[str, Callable[..., int]]] = {"replace": _replaced, "join": _joined, "printf": _printed}
