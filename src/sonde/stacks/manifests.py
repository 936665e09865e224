"""Files as values: each is read once and parsed once (stacks.md §3, §7 `!include`)."""

import json
import posixpath
import shlex
from collections.abc import Callable
from typing import Any

from sonde.stacks import goyaml, marks
from sonde.stacks.errors import StacksError
from sonde.stacks.goyaml import Tagged
from sonde.stacks.merge import APPEND_KEY, Section
from sonde.stacks.project import Project
from sonde.stacks.tree import Tree

YAML_EXTENSIONS = (".yaml", ".yml", ".yaml.tmpl", ".yml.tmpl")
REMOTE = ("http://", "https://", "s3://", "gcs://", "git://", "oci://", "scp://", "sftp://", "github://")


class Manifests:
    """The files of one tree. Values handed out are shared: nobody may change them."""

    def __init__(self, project: Project, tree: Tree) -> None:
        self.project = project
        self.tree = tree
        self._texts: dict[str, str] = {}
        self.parsed: dict[tuple[str, str], Section] = {}

    def text(self, path: str) -> str:
        """The file's text. Raises FileNotFoundError."""
        known = self._texts.get(path)
        if known is None:
            known = self._texts[path] = self.tree.read_bytes(path).decode("utf-8", "surrogateescape")
        return known

    @property
    def read(self) -> list[str]:
        """The paths of all files read so far."""
        return list(self._texts)

    def parse(self, path: str, text: str) -> Section:
        """The mapping in `text`, which stands in (or was rendered from) the file. Raises YamlError and StacksError."""
        key = (path, text)
        known = self.parsed.get(key)
        if known is None:
            raw, delimiter = text.encode("utf-8", "surrogateescape"), self.project.key_delimiter
            loaded = goyaml.load_mapping(raw, name=path, key_delimiter=delimiter).value or {}
            known = self._untag(loaded, path) if "!" in text else loaded
            marks.mark(known)
            self.parsed[key] = known
        return known

    def adopt(self, other: "Manifests") -> None:
        """Take over what the files of another tree parsed to; a text that includes other files is parsed anew."""
        self.parsed.update({key: value for key, value in other.parsed.items() if "!include" not in key[1]})

    def _untag(self, value: Any, path: str) -> Any:
        """Functions become the strings that stand for them; `!include` is replaced by what it names."""
        if isinstance(value, dict):
            return {key: self._untag(item, path) for key, item in value.items()}
        if isinstance(value, list):
            return [self._untag(item, path) for item in value]
        if not isinstance(value, Tagged):
            return value
        if value.tag == "!append":
            return {APPEND_KEY: self._untag(value.value, path)} if isinstance(value.value, list) else value.value
        if value.tag in ("!include", "!include.raw"):
            return self.include(value.value, path, raw=value.tag == "!include.raw")
        return value.text

    def include(self, argument: str, manifest: str, *, raw: bool) -> Any:
        """`!include file [query]`: the file's content by its extension (stacks.md §7)."""
        name, query = split_include(argument)
        path = self._included_path(name, manifest)
        if path is None:
            raise StacksError(
                f"the !include function references a file that does not exist: could not find local file '{name}' (tried relative to manifest "
                f"'{manifest}' and base path '{self.project.base_path}')"
            )
        value = parse_by_extension(self.text(path), path, raw=raw)
        if query:
            from sonde.stacks import yq

            value = yq.evaluate(value, query)
        return value

    def _included_path(self, name: str, manifest: str) -> str | None:
        if name.startswith(REMOTE):
            raise StacksError(f"'!include {name}' names a remote file", hints=["Vendor the file and include the copy."])
        if name.startswith("/"):
            candidates = [name]
        else:
            near = posixpath.dirname(manifest) if name.startswith(("./", "../")) else self.project.cwd
            candidates = [posixpath.join(near, name), posixpath.join(self.project.base_path, name)]
        return next((path for each in candidates if self.tree.exists(path := posixpath.normpath(each))), None)


def split_include(argument: str) -> tuple[str, str]:
    """File and yq expression; both may be quoted."""
    text = argument.strip()
    if text[:1] in "'\"" and text:
        end = text.find(text[0], 1)
        name, rest = (text[1:end], text[end + 1 :]) if end > 0 else (text, "")
    else:
        name, _, rest = text.partition(" ")
    rest = rest.strip()
    if len(rest) > 1 and rest[0] in "'\"" and rest[-1] == rest[0]:
        rest = rest[1:-1]
    return name, rest


def parse_by_extension(text: str, path: str, *, raw: bool = False) -> Any:
    """JSON, YAML, HCL and dotenv files as values; anything else, or `raw`, as text."""
    name = posixpath.basename(path).lower()
    extension = ".env" if name.startswith(".env") else posixpath.splitext(name)[1]
    parser = None if raw else PARSERS.get(extension)
    return parser(text, path) if parser else text


def _yaml(text: str, path: str) -> Any:
    return goyaml.load(text, name=path).value


def _json(text: str, path: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise StacksError(f"{path}: not JSON: {error}") from error


def _hcl(text: str, path: str) -> Any:
    from sonde.stacks import hcl

    return hcl.attributes(text, path)


def _dotenv(text: str, path: str) -> dict[str, str]:
    del path
    found = {}
    for line in text.splitlines():
        name, equals, value = line.strip().removeprefix("export ").partition("=")
        if equals and not name.startswith("#"):
            found[name.strip()] = "".join(shlex.split(value, comments=True)) if value.strip() else ""
    return found


PARSERS: dict[str, Callable[[str, str], Any]] = {
    ".json": _json,
    ".yaml": _yaml,
    ".yml": _yaml,
    ".hcl": _hcl,
    ".tf": _hcl,
    ".tfvars": _hcl,
    ".env": _dotenv,
}
