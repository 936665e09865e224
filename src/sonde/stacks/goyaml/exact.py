"""The whole road for documents that are not common: syntax errors in yaml.v3's words, then `decode`."""

from typing import Any

from yaml import YAMLError
from yaml._yaml import CParser
from yaml.error import MarkedYAMLError
from yaml.parser import ParserError
from yaml.reader import ReaderError
from yaml.scanner import ScannerError
from yaml.tokens import BlockEndToken

from sonde.stacks.goyaml import nodes
from sonde.stacks.goyaml.decode import decode
from sonde.stacks.goyaml.model import YamlError

MOST_MENDS = 100


def load(raw: bytes, name: str, *, mapping: bool, key_delimiter: str = "") -> Any:
    """Compose and decode the first document; every failure is a `YamlError` that names the file."""
    try:
        return decode(compose(raw, key_delimiter), name, mapping=mapping)
    except YamlError as error:
        error.name = name
        raise
    except YAMLError as error:
        raise syntax_error(error, name) from None
    except RecursionError:
        raise YamlError("yaml: nested too deep", name) from None


def compose(raw: bytes, key_delimiter: str = "") -> nodes.Node | None:
    """Compose the first document, delimited keys split. Raises libyaml's errors and `YamlError`."""
    root = _compose(raw)
    if root is not None and key_delimiter:
        from sonde.stacks.goyaml import delimited

        delimited.expand(root, key_delimiter)
    return root


def _compose(raw: bytes, *, mend: bool = True) -> nodes.Node | None:
    """Compose as yaml.v3 would: mended where libyaml refuses too much, and with the errors it meets by scanning ahead."""
    try:
        root = nodes.compose(raw)
    except ScannerError:
        mended = _mended(raw) if mend else raw
        if mended is raw:
            raise
        return _compose(mended, mend=False)
    except ParserError as error:
        mark: Any = error.problem_mark
        raise _scanned_ahead(raw, mark.index) or error from None
    except YamlError as error:
        earlier = None if error.unknown_anchor_at is None else _scanned_ahead(raw, error.unknown_anchor_at)
        raise earlier or error from None
    behind = None if root is None or root.followed_at is None else _scanned_ahead(raw, root.followed_at)
    if behind is not None:
        raise behind
    return root


def _mended(raw: bytes) -> bytes:
    r"""Rewrite what yaml.v3 reads and libyaml refuses: the escape `\'`, and a plain `b:` before a flow indicator."""
    for _ in range(MOST_MENDS):
        scanner = CParser(raw)
        try:
            while scanner.get_token() is not None:
                pass
            return raw
        except ScannerError as error:
            mended = _mend(raw, error)
        except YAMLError:
            return raw
        if mended is None:
            return raw
        raw = mended
    return raw


def _mend(raw: bytes, error: ScannerError) -> bytes | None:
    mark: Any = error.problem_mark
    text = raw.decode("utf-8-sig", "replace")
    at = mark.index
    if error.problem == "found unknown escape character" and text[at : at + 2] == "\\'":
        return (text[:at] + "\\x27" + text[at + 2 :]).encode()
    if error.problem == "found unexpected ':'" and error.context_mark is not None:
        context: Any = error.context_mark
        scalar = text[context.index : at + 1]
        quoted = scalar.replace("'", "''")
        return f"{text[: context.index]}'{quoted}'{text[at + 1 :]}".encode()
    return None


def _scanned_ahead(raw: bytes, index: int) -> YAMLError | None:
    """The scanner's error within two tokens behind the one at `index`: yaml.v3 scans that far ahead, so it meets it first."""
    scanner = CParser(raw)
    ahead, reached = 2, False
    try:
        while ahead and (token := scanner.get_token()) is not None:
            mark: Any = token.start_mark
            ahead -= reached
            reached = reached or (mark.index >= index and not isinstance(token, BlockEndToken))
    except ScannerError as error:
        return error
    except YAMLError:
        return None
    return None


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
