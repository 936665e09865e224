"""YAML as yaml.v3 reads it, on PyYAML's node graph: scalars are resolved here, by YAML 1.2 with yaml.v3's extras."""

import re
from typing import Any, Final

import yaml

from sonde.gotemplate.errors import FunctionError
from sonde.gotemplate.functions.casts import conv_string
from sonde.gotemplate.values import INT_MIN

_WORDS: Final = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), float("inf")),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), float("-inf")),
}
_FLOAT: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_INTEGERS: Final = (
    (re.compile(r"[-+]?(0|[1-9][0-9]*)"), 10),
    (re.compile(r"[-+]?0[xX][0-9a-fA-F]+"), 16),
    (re.compile(r"[-+]?0[bB][01]+"), 2),
    (re.compile(r"[-+]?0[oO]?[0-7]+"), 8),
)
_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_STR: Final = "tag:yaml.org,2002:str"
_UINT_MAX: Final = 2**64 - 1
_MAX_NODES: Final = 100_000


def resolve(text: str) -> Any:
    """What a plain scalar is."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in "+-.0123456789":
        return text
    plain = text.replace("_", "")
    for pattern, base in _INTEGERS:
        if pattern.fullmatch(plain):
            return _integer(plain, base)
    return float(plain) if _FLOAT.fullmatch(plain) else text


def _integer(plain: str, base: int) -> int | float:
    digits = plain if base != 8 else re.sub(r"^([-+]?)0[oO]?", r"\1", plain)
    number = int(digits or "0", base)
    return number if INT_MIN <= number <= _UINT_MAX else float(number)


def load(text: str) -> Any:
    """The first document; FunctionError with yaml's complaint. Keys become strings, as gomplate makes them."""
    loader = _LOADER(text)
    try:
        node = loader.get_node() if loader.check_node() else None
        return None if node is None else _Builder(loader).value(node)
    except yaml.YAMLError as error:
        raise FunctionError(f"yaml: {_where(error)}{getattr(error, 'problem', None) or error}") from None
    except UnicodeEncodeError:
        raise FunctionError("yaml: invalid leading UTF-8 octet") from None
    finally:
        loader.dispose()


def _where(error: yaml.YAMLError) -> str:
    """yaml.v3 names the line where the context began, if that is not the first."""
    marks = (getattr(error, "context_mark", None), getattr(error, "problem_mark", None))
    line = next((int(mark.line) for mark in marks if mark is not None and mark.line), 0)
    return f"line {line + isinstance(error, yaml.scanner.ScannerError)}: " if line else ""


class _Builder:
    """Nodes to values; counts them, so that aliases cannot multiply without end."""

    def __init__(self, loader: Any) -> None:
        self.loader = loader
        self.count = 0

    def value(self, node: yaml.Node) -> Any:
        self.count += 1
        if self.count > _MAX_NODES:
            raise FunctionError("yaml: document contains excessive aliasing")
        if isinstance(node, yaml.MappingNode):
            return self.mapping(node)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item) for item in node.value]
        return self.scalar(node)

    def scalar(self, node: yaml.Node) -> Any:
        text = str(node.value)
        if node.tag == "tag:yaml.org,2002:binary":
            from sonde.gotemplate.functions.encoding import text64

            return text64(text)
        if node.tag == "tag:yaml.org,2002:float" and isinstance(resolve(text), int):
            return float(resolve(text))
        return resolve(text) if self.resolves(node, text) else text

    def resolves(self, node: yaml.Node, text: str) -> bool:
        """Whether the text stands for what it looks like: plain without !!str, or quoted under a tag such as !!int."""
        if getattr(node, "style", None) not in (None, ""):
            return bool(node.tag.startswith("tag:yaml.org,2002:")) and node.tag != _STR
        return node.tag != _STR or self.loader.resolve(yaml.ScalarNode, text, (True, False)) == _STR

    def mapping(self, node: yaml.MappingNode) -> dict[str, Any]:
        result: dict[str, Any] = {}
        merged: list[dict[str, Any]] = []
        for key_node, value_node in node.value:
            if key_node.tag == "tag:yaml.org,2002:merge":
                merged.extend(self.merges(value_node))
                continue
            key = self.value(key_node)
            name = key if isinstance(key, str) else conv_string(key)
            if name in result:
                raise FunctionError(
                    f'yaml: unmarshal errors:\n  line {key_node.start_mark.line + 1}: mapping key "{name}" already defined'
                )
            result[name] = self.value(value_node)
        for source in merged:
            result = {**source, **result}
        return result

    def merges(self, node: yaml.Node) -> list[dict[str, Any]]:
        nodes = node.value if isinstance(node, yaml.SequenceNode) else [node]
        values = [self.value(item) for item in nodes]
        if not all(isinstance(value, dict) for value in values):
            raise FunctionError("yaml: map merge requires map or sequence of maps as the value")
        return values
