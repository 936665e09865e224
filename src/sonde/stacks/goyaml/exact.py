"""The whole road for documents that are not common: syntax errors in yaml.v3's words, then `decode`."""

from typing import Any

from yaml import YAMLError
from yaml.error import MarkedYAMLError
from yaml.reader import ReaderError
from yaml.scanner import ScannerError

from sonde.stacks.goyaml import nodes
from sonde.stacks.goyaml.decode import decode
from sonde.stacks.goyaml.model import YamlError


def load(raw: bytes, name: str, *, mapping: bool) -> Any:
    """Compose and decode the first document; every failure is a `YamlError` that names the file."""
    try:
        return decode(nodes.compose(raw), name, mapping=mapping)
    except YamlError as error:
        error.name = name
        raise
    except YAMLError as error:
        raise syntax_error(error, name) from None
    except RecursionError:
        raise YamlError("yaml: nested too deep", name) from None


def syntax_error(error: YAMLError, name: str) -> YamlError:
    """Put libyaml's error in yaml.v3's words: its line is the context's, and a parser's line counts from 0 there."""
    if isinstance(error, MarkedYAMLError):
        mark = error.problem_mark
        line = next((m.line for m in (error.context_mark, mark) if m is not None and m.line), 0)
        shown = line + isinstance(error, ScannerError) if line else 0
        where = f"line {shown}: " if shown else ""
        position = (mark.line + 1, mark.column + 1) if mark else (None, None)
        return YamlError(f"yaml: {where}{error.problem or 'unknown problem parsing YAML content'}", name, *position)
    if isinstance(error, ReaderError):
        return YamlError(f"yaml: {error.reason}", name)
    return YamlError(f"yaml: {error}", name)
